"""From a line drawing to a garment: does the picture move as the drawing does (Z07)?"""

from collections.abc import Callable
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.grid import shift
from coordlib.lab.data import fashion_mnist, garments
from coordlib.lab.experiments.aliasing import pictures
from coordlib.lab.measures import decibels, psnr
from coordlib.lab.models.unet import UNet
from coordlib.lab.record.result import Row, rows
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_runs

WAYS = {
    way: pictures.WAYS[way] for way in ("plain", "rect2", "tri3", "bin5", "polyphase")
}
SIZE = 32
"""Side of what the networks see: a garment of 28 with black around it."""
MARGIN = 4
"""Pixels that a window moves by, at most, in either direction."""
STEP = 0.2
"""Where neighbouring pixels differ by more, there is a line."""
CEILING = 100.0
"""Decibels that count as no difference at all: below it, floats are rounded."""


def _arms(width: int, **training) -> dict[str, dict]:
    shared = {"batch_size": 32, "schedule": "one-cycle", "measures": 1, "lr": 0.003}
    return {
        way: {
            "axes": {"way": way},
            "network": options | {"width": width},
            "training": shared | training,
        }
        for way, options in WAYS.items()
    }


PRESETS = {
    "quick": {
        "samples": 1000,
        "pictures": 50,
        "shifts": 8,
        "arms": _arms(width=8, epochs=4),
    },
    "cpu": {
        "samples": 3000,
        "pictures": 200,
        "shifts": 16,
        "arms": _arms(width=12, epochs=6),
    },
    "paper": {
        "samples": 60_000,
        "pictures": 1000,
        "shifts": 64,
        "arms": _arms(width=32, epochs=50),
    },
}


def contest(**_) -> Contest:
    """Networks that differ in how they downsample, by the fit of their pictures."""
    return Contest(networks=dict.fromkeys(WAYS, UNet), best="psnr")


