"""The handmade decoder, batched, beside the article's form and beside mere reading."""

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.timing import paired, ratio
from coordlib.grid import index_grid
from coordlib.lab.models.handmade import decode, decode_scipy, paint_pixel
from coordlib.lab.record.result import Row, rows

PROCESSES = 3
CONFIG = {"size": [70, 100], "batches": [100, 1000, 7000], "rounds": 9}


def lit_rows(images: Tensor) -> Tensor:
    """The rows with anything in them, taken out: the least that a decoder has to do."""
    rows = images.flatten(0, 2)
    return rows.index_select(0, (rows.amax(-1) > 0).nonzero()[:, 0])


def measure(size: list[int], batches: list[int], rounds: int) -> Iterator[Row]:
    """Time batches of pictures, each with one lit pixel.

    Yields
    ------
    Row
        By ``batch`` and ``of``, what is compared. ``scipy/ours`` compares the time for
        one picture; ``found/ours`` the time of one pass over the pictures, which finds
        the rows with anything in them and takes them out, with the time that decoding
        takes, so that 0.5 is half of the speed of that pass; ``calls/ours`` what the
        calls after that pass cost where there is hardly anything to compute, of one
        picture.
        ``rows/ours`` is a pass that only takes the largest number of each row, and
        ``reading/rows`` how much of that adding all pixels up takes.
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
                "found": lambda images=images: lit_rows(images),
                "one": lambda images=images: decode(images[:1]),
                "one found": lambda images=images: lit_rows(images[:1]),
                "scipy": lambda single=single: decode_scipy(single),
            },
            rounds=rounds,
        )
        alone = zip(times["one"], times["one found"], strict=True)
        times["calls"] = [all_of_it - passing for all_of_it, passing in alone]
        for of in ("ours", "reading", "rows", "found", "calls"):
            times[of] = [t / count for t in times[of]]
        middle = 1000 * sorted(times["scipy"])[rounds // 2]
        yield from rows({"milliseconds": middle}, batch=count, of="scipy")
        for of in ("scipy", "found", "calls", "rows"):
            yield from ratio(times, of, "ours").rows(batch=count, of=f"{of}/ours")
        yield from ratio(times, "reading", "rows").rows(batch=count, of="reading/rows")
