"""Three autoencoders draw coloured shapes, and what walks through their codes (L17)."""

from functools import partial

import torch
from torch import Tensor, nn

from coordlib.lab.data.shapes import shapes
from coordlib.lab.measures.scenes import examine, look
from coordlib.lab.models.generators import DECODERS, VAE, evidence_bound, with_noise
from coordlib.lab.record.result import Row
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import Contest, Run, Task, best_rows

COMPARED = ("conv", "coordconv", "broadcast")
"""The decoders of the arms."""
HELD_OUT_SEED = 1_000_000
"""Of the pictures that no network has seen; those to learn from have seed 0."""
MEASURED = (
    *("right", "dimension", "entropy", "fixed", "stains"),
    *("walks", "kept", "lowest", "jump", "travel"),
)
"""What :func:`coordlib.lab.measures.scenes.examine` tells."""


def _arms(width: int, latent: int, **training) -> dict[str, dict]:
    shared = {"batch_size": 32, "augment": "noise", "schedule": "one-cycle"}
    return {
        decoder: {
            "network": {"decoder": decoder, "width": width, "latent": latent},
            "training": shared | {"measures": 5} | training,
        }
        for decoder in COMPARED
    }


PRESETS = {
    "quick": {
        "size": 16,
        "samples": 1000,
        "tested": 200,
        "pictures": 200,
        "pairs": 20,
        "arms": _arms(width=8, latent=8, epochs=3, lr=0.003),
    },
    "cpu": {
        "size": 16,
        "samples": 10_000,
        "tested": 1000,
        "pictures": 2000,
        "pairs": 200,
        "arms": _arms(width=16, latent=8, epochs=20, lr=0.002),
    },
    "paper": {
        "size": 64,
        "samples": 50_000,
        "tested": 5000,
        "pictures": 10_000,
        "pairs": 1000,
        "arms": _arms(width=64, latent=16, epochs=100, lr=0.001),
    },
}


def contest(size: int, **_) -> Contest:
    """Autoencoders that differ in their decoder, by the error of what they rebuild."""
    networks = dict.fromkeys(DECODERS, partial(VAE, size=size))
    return Contest(networks=networks, best="l1", smaller_is_better=True)


def task(size: int, samples: int, tested: int, pictures: int, pairs: int) -> Task:
    """Learn pictures by heart through a few numbers each.

    Parameters
    ----------
    size : int
        Side of the canvas.
    samples, tested : int
        Pictures to learn from, and others to test.
    pictures, pairs : int
        What :func:`coordlib.lab.measures.scenes.examine` looks at.
    """
    known, held = shapes(samples, size), shapes(tested, size, HELD_OUT_SEED)
    drawn = torch.cat([known.images(), held.images()])
    seen = torch.arange(samples)
    unseen = torch.arange(samples, samples + tested)

    def score(training: dict, outputs: Tensor, index: Tensor) -> dict[str, float]:
        truth = drawn[index]
        away = look(outputs).centres - look(truth).centres
        return {
            "l1": float((outputs - truth).abs().mean() / 2),
            "pixels": float(away.norm(dim=2).mean()),
        }

    def tell(model: nn.Module) -> dict[str, float]:
        device = next(model.parameters()).device
        generator = torch.Generator().manual_seed(0)
        codes = torch.randn(pictures, model.latent, generator=generator)

        def decode(part: Tensor) -> Tensor:
            return model.decode(part.to(device)).cpu()

        return examine(decode, codes, size, pairs=pairs)

    return Task(
        **vars(contest(size)),
        inputs=drawn,
        targets=drawn,
        splits=lambda seed: {"test": (seen, unseen)},
        losses={"evidence": evidence_bound},
        score=score,
        watched=500,
        examine=tell,
        augmentations={"noise": with_noise},
    )


def summarise(contest: Contest, arms: dict[str, dict], runs: list[Run]) -> list[Row]:
    """What every network rebuilds, and what it draws by itself.

    Returns
    -------
    list of Row
        By arm ``test_l1`` (mean absolute error, of 1) and ``test_pixels`` (distance of
        the rebuilt centres) on pictures that it did not see; what
        :func:`coordlib.lab.measures.scenes.examine` tells; parameters and seconds.
        What there is nothing to measure of, such as walks of a network that draws no
        two right objects, has no row. (In results of the time before it is 0; their
        number of ``walks`` tells.)
    """
    names = ("test_l1", "test_pixels", "parameters", "seconds", *MEASURED)
    found = best_rows(contest, arms, runs, *names)
    return [row for row in found if row["value"] is not None]


EXPERIMENT = Sweep("vae", __doc__, PRESETS, task, summarise, contest)
