"""Two GANs learn photographs of ships: whether what they draw moves or fades (L18)."""

from collections.abc import Callable
from math import cos, pi, sin

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.lab.data import PICTURES, cifar10
from coordlib.lab.experiments.generation.gan import GENERATORS, decoder, trainings
from coordlib.lab.measures import frechet_distance
from coordlib.lab.measures.motion import predict, triples
from coordlib.lab.measures.scenes import walks
from coordlib.lab.models.pretrained import efficientnet
from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows
from coordlib.lab.training.adversarial import draw_latents

KIND, OTHER = "ship", "airplane"
"""What is learned: of the ten kinds of CIFAR-10 the one most like a scene, with a
background above and below, and a thing in it. And the kind that is nearest to it."""
FRAMES = 17
SPANS = {"whole": 16, "half": 8, "quarter": 4}
"""Steps from the first to the last of three pictures, along a walk of 16."""
COMPONENTS = 64
"""Of features, and of the painter that knows no more than means and covariances."""
_SEEN_SIZE = 64  # side at which the pretrained network looks

PRESETS = {
    "quick": {
        "size": 16,
        "arms": {arm: {"width": 8, "lr": [0.0002, 0.001]} for arm in GENERATORS},
        "discriminator_width": 8,
        "latent": 32,
        "training": {"steps": 100, "batch_size": 16, "betas": [0.5, 0.99]},
        "pictures": 200,
        "pairs": 20,
    },
    # Of five pairs of rates, tried by each GAN in 1,500 steps with another seed, these
    # took the plain one furthest in a longer trial, and the other nearly as far as any.
    # With a narrower discriminator the plain one learned more slowly.
    "cpu": {
        "size": 16,
        "arms": {arm: {"width": 16, "lr": [0.0002, 0.001]} for arm in GENERATORS},
        "discriminator_width": 32,
        "latent": 32,
        "training": {"steps": 5000, "batch_size": 16, "betas": [0.5, 0.99]},
        "pictures": 1000,
        "pairs": 200,
    },
    # The networks and the training of the source, on what there is: 5,000 photographs
    # of 32 by 32 pixels in place of millions of larger ones.
    "paper": {
        "size": 32,
        "arms": {arm: {"width": 64, "lr": [0.0005, 0.0001]} for arm in GENERATORS},
        "discriminator_width": 64,
        "latent": 256,
        "training": {"steps": 156_250, "batch_size": 16, "betas": [0.9, 0.99]},
        "pictures": 1000,
        "pairs": 1000,
    },
}


def measure(
    seed: int,
    setting: Setting,
    *,
    size: int,
    arms: dict[str, dict],
    discriminator_width: int,
    latent: int,
    training: dict,
    pictures: int,
    pairs: int,
) -> list[Row]:
    """Train both GANs on the same photographs, and measure how their pictures change.

    Parameters
    ----------
    seed : int
        Of the weights at the start and the training. What is measured starts from the
        same random numbers for every seed.
    setting, size, arms, discriminator_width, latent, training
        As for :func:`coordlib.lab.experiments.generation.gan.measure`.
    pictures : int
        For each distance between two sets of pictures.
    pairs : int
        Walks, and photographs for each of the :func:`controls`.

    Returns
    -------
    list of Row
        By arm what :func:`examine` tells, the number of parameters of the generator,
        the seconds of training, and the discriminator's loss over the last 500 steps.
        The ``distance`` of other pictures from the same photographs: of the arm
        "held", those of the same kind that nobody learned from; "other", of another
        kind; "linear", drawn with means and covariances only. And as ``moved`` what
        :attr:`coordlib.lab.measures.motion.Prediction.moved` says of each of
        :func:`controls`. The generators' weights are kept.
    """
    known, held = photographs(KIND, size), photographs(KIND, size, "test")
    other = photographs(OTHER, size)
    away = distance_from(known[:pictures])
    linear = linear_painter(known, pictures)
    compared = {"held": held[:pictures], "other": other[:pictures], "linear": linear}
    found = []
    for arm, others in compared.items():
        found += rows({"distance": away(others)}, arm=arm)
    for arm, three in controls(photographs(KIND)[:pairs], size).items():
        found += rows({"moved": predict(*three).moved}, arm=arm)
    trained_arms = trainings(
        *(seed, setting, arms, training),
        drawn=known,
        size=size,
        latent=latent,
        discriminator_width=discriminator_width,
    )
    for arm, generator, numbers in trained_arms:
        changes = examine(decoder(generator), latent, away, pictures, pairs)
        for span in SPANS:
            found += rows({"moved": changes.pop(f"moved_{span}")}, arm=arm, span=span)
        found += rows(numbers | changes, arm=arm)
    return found


