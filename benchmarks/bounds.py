"""What the layers should reach, beside what was measured last.

``python -m benchmarks bounds`` prints the table. Each bound speaks about the cases of a
benchmark that it names, those that suit a layer and those that do not; it was fixed
before the layer was made faster. A bound of a worst case is missed by what timing
leaves uncertain where two layers take equal times.
"""

from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

from coordlib.lab.record import results
from coordlib.lab.record.result import Result


class Bound(NamedTuple):
    """One thing to reach: ``measured`` is to be at most, or at least, ``bound``."""

    name: str
    measured: float
    sense: str
    bound: float

    @property
    def reached(self) -> bool:
        """Whether it holds."""
        if self.sense == "<=":
            return self.measured <= self.bound
        return self.measured >= self.bound


def bounds(read: Callable[[str], Result]) -> Iterator[Bound]:
    """Every bound of every benchmark.

    Parameters
    ----------
    read : callable
        From the name of a benchmark to its result.

    Yields
    ------
    Bound
    """
    yield from _layer(read("coordconv"), read("compiled"))
    yield from _pooling(read("pooling"))
    yield from _decoder(read("decoder"))
    yield from _training(read("classification"))


def stored(name: str) -> Result:
    """The result of a benchmark, as it was measured last."""
    return results.load(results.path(f"speed-{name}", "cpu"))


def lines(found: list[Bound]) -> list[str]:
    """A table in text: name, bound, measured, and by how much it is missed."""
    reached = sum(one.reached for one in found)
    rows = [f"{reached} of {len(found)} bounds are reached"]
    for one in found:
        over = max(one.measured / one.bound, one.bound / one.measured)
        missed = "" if one.reached else f"  missed by a factor of {over:.3g}"
        rows.append(
            f"{one.name:42s} {one.sense} {one.bound:<6g} {one.measured:8.4g}{missed}"
        )
    return rows


def _values(result: Result, **axes: object) -> list[float]:
    return [row["value"] for row in result.select(metric="ratio", **axes)]


def _layer(layer: Result, compiled: Result) -> Iterator[Bound]:
    plain, joined = {"of": "ours/plain"}, {"of": "concatenated/ours"}
    training = _values(layer, work="training", **plain)
    forward = _values(layer, work="forward", **plain)
    gain = _values(layer, work="training", **joined)
    smallest = _values(layer, work="training", kernel=1, **joined)
    memory = _values(layer, work="memory", **plain)
    yield Bound("training, median", median(training), "<=", 1.05)
    yield Bound("training, worst", max(training), "<=", 1.15)
    yield Bound("forward, median", median(forward), "<=", 1.10)
    yield Bound("forward, worst", max(forward), "<=", 1.25)
    yield Bound("concatenated / ours, training", median(gain), ">=", 1.2)
    yield Bound("concatenated / ours, 1x1", median(smallest), ">=", 2)
    yield Bound("memory of training, median", median(memory), "<=", 1.02)
    yield Bound("memory of training, worst", max(memory), "<=", 1.02)
    yield Bound("compiled, worst", max(_values(compiled, **plain)), "<=", 1.05)


def _pooling(pooling: Result) -> Iterator[Bound]:
    small, batch = {"count": 1}, {"count": 16}
    flat = batch | {"layout": "contiguous", "compiled": False}
    last = batch | {"layout": "channels_last", "compiled": False}
    for name, axes, bound in (
        ("max, forward", {"kind": "max", "work": "forward", **flat}, 0.2),
        ("max, training", {"kind": "max", "work": "training", **flat}, 0.5),
        ("max, channels last", {"kind": "max", **last}, 1),
        ("max, small picture", {"kind": "max", **small}, 1),
        ("blur", {"kind": "blur", **batch}, 1),
        ("blur, small picture", {"kind": "blur", **small}, 1),
        ("pooling, compiled", {"compiled": True}, 1),
    ):
        worst = max(_values(pooling, of="ours/fastest", **axes))
        yield Bound(f"{name}, worst", worst, "<=", bound)
    memory = [row["value"] for row in pooling.select(work="memory")]
    yield Bound("memory of pooling, worst", max(memory), "<=", 1)


def _decoder(decoder: Result) -> Iterator[Bound]:
    for count in decoder.config["batches"]:
        scipy = decoder.mean("ratio", of="scipy/ours", batch=count)
        reading = decoder.mean("ratio", of="reading/ours", batch=count)
        yield Bound(f"scipy / decoder, {count} pictures", scipy, ">=", 1000)
        yield Bound(f"reading / decoder, {count} pictures", reading, ">=", 0.5)


def _training(trained: Result) -> Iterator[Bound]:
    for split in ("uniform", "quadrant"):
        ours, paper = (
            trained.mean("seconds", split=split, arm=arm) for arm in ("ours", "paper")
        )
        yield Bound(f"paper / ours, {split}", paper / ours, ">=", 3)
