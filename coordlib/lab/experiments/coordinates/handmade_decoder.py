"""Whether hand-set weights translate between pixels and places exactly (P01-P03)."""

import ast
import inspect
import textwrap

import torch

from coordlib.lab.data.squares import squares
from coordlib.lab.models import handmade
from coordlib.lab.record.experiment import Setting, Trial
from coordlib.lab.record.result import Row, rows

PRESETS = {"paper": {"height": 70, "width": 100, "canvas": 64, "side": 9}}


def measure(
    seed: int,
    setting: Setting,
    *,
    height: int,
    width: int,
    canvas: int,
    side: int,
) -> list[Row]:
    """Decode every pixel of an image, and paint every pixel and square of a canvas.

    Nothing here is random; ``seed`` is accepted as by every experiment.

    Returns
    -------
    list of Row
        Shares of exact answers, lines of code of the article's form of the
        decoder, and hidden units of the painter.
    """
    place = torch.cartesian_prod(torch.arange(height), torch.arange(width))
    images = torch.zeros(len(place), 1, height, width)
    images[torch.arange(len(place)), 0, place[:, 0], place[:, 1]] = 1
    by_scipy = [
        tuple(handmade.decode_scipy(image[0].numpy())) == tuple(p)
        for image, p in zip(images, place.tolist(), strict=True)
    ]
    batched = handmade.decode(images.to(setting.device)).cpu() == place

    pixels = torch.cartesian_prod(torch.arange(canvas), torch.arange(canvas))
    painted = handmade.paint_pixel(pixels, canvas)
    wanted = torch.eye(canvas**2).reshape(-1, 1, canvas, canvas)
    world = squares(canvas, side)
    drawn = handmade.paint_square(world.positions, canvas, side)
    return rows(
        {
            "exact_scipy": sum(by_scipy) / len(by_scipy),
            "exact_batched": float(batched.all(1).float().mean()),
            "exact_pixels": _same(painted, wanted),
            "exact_squares": _same(drawn, world.images()),
            "hidden_units": handmade.painter_network(canvas)[1].out_channels,
            "decoder_lines": _lines_of_code(handmade.decode_scipy),
        }
    )


def _same(images: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((images == wanted).flatten(1).all(1).float().mean())


def _lines_of_code(function: object) -> int:
    """Lines of a function without its docstring, comments and blank lines."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (definition,) = tree.body
    definition.body = definition.body[1:]
    return len(ast.unparse(tree).splitlines())


EXPERIMENT = Trial("handmade-decoder", __doc__, PRESETS, measure)