def task(samples: int, pictures: int, shifts: int) -> Task:
    """Fill in the line drawing of a garment, as a photograph would have it.

    Parameters
    ----------
    samples : int
        Training pictures, drawn by the seed. Up to 3,000 come from the sample of
        Fashion-MNIST that ships with the library, and so do 1,000 to test; more come
        from the complete set, with its 10,000.
    pictures : int
        Test pictures whose stability is measured, the first ones.
    shifts : int
        Random shifts that each of them is moved by, on the ring and under a window.
    """
    read = garments if samples <= 3000 else fashion_mnist
    parts = [read(split)[0] for split in ("train", "test")]
    counts = [len(part) for part in parts]
    # A black margin for windows to move in, and the lines of all of it.
    border = (SIZE - parts[0].shape[-1]) // 2 + MARGIN
    photographs = F.pad(torch.cat(parts), (border,) * 4)
    drawings = line_drawing(photographs)
    held = torch.arange(counts[0], sum(counts))
    examined = drawings[held[:pictures]]
    # Isola et al. (2017) jitter theirs, too: there is no phase to rely on.
    places = _shifts(len(photographs), -MARGIN, MARGIN)
    inputs, targets = jittered(drawings, places), jittered(photographs, places)

    def one_split(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(counts[0], generator=generator)
        return {"test": (order[:samples], held)}

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        made, truth = outputs.sigmoid(), targets[index]
        return {
            "psnr": float(psnr(made, truth).mean()),
            "l1": float((made - truth).abs().mean()),
        }

    def examine(model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        return {
            f"stability_{mode}": stability(
                lambda x: model(x).sigmoid(),
                examined.to(device),
                random_shifts(shifts, mode),
                mode,
            )
            for mode in ("ring", "cropped")
        }

    return Task(
        **vars(contest()),
        inputs=inputs,
        targets=targets,
        splits=one_split,
        losses={"l1": lambda logits, truth: F.l1_loss(logits.sigmoid(), truth)},
        score=score,
        watched=500,
        examine=examine,
    )


def line_drawing(photographs: Tensor) -> Tensor:
    """Draw a line where a pixel differs from its right or its lower neighbour.

    On a ring, so that the drawing of a moved photograph is the moved drawing.

    Parameters
    ----------
    photographs : Tensor, shape (N, 1, H, W), in [0, 1]

    Returns
    -------
    Tensor, shape (N, 1, H, W), in {0, 1}
    """
    right, below = (
        (photographs - photographs.roll(-1, axis)).abs() for axis in (-1, -2)
    )
    return (torch.maximum(right, below) > STEP).to(photographs.dtype)


def window(canvas: Tensor, by: tuple[int, int] = (0, 0)) -> Tensor:
    """See a canvas without its margin, its content moved by some pixels.

    Parameters
    ----------
    canvas : Tensor, shape (N, C, H, W)
    by : (int, int)
        Down and right; at most :data:`MARGIN`.

    Returns
    -------
    Tensor, shape (N, C, H - 2 * MARGIN, W - 2 * MARGIN)
    """
    if max(map(abs, by)) > MARGIN:
        raise ValueError(f"by must be at most {MARGIN} pixels, got {by}")
    rows, columns = (
        slice(MARGIN - moved, length - MARGIN - moved)
        for moved, length in zip(by, canvas.shape[2:], strict=True)
    )
    return canvas[:, :, rows, columns]


def jittered(canvases: Tensor, places: list[tuple[int, int]]) -> Tensor:
    """See each canvas through a :func:`window` of its own."""
    views = zip(canvases.split(1), places, strict=True)
    return torch.cat([window(canvas, by) for canvas, by in views])


def random_shifts(count: int, mode: str, seed: int = 0) -> list[tuple[int, int]]:
    """Draw shifts ``(down, right)``, none of which leaves all in place.

    Parameters
    ----------
    count : int
    mode : {"ring", "cropped"}
        Any place of the ring, or up to :data:`MARGIN` pixels either way.
    seed : int
    """
    low, high = {"ring": (0, SIZE - 1), "cropped": (-MARGIN, MARGIN)}[mode]
    return _shifts(count, low, high, seed, still=False)


def _shifts(
    count: int, low: int, high: int, seed: int = 0, *, still: bool = True
) -> list[tuple[int, int]]:
    line = range(low, high + 1)
    places = [by for by in product(line, line) if still or by != (0, 0)]
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(places), (count,), generator=generator)
    return [places[k] for k in drawn.tolist()]


@torch.no_grad()
def stability(
    generate: Callable[[Tensor], Tensor],
    canvases: Tensor,
    shifts: list[tuple[int, int]],
    mode: str,
) -> float:
    """Compare shift-then-generate with generate-then-shift, in decibels.

    Parameters
    ----------
    generate : callable
        From drawings (N, 1, H, W) to pictures (N, 1, H, W) in [0, 1].
    canvases : Tensor, shape (N, 1, H + 2 * MARGIN, W + 2 * MARGIN)
    shifts : list of (int, int)
    mode : {"ring", "cropped"}
        What a shift is: a drawing rolled around, or a window moved over the canvas.
        Under windows the pixels are compared that both show.

    Returns
    -------
    float
        For each drawing the signal-to-noise ratio over all shifts, at most
        :data:`CEILING`; of these the mean.
    """
    border = {"ring": "circular", "cropped": "zero"}[mode]
    drawings = window(canvases)
    made = generate(drawings)
    errors = []
    for by in shifts:
        moved = shift(drawings, by) if mode == "ring" else window(canvases, by)
        seen = shift(torch.ones_like(made), by, border)
        apart = (generate(moved) - shift(made, by, border)) * seen
        errors.append(apart.square().sum((1, 2, 3)) / seen.sum((1, 2, 3)))
    each = decibels(torch.stack(errors).mean(0))
    return float(each.clamp(max=CEILING).mean())


MEASURED = [
    ("psnr", "test_psnr", {}),
    ("l1", "test_l1", {}),
    ("stability", "stability_ring", {"mode": "ring"}),
    ("stability", "stability_cropped", {"mode": "cropped"}),
]
"""Of each run: the metric, what the run calls it, and the axis that it adds."""


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """Quality and stability of every arm, and what each way adds to "plain".

    Returns
    -------
    list of Row
        By way ``psnr`` and ``l1`` against the photographs, and by mode ``stability`` in
        decibels; the same with ``_gain`` for the difference from the plain network.
    """
    best = {axes["way"]: run for axes, run in best_runs(contest, arms, runs)}
    found = []
    for way, run in best.items():
        for metric, key, mode in MEASURED:
            found += rows({metric: run[key]}, way=way, **mode)
            if way != "plain":
                gain = run[key] - best["plain"][key]
                found += rows({f"{metric}_gain": gain}, way=way, **mode)
    return found


EXPERIMENT = Sweep("translation", __doc__, PRESETS, task, summarise, contest)
