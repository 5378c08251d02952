"""Pictures that something went wrong with: noise, blur, weather, bad compression.

Fourteen of the fifteen corruptions of ImageNet-C, each with five strengths: those of
CIFAR-10-C, which its authors chose for pictures of 32x32 pixels. They are written anew
from their definitions, for many pictures at a time, so they are in the manner of these
data sets, and not equal to their files. The fifteenth lays photographs of frost over
the picture; they do not ship with this library. The package imagecorruptions is of 2020
and breaks with numpy 2 and the scikit-image of today, hence code of our own.

Where they differ by more than their draws: :func:`corrupt` rounds to the nearest of 256
steps, and the released code to the one below, half a step on average. ``glass_blur``
exchanges two neighbouring pixels, as the paper means; the released code copies one over
the other, which is milder (at strength 1 a root mean square of 21.5 of 255 from the
clean picture, here 28.2). ``zoom_blur`` rounds the sizes of its enlargements in another
way, which at strength 5 makes 1.25 of 255.

Hendrycks and Dietterich, 2019, "Benchmarking neural network robustness to common
corruptions and perturbations", section 3 and the released code.
"""

import io
from collections.abc import Callable
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Generator, Tensor

from coordlib.arguments import check_choice, check_seed, check_tensor
from coordlib.grid import index_grid, to_unit

__all__ = ["CORRUPTIONS", "SEVERITIES", "corrupt"]

SEVERITIES = (1, 2, 3, 4, 5)

# Rec. 601 luma, as in samples.py.
_LUMA = torch.tensor((0.299, 0.587, 0.114)).view(3, 1, 1)


def corrupt(pictures: Tensor, name: str, severity: int, seed: int = 0) -> Tensor:
    """Corrupt pictures, each by a draw of its own.

    Parameters
    ----------
    pictures : Tensor, shape (N, 3, H, W), in [0, 1]
        H and W at least 32: the strengths are meant for small pictures.
    name : str
        One of :data:`CORRUPTIONS`.
    severity : {1, 2, 3, 4, 5}
    seed : int
        Decides all draws.

    Returns
    -------
    Tensor, shape (N, 3, H, W), float32
        In 256 steps from 0 to 1, as a file would hold them; where ``pictures`` are. A
        seed gives the same ones on every device, for they are made on the CPU.

    References
    ----------
    Hendrycks and Dietterich, 2019, "Benchmarking neural network robustness to common
    corruptions and perturbations", section 3.
    """
    check_pictures(pictures)
    check_choice("name", name, CORRUPTIONS)
    check_choice("severity", severity, SEVERITIES)
    check_seed("seed", seed)
    change, strengths = CORRUPTIONS[name]
    generator = Generator().manual_seed(seed)
    changed = change(pictures.float().cpu(), strengths[severity - 1], generator)
    return quantise(changed).to(pictures.device)


def check_pictures(pictures: Tensor) -> None:
    """Refuse what is no batch of colour pictures."""
    check_tensor("pictures", pictures)
    shape = tuple(pictures.shape)
    if len(shape) != 4 or shape[1] != 3 or min(shape[2:]) < 32:
        raise ValueError(
            f"pictures must be of shape (N, 3, H, W), H and W at least 32, got {shape}"
        )
    if len(pictures) and not 0 <= pictures.min() <= pictures.max() <= 1:
        raise ValueError(
            f"pictures must lie in [0, 1], not in [{pictures.min()}, {pictures.max()}]"
        )


def quantise(x: Tensor) -> Tensor:
    """Cut to [0, 1] and round to the 256 values that a file can hold."""
    return (x.clamp(0, 1) * 255).round() / 255


# Noise


def gaussian_noise(x: Tensor, spread: float, generator: Generator) -> Tensor:
    """Add normal noise to every value."""
    return x + spread * torch.randn(x.shape, generator=generator)


def shot_noise(x: Tensor, photons: float, generator: Generator) -> Tensor:
    """Count photons, of which white sends so many on average."""
    return torch.poisson(x * photons, generator) / photons