def photographs(kind: str, size: int = 32, split: str = "train") -> Tensor:
    """Give the photographs of CIFAR-10 of one kind, at a smaller size.

    Parameters
    ----------
    kind : str
        One of :data:`coordlib.lab.data.PICTURES`.
    size : int
        A divisor of 32.
    split : {"train", "test"}

    Returns
    -------
    Tensor, shape (5000 or 1000, 3, size, size), in [-1, 1]
    """
    images, labels = cifar10(split)
    chosen = images[labels == PICTURES.index(kind)]
    return 2 * F.avg_pool2d(chosen, chosen.shape[-1] // size) - 1


@torch.no_grad()
def examine(
    decode: Callable[[Tensor], Tensor],
    latent: int,
    away: Callable[[Tensor], float],
    pictures: int,
    pairs: int,
) -> dict[str, float]:
    """Measure how far a generator is from photographs, and how its pictures change.

    Parameters
    ----------
    decode : callable
        Latents (n, latent) to pictures in [-1, 1].
    latent : int
    away : callable
        As :func:`distance_from` gives it.
    pictures, pairs : int
        How many to look at.

    Returns
    -------
    dict of str to float
        distance : from photographs.
        moved_whole, moved_half, moved_quarter : see
        :attr:`coordlib.lab.measures.motion.Prediction.moved`, for pieces of straight
        walks. change : root mean square difference of the ends of a quarter, as a share
        of that of unrelated pictures. fade, motion : errors, in quarters of walks, as
        shares of the squared change.
    """
    generator = torch.Generator().manual_seed(0)
    drawn = _in_parts(decode, draw_latents(pictures, latent, generator))
    ends = draw_latents(2 * pairs, latent, generator)
    path = walks(ends[0::2], ends[1::2], FRAMES).flatten(0, 1)
    along = _in_parts(decode, path).unflatten(0, (-1, FRAMES))
    spans = {name: predict(*triples(along, span)) for name, span in SPANS.items()}
    found = {f"moved_{name}": each.moved for name, each in spans.items()}
    change = spans["quarter"].change.sum()
    unrelated = (drawn - drawn.roll(1, 0)).square().mean()
    return found | {
        "distance": away(drawn),
        "change": float((4 * spans["quarter"].change.mean() / unrelated).sqrt()),
        "fade": float(spans["quarter"].fade.sum() / change),
        "motion": float(spans["quarter"].motion.sum() / change),
    }


def distance_from(known: Tensor) -> Callable[[Tensor], float]:
    """Make the distance of sets of pictures from a set of photographs.

    It is the Frechet distance of what a network trained on ImageNet computes before it
    names a picture, along the main components of that for the photographs.

    Parameters
    ----------
    known : Tensor, shape (N, 3, H, W), in [-1, 1]

    Returns
    -------
    callable
        Takes pictures of that form, gives the distance.
    """
    network = efficientnet()
    network.head = nn.Identity()

    @torch.no_grad()
    def features(pictures: Tensor) -> Tensor:
        larger = F.interpolate((pictures + 1) / 2, (_SEEN_SIZE,) * 2, mode="bilinear")
        return _in_parts(network, larger).double()

    seen = features(known)
    middle = seen.mean(0)
    parts = torch.linalg.svd(seen - middle, full_matrices=False)[2][:COMPONENTS].T
    return lambda pictures: frechet_distance(
        (features(pictures) - middle) @ parts, (seen - middle) @ parts
    )


def linear_painter(known: Tensor, count: int) -> Tensor:
    """Draw pictures with the mean and the main covariances of photographs.

    Parameters
    ----------
    known : Tensor, shape (N, 3, H, W), in [-1, 1]
    count : int

    Returns
    -------
    Tensor, shape (count, 3, H, W), in [-1, 1]
    """
    flat = known.flatten(1)
    middle = flat.mean(0)
    _, values, parts = torch.linalg.svd(flat - middle, full_matrices=False)
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(count, len(values[:COMPONENTS]), generator=generator)
    codes = codes * values[:COMPONENTS] / len(flat) ** 0.5
    drawn = middle + codes @ parts[:COMPONENTS]
    return drawn.unflatten(1, known.shape[1:]).clamp(-1, 1)


def controls(known: Tensor, size: int) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Make three pictures in a row of which it is known how they change.

    Parameters
    ----------
    known : Tensor, shape (N, 3, H, W)
        Photographs, larger than or as large as what is made of them.
    size : int

    Returns
    -------
    dict of str to three Tensors of shape (N, 3, size, size)
        "slide", "zoom" and "turn": windows that move over a photograph. "fade": one
        photograph mixed with another. "patchy": the same, each place in its own time.
        "unrelated": three photographs.
    """

    def window(side: float, down: float = 0, turn: float = 0) -> Tensor:
        across, up = side * cos(turn * pi / 180), side * sin(turn * pi / 180)
        matrix = torch.tensor([[across, -up, down], [up, across, down]])
        places = F.affine_grid(matrix.repeat(len(known), 1, 1), known.shape, False)
        seen = F.grid_sample(known, places, padding_mode="border", align_corners=False)
        return F.avg_pool2d(seen, known.shape[-1] // size)

    one = window(1)
    another = one.roll(1, 0)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(len(one), 1, 4, 4, generator=generator)
    share = (3 * F.interpolate(coarse, (size, size), mode="bicubic")).sigmoid()
    return {
        "slide": tuple(window(0.75, down=by) for by in (-0.125, 0, 0.125)),
        "zoom": tuple(window(side) for side in (0.95, 0.83, 0.72)),
        "turn": tuple(window(0.75, turn=by) for by in (-12, 0, 12)),
        "fade": (one, (one + another) / 2, another),
        "patchy": (one, one + share * (another - one), another),
        "unrelated": (one, one.roll(2, 0), another),
    }


def _in_parts(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return torch.cat([function(part) for part in x.split(100)])


EXPERIMENT = Trial("photographs", __doc__, PRESETS, measure)
