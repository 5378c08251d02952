"""Results made by hand."""

from coordlib.lab.record.result import Row, rows


def result_rows(seeds: dict[int, dict[str, float]]) -> list[Row]:
    """Write down numbers without axes, by seed and metric."""
    return [row for seed, found in seeds.items() for row in rows(found, seed=seed)]