def _impulse_noise(x: Tensor, share: float, generator: Generator) -> Tensor:
    """Salt and pepper: a share of all values becomes 0 or 1."""
    draw = torch.rand(x.shape, generator=generator)
    return torch.where(draw < share, (draw < share / 2).to(x.dtype), x)


# Blur


def _defocus_blur(x: Tensor, strength: tuple, generator: Generator) -> Tensor:
    """Spread every point over a disc with a soft rim."""
    radius, softness = strength
    reach = ceil(radius) + 1
    away = index_grid((2 * reach + 1,) * 2) - reach
    disc = (away.square().sum(0) <= radius**2).float()
    taps = torch.exp(-torch.tensor([1.0, 0, 1]) / (2 * softness**2))
    rim = torch.outer(taps, taps) / taps.sum() ** 2
    kernel = F.conv2d((disc / disc.sum())[None, None], rim[None, None], padding=1)
    padded = F.pad(x, (reach,) * 4, mode="reflect")
    return F.conv2d(padded, kernel.expand(3, 1, -1, -1), groups=3)


def _glass_blur(x: Tensor, strength: tuple, generator: Generator) -> Tensor:
    """Exchange neighbouring pixels at random, between two slight blurs.

    Harsher than in the files of CIFAR-10-C, whose code copies one pixel over the
    other: see above.
    """
    spread, rounds = strength
    count, _, height, width = x.shape
    place = torch.arange(height * width).repeat(count, 1)
    each = torch.arange(count)
    for _ in range(rounds):
        for i in range(height - 1, 1, -1):
            for j in range(width - 1, 1, -1):
                up, left = torch.randint(0, 2, (2, count), generator=generator)
                here = torch.full((count,), i * width + j)
                there = here - up * width - left
                place[each, here], place[each, there] = (
                    place[each, there],
                    place[each, here],
                )
    return _gaussian(_gather(_gaussian(x, spread), place), spread)


def _gather(x: Tensor, place: Tensor) -> Tensor:
    """Fill every pixel with the one at a place, ``i * W + j``, of shape (N, H * W)."""
    place = place[:, None].expand(-1, x.shape[1], -1)
    return x.flatten(2).gather(2, place).view_as(x)


def _gaussian(x: Tensor, spread: float, **options) -> Tensor:
    sigma = (0,) * (x.ndim - 2) + (spread, spread)
    options = {"mode": "nearest"} | options
    return torch.from_numpy(gaussian_filter(x.numpy(), sigma, **options))


def _motion_blur(x: Tensor, strength: tuple, generator: Generator) -> Tensor:
    """Smear in a direction within 45 degrees of the horizontal."""
    angles = torch.rand(len(x), generator=generator) * 90 - 45
    return smear(x, *strength, angles)


def smear(x: Tensor, radius: int, spread: float, angles: Tensor) -> Tensor:
    """Draw every point out into half a bell curve, as ImageMagick's motion blur does.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    radius : int
        The smear has ``2 radius + 1`` pixels.
    spread : float
        Of the bell curve, in pixels.
    angles : Tensor, shape (N,)
        In degrees, one for each picture.

    Returns
    -------
    Tensor, shape (N, C, H, W)
        Pixels from beyond the border are as the nearest one inside.
    """
    height, width = x.shape[2:]
    down, right = torch.deg2rad(angles).sin(), torch.deg2rad(angles).cos()
    steps = torch.arange(2 * radius + 1)
    weights = torch.exp(-steps.square() / (2 * spread**2))
    smeared = torch.zeros_like(x)
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        # To the nearest pixel; from half way to the one before.
        i = (step * down - 0.5).ceil().long()[:, None] + torch.arange(height)
        j = (step * right - 0.5).ceil().long()[:, None] + torch.arange(width)
        i, j = i.clamp(0, height - 1), j.clamp(0, width - 1)
        place = (i[:, :, None] * width + j[:, None, :]).flatten(1)
        smeared += weight * _gather(x, place)
    return smeared


def _zoom_blur(x: Tensor, steps: int, generator: Generator) -> Tensor:
    """Mean of the picture and its enlargements, each by one percent more.

    Sizes are rounded in another way than in the files of CIFAR-10-C: see above.
    """
    zoomed = [_zoom(x, 1 + step / 100) for step in range(steps)]
    return (x + sum(zoomed)) / (1 + steps)


