"""The handmade decoder, batched, beside the article's form and beside mere reading."""

from collections.abc import Iterator

import torch

from benchmarks.timing import paired, ratio
from coordlib.grid import index_grid
from coordlib.lab.models.handmade import decode, decode_scipy, paint_pixel
from coordlib.lab.record.result import Row, rows

CONFIG = {"size": [70, 100], "batches": [100, 1000, 7000], "rounds": 9}


def measure(size: list[int], batches: list[int], rounds: int) -> Iterator[Row]:
    """Time batches of pictures, each with one lit pixel.

    Yields
    ------
    str, float
        Names are ``batch of N | quantity``. ``scipy/ours`` compares the time for one
        picture; ``rows/ours`` the time of one pass over the pictures, which takes the
        largest number of each row, with the time that decoding takes, so that 0.5 is
        half of the speed of that pass; ``reading/rows`` is how much of it adding all
        pixels up takes.
    """
    positions = index_grid(size).flatten(1).T
    generator = torch.Generator().manual_seed(0)
    positions = positions[torch.randperm(len(positions), generator=generator)]
    for count in batches:
        images = paint_pixel(positions[:count], tuple(size))
        if not torch.equal(decode(images), positions[:count].float()):
            raise ArithmeticError(
                "the decoder is wrong, and its speed is worth nothing"
            )
        single = images[0, 0].numpy()
        times = paired(
            {
                "ours": lambda images=images: decode(images),
                "reading": lambda images=images: images.sum(),
                "rows": lambda images=images: images.amax(-1),
                "scipy": lambda single=single: decode_scipy(single),
            },
            rounds=rounds,
        )
        times["ours"] = [t / count for t in times["ours"]]
        for of in ("reading", "rows"):
            times[of] = [t / count for t in times[of]]
        middle = 1000 * sorted(times["scipy"])[rounds // 2]
        yield from rows({"milliseconds": middle}, batch=count, of="scipy")
        for of, to in (("scipy", "ours"), ("rows", "ours"), ("reading", "rows")):
            yield from ratio(times, of, to).rows(batch=count, of=f"{of}/{to}")