def _zoom(x: Tensor, factor: float) -> Tensor:
    """Enlarge the middle of a picture to its size."""
    size = x.shape[2:]
    for axis in (2, 3):
        seen = ceil(x.shape[axis] / factor)
        x = x.narrow(axis, (x.shape[axis] - seen) // 2, seen)
    larger = [round(n * factor) for n in x.shape[2:]]
    x = F.interpolate(x, larger, mode="bilinear", align_corners=True)
    for axis, side in enumerate(size, 2):
        x = x.narrow(axis, (x.shape[axis] - side) // 2, side)
    return x


# Weather


def _snow(x: Tensor, strength: tuple, generator: Generator) -> Tensor:
    """Let it snow, from above."""
    mean, spread, factor, least, radius, drift, clear = strength
    flakes = draw_flakes(x, mean, spread, factor, least, generator)
    angles = torch.rand(len(x), generator=generator) * 90 - 135
    return lay_snow(x, smear(flakes, radius, drift, angles), clear)


def draw_flakes(
    x: Tensor,
    mean: float,
    spread: float,
    factor: float,
    least: float,
    generator: Generator,
) -> Tensor:
    """Draw flakes of snow for some pictures: enlarged noise above a threshold.

    Returns
    -------
    Tensor, shape (N, 1, H, W), in [0, 1]
    """
    noise = torch.randn(len(x), 1, *x.shape[2:], generator=generator)
    flakes = _zoom(mean + spread * noise, factor)
    return torch.where(flakes < least, 0, flakes).clamp(0, 1)


def lay_snow(x: Tensor, flakes: Tensor, clear: float) -> Tensor:
    """Whiten pictures and put flakes on them, twice, once turned upside down."""
    gray = (x * _LUMA).sum(1, keepdim=True)
    whitened = clear * x + (1 - clear) * torch.maximum(x, 1.5 * gray + 0.5)
    return whitened + flakes + flakes.rot90(2, (2, 3))


def _fog(x: Tensor, strength: tuple, generator: Generator) -> Tensor:
    """Lay a cloud over the picture, and keep its brightest value."""
    amount, decay = strength
    brightest = x.amax((1, 2, 3), keepdim=True)
    cloud = _plasma_fractal(len(x), max(x.shape[2:]), decay, generator)
    cloud = cloud[:, None, : x.shape[2], : x.shape[3]]
    return (x + amount * cloud) * brightest / (brightest + amount)


def _plasma_fractal(
    count: int, size: int, decay: float, generator: Generator
) -> Tensor:
    """Heights in [0, 1] by the diamond-square algorithm, on a ring."""
    side = 1 << (size - 1).bit_length()
    heights = torch.zeros(count, side, side)
    step, roughness = side, 100.0
    while step >= 2:
        half = step // 2

        def rough(mean: Tensor, bound: float = roughness**2) -> Tensor:
            draw = torch.rand(mean.shape, generator=generator)
            return mean + bound * (2 * draw - 1)

        corners = heights[:, ::step, ::step]
        down = corners + corners.roll(-1, 1)
        heights[:, half::step, half::step] = rough((down + down.roll(-1, 2)) / 4)
        middles = heights[:, half::step, half::step]
        across = middles + middles.roll(1, 1) + corners + corners.roll(-1, 2)
        heights[:, ::step, half::step] = rough(across / 4)
        along = middles + middles.roll(1, 2) + corners + corners.roll(-1, 1)
        heights[:, half::step, ::step] = rough(along / 4)
        step, roughness = half, roughness / decay
    heights -= heights.amin((1, 2), keepdim=True)
    return heights / heights.amax((1, 2), keepdim=True)


def brighten(x: Tensor, amount: float, generator: Generator | None = None) -> Tensor:
    """Add to the value of hue, saturation and value, and keep the other two."""
    value = x.amax(1, keepdim=True)
    raised = (value + amount).clamp(0, 1)
    # Black has no hue: it becomes grey.
    return torch.where(value > 0, x * (raised / value), raised)


# Digital


def _contrast(x: Tensor, kept: float, generator: Generator) -> Tensor:
    """Bring every value nearer to the mean of its channel."""
    mean = x.mean((2, 3), keepdim=True)
    return mean + kept * (x - mean)


def _elastic(x: Tensor, strength: tuple, generator: Generator) -> Tensor:
    """Stretch by a random affine map, then displace by a smooth random field."""
    count, _, *size = x.shape
    amount, smoothness, stretch = (size[0] * part for part in strength)
    # Three points near the middle, each moved at random, decide the affine map.
    arm = min(size) // 3
    arms = torch.tensor([[arm, arm], [arm, -arm], [-arm, -arm]])
    points = torch.tensor(size) // 2 + arms
    moved = points + stretch * _symmetric_uniform((count, 3, 2), generator)
    one = torch.ones(count, 3, 1)
    back = torch.linalg.solve(torch.cat([moved, one], 2), points.float())
    places = index_grid(size, dtype=torch.float32).movedim(0, -1)
    places = places.expand(count, -1, -1, -1)
    homogeneous = torch.cat([places, torch.ones_like(places[..., :1])], -1)
    x = sample(x, homogeneous @ back[:, None], "reflection")
    noise = _symmetric_uniform((count, 2, *size), generator)
    field = amount * _gaussian(noise, smoothness, mode="reflect", truncate=3)
    return sample(x, places + field.movedim(1, -1), "reflection")


def _symmetric_uniform(shape: tuple, generator: Generator) -> Tensor:
    return 2 * torch.rand(shape, generator=generator) - 1


def sample(x: Tensor, places: Tensor, border: str) -> Tensor:
    """Look pictures up between their pixels.

    Parameters
    ----------
    x : Tensor, shape (N, C, H, W)
    places : Tensor, shape (N, H', W', 2)
        Positions (i, j) in pixels.
    border : {"zeros", "reflection"}
        What is beyond it: black, or the picture mirrored in its outermost pixels.

    Returns
    -------
    Tensor, shape (N, C, H', W')
    """
    grid = to_unit(places, x.shape[2:]).flip(-1)  # grid_sample wants (x, y)
    return F.grid_sample(x, grid, padding_mode=border, align_corners=True)


def _pixelate(x: Tensor, kept: float, generator: Generator) -> Tensor:
    """Shrink by averaging boxes, and enlarge again."""
    height, width = x.shape[2:]
    small = int(width * kept), int(height * kept)

    def there_and_back(image: Image.Image) -> Image.Image:
        box = Image.Resampling.BOX
        return image.resize(small, box).resize((width, height), box)

    return _by_pillow(x, there_and_back)


def _jpeg(x: Tensor, quality: int, generator: Generator) -> Tensor:
    """Store and read back, with some loss."""

    def stored(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _by_pillow(x, stored)


def _by_pillow(x: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    stored = (x * 255).round().byte().permute(0, 2, 3, 1).numpy()
    changed = np.stack([np.asarray(change(Image.fromarray(one))) for one in stored])
    return torch.from_numpy(changed).permute(0, 3, 1, 2).float() / 255


#: What each corruption does, and its five strengths.
CORRUPTIONS: dict[str, tuple[Callable[..., Tensor], tuple]] = {
    "gaussian_noise": (gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10)),
    "shot_noise": (shot_noise, (500, 250, 100, 75, 50)),
    "impulse_noise": (_impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07)),
    "defocus_blur": (
        _defocus_blur,
        ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    ),
    "glass_blur": (
        _glass_blur,
        ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2)),
    ),
    "motion_blur": (_motion_blur, ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))),
    "zoom_blur": (_zoom_blur, (7, 12, 16, 21, 26)),
    "snow": (
        _snow,
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
    ),
    "fog": (_fog, ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))),
    "brightness": (brighten, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "contrast": (_contrast, (0.75, 0.5, 0.4, 0.3, 0.15)),
    "elastic": (
        _elastic,
        (
            (0, 0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        ),
    ),
    "pixelate": (_pixelate, (0.95, 0.9, 0.85, 0.75, 0.65)),
    "jpeg": (_jpeg, (80, 65, 58, 50, 40)),
}
