"""Whatever is wrong with an argument, the error names the argument.

Every public name has a valid call here, or in ``test_hostile_trainings``. One argument
at a time is replaced by what does not belong there: by its kind, see ``hostile.WRONG``,
but for what an argument accepts, which
stands beside the call. What is only a record (``Probe``, ``Squares``, ``Claim``, ...)
holds what it is given, and is no call.
"""
# Long because it is a table: every public call with what may be given to it.

import copy
import tempfile

import pytest
import torch
from hostile import Call, ends_of, hanging, unnamed, used
from torch import nn

import coordlib
from coordlib import grid, layers, surgery
from coordlib.lab import data, measures, models
from coordlib.lab.data import boxes, corruptions, perturbations
from coordlib.lab.data.shapes import draw, radius, shapes
from coordlib.lab.measures import motion, scenes
from coordlib.lab.models import handmade
from coordlib.lab.record import ledger, ledger_html, results
from coordlib.lab.record.result import Result
from coordlib.layers import functional, heatmaps
from coordlib.probe import lie_derivative, probe_moves

AT_MOST = 0.01
"""The share of calls that may end in another way than with an error that names it."""
CALLS_AT_LEAST = 850

FOLDER = tempfile.TemporaryDirectory()


def the_calls():
    """List every public call."""
    yield from the_layers()
    yield from the_functions()
    yield from the_tools()
    yield from the_models()
    yield from the_data()


MADE_OF = {"device": "device", "dtype": "dtype"}
HANDED_ON = {"device": "cpu", "dtype": torch.float32}


# torch itself takes these, though its layers may compute nothing then.
QUIET = {"zero", "zeros", "bool", "list", "dict"}


def the_layers():
    """List the layers, each called once when it is made."""
    for rank in 1, 2, 3:
        x = torch.rand(2, 4, *[6] * rank)
        for kind in "BlurPool", "BlurUpsample":
            yield Call(
                f"{kind}{rank}d",
                used(getattr(layers, f"{kind}{rank}d")),
                {
                    "channels": 4,
                    "filter_size": 3,
                    "stride": 2,
                    "padding_mode": "reflect",
                }
                | HANDED_ON
                | {"input": x},
                {"channels": "integer", "filter_size": "taps", "stride": "sizes"}
                | {"padding_mode": "choice", "input": "tensor"}
                | MADE_OF,
                {"channels": {"None"}},
                ("device",),
            )
        yield Call(
            f"MaxBlurPool{rank}d",
            used(getattr(layers, f"MaxBlurPool{rank}d")),
            {"kernel_size": 3, "stride": 2, "padding": 1, "filter_size": 3}
            | {"padding_mode": "reflect", "channels": 4, "ceil_mode": False}
            | {"input": x},
            {"kernel_size": "sizes", "stride": "sizes", "padding": "sizes"}
            | {"filter_size": "taps", "padding_mode": "choice"}
            | {"channels": "integer", "ceil_mode": "flag", "input": "tensor"},
            {"channels": {"None"}, "padding": {"None", "zero"}}
            | ({"padding": {"None", "zero", "zeros"}} if rank == 2 else {}),
        )
        yield Call(
            f"PolyphasePool{rank}d",
            used(getattr(layers, f"PolyphasePool{rank}d")),
            {"stride": 2, "norm": 2, "return_phase": False, "ceil_mode": False}
            | {"scores": nn.Flatten(), "input": x},
            {"stride": "sizes", "norm": "number", "return_phase": "flag"}
            | {"ceil_mode": "flag", "scores": "module", "input": "tensor"},
            {"norm": {"infinite"}, "scores": {"None"}},
        )
        phase = torch.zeros(2, rank, dtype=torch.long)
        yield Call(
            f"PolyphaseUpsample{rank}d",
            used(getattr(layers, f"PolyphaseUpsample{rank}d"), "input", "phase"),
            {"stride": 2, "input": x, "phase": phase},
            {"stride": "sizes", "input": "tensor", "phase": "tensor"},
            {"phase": {"None"}},
        )
        yield Call(
            f"SoftArgmax{rank}d",
            used(getattr(layers, f"SoftArgmax{rank}d")),
            {"temperature": 1.0, "unit": True, "normalised": False, "input": x},
            {"temperature": "number", "unit": "flag", "normalised": "flag"}
            | {"input": "tensor"},
        )
        for transpose in "", "Transpose":
            name = f"CoordConv{transpose}{rank}d"
            torchs = {"in_channels": 4, "out_channels": 2, "kernel_size": 3}
            torchs |= {"stride": 1, "padding": 1, "dilation": 1, "groups": 1}
            counts = ("in_channels", "out_channels", "groups")
            whole = {n: "integer" if n in counts else "sizes" for n in torchs}
            whole |= {"padding_mode": "choice"} | MADE_OF
            yield Call(
                name,
                used(getattr(layers, name)),
                torchs
                | {"padding_mode": "zeros", "device": "cpu", "dtype": torch.float32}
                | {"with_r": False, "axes": None, "input": x},
                # torch's own arguments are the same ones whatever the rank.
                {"with_r": "flag", "axes": "sizes", "input": "tensor"}
                | (whole if rank == 2 else {}),
                dict.fromkeys(torchs, QUIET)
                | {"axes": {"None", "zero"} | ({"negative"} if rank == 3 else set())},
                (*torchs, "padding_mode", "device", "dtype", "input"),
            )
    x = torch.rand(2, 4, 6, 6)
    yield Call(
        "AddCoords",
        used(layers.AddCoords),
        {"with_r": False, "axes": None, "input": x},
        {"with_r": "flag", "axes": "sizes", "input": "tensor"},
        {"axes": {"None", "zero"}},
    )
    sizes = {"kernel_size": (3, 3), "stride": (2, 2), "dilation": (1, 1)}
    yield Call(
        "SamePad",
        used(layers.SamePad),
        sizes | {"value": 0.0, "input": x},
        dict.fromkeys(sizes, "sizes") | {"value": "number", "input": "tensor"},
        {
            "value": {"zero", "negative", "infinite", "nan"},
            "input": {"complex", "bools"},
        },
    )
    positions = torch.rand(3, 2)
    yield Call(
        "FourierFeatures",
        used(layers.FourierFeatures, "positions"),
        {"waves": 4, "scale": 1.0, "axes": 2, "seed": 0, "positions": positions},
        {"waves": "integer", "scale": "number", "axes": "integer", "seed": "integer"}
        | {"positions": "tensor"},
        {"seed": {"zero", "negative"}, "positions": {"axes"}},
    )
    yield Call(
        "SinusoidalEncoding",
        used(layers.SinusoidalEncoding, "positions"),
        {"octaves": 4, "axes": 2, "positions": positions},
        {"octaves": "integer", "axes": "integer", "positions": "tensor"},
        {"positions": {"axes"}},
    )
    yield Call(
        "LearnedEncoding",
        used(layers.LearnedEncoding, "positions"),
        {"size": (9, 7), "features": 4, "positions": positions},
        {"size": "sizes", "features": "integer", "positions": "tensor"},
        # Seven axes may be learned, though not those of two coordinates.
        {"size": {"many"}, "positions": {"axes"}},
    )
    yield Call(
        "AddSinusoidalEncoding",
        used(layers.AddSinusoidalEncoding),
        {"base": 100.0, "input": x},
        {"base": "number", "input": "tensor"},
    )
    yield Call(
        "AddLearnedEncoding",
        used(layers.AddLearnedEncoding),
        {"channels": 4, "size": (5, 7)} | HANDED_ON | {"input": x},
        {"channels": "integer", "size": "sizes", "input": "tensor"} | MADE_OF,
        torchs=("device",),
    )
    yield Call(
        "RotaryEncoding",
        used(layers.RotaryEncoding, "input", "positions"),
        {"features": 8, "base": 100.0, "axes": 2}
        | {"input": torch.rand(4, 3, 8), "positions": positions},
        {"features": "integer", "base": "number", "axes": "integer"}
        | {"input": "tensor", "positions": "tensor"},
        # Without positions the input is a map; with more axes it is more of the same.
        {"input": {"axes"}, "positions": {"None"}},
    )
    yield Call(
        "binomial_filter",
        layers.binomial_filter,
        {"size": 3, "dtype": torch.float32, "device": "cpu"},
        {"size": "taps", "dtype": "dtype", "device": "device"},
        torchs=("device",),
    )


def the_functions():
    """List the layers as functions."""
    blur = {"filter_size": 3, "stride": 2, "padding_mode": "reflect"}
    poly = {"norm": 2, "return_phase": False, "ceil_mode": False}
    soft = {"temperature": 1.0, "unit": True, "normalised": False}
    phase = torch.zeros(2, 2, dtype=torch.long)
    for name, base in {
        "add_coords": {"with_r": False, "axes": None},
        "blur_pool": blur,
        "blur_upsample": blur,
        "max_blur_pool": {"kernel_size": 2, "ceil_mode": False} | blur,
        "polyphase_pool": {"stride": 2, "phase": phase} | poly,
        "polyphase_upsample": {"stride": 2, "phase": phase},
        "soft_argmax": soft,
    }.items():
        kinds = {"filter_size": "taps", "stride": "sizes", "padding_mode": "choice"}
        kinds |= {"kernel_size": "sizes", "phase": "tensor", "norm": "number"}
        kinds |= {"temperature": "number", "axes": "sizes"}
        yield Call(
            f"functional.{name}",
            getattr(functional, name),
            base | {"input": torch.rand(2, 4, 6, 6)},
            {option: kinds.get(option, "flag") for option in base}
            | {"input": "tensor"},
            {"phase": {"None"}, "norm": {"infinite"}, "axes": {"None", "zero"}},
        )


def the_tools():
    """List what measures, moves and changes."""
    x, positions = torch.rand(2, 3, 8, 8), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    yield Call(
        "shift",
        coordlib.shift,
        {"x": x, "by": (1, 2), "mode": "circular"},
        {"x": "tensor", "by": "sizes", "mode": "choice"},
        {"x": {"axes", "complex", "bools"}}
        | {"by": {"zero", "negative", "zeros", "negatives"}},
    )
    yield Call(
        "probe",
        coordlib.probe,
        {"f": nn.Identity(), "x": x, "shifts": [(1, 2)], "mode": "circular"}
        | {"stride": 1, "between": "nearest", "tolerance": 1e-5, "keep_panels": False}
        | {"select": None},
        {"f": "callable", "x": "tensor", "shifts": "list", "mode": "choice"}
        | {"stride": "sizes", "between": "choice", "tolerance": "number"}
        | {"keep_panels": "flag", "select": "number"},
        {"x": {"axes", "bools", "complex"}, "tolerance": {"zero"}}
        | {"stride": {"None"}, "select": {"None", "string"}},
    )
    yield Call(
        "shift, by fractions",
        coordlib.shift,
        {"x": x, "by": (0.5, 1), "mode": "fourier"},
        {"x": "tensor", "by": "sizes"},
        {"x": {"axes"}}
        | {"by": {"float", "floats", "zero", "negative", "zeros", "negatives"}},
    )
    yield Call(
        "probe_layers",
        coordlib.probe_layers,
        {"model": nn.Sequential(nn.Conv2d(3, 2, 1)), "x": x, "shifts": [(1, 2)]}
        | {"layers": None, "mode": "circular", "between": "nearest", "select": None}
        | {"tolerance": 1e-5},
        {"model": "module", "shifts": "list", "layers": "list", "mode": "choice"}
        | {"between": "choice", "select": "number", "tolerance": "number"},
        {"layers": {"None"}, "tolerance": {"zero"}, "select": {"None", "string"}},
    )
    yield Call(
        "probe_moves",
        probe_moves,
        {"f": nn.Identity(), "x": x, "moves": [2], "move_input": torch.mul}
        | {"move_output": torch.mul, "tolerance": 1e-5, "keep_panels": False}
        | {"select": None},
        {"f": "callable", "x": "tensor", "move_input": "callable"}
        | {"move_output": "callable", "tolerance": "number", "keep_panels": "flag"}
        | {"select": "number"},
        {"x": {"axes", "scalar", "complex", "bools"}, "move_output": {"None"}}
        | {"tolerance": {"zero"}, "select": {"None", "string"}},
    )
    yield Call(
        "lie_derivative",
        lie_derivative,
        {"f": nn.Identity(), "x": x, "direction": (0.5, 1)}
        | {"stride": 1, "select": None},
        {"f": "callable", "x": "tensor", "direction": "sizes", "stride": "sizes"}
        | {"select": "number"},
        {"x": {"axes"}, "stride": {"None"}, "select": {"None", "string"}}
        | {"direction": {"float", "floats", "zero", "negative", "zeros", "negatives"}},
    )
    for name, argument in ("to_unit", "position"), ("from_unit", "coordinate"):
        yield Call(
            name,
            getattr(grid, name),
            {argument: positions, "size": (8, 8)},
            {argument: "tensor", "size": "sizes"},
            {argument: {"axes"}},
        )
    heat, wanted = torch.full((2, 3, 4, 4), 1 / 16), torch.zeros(2, 3, 2)
    yield Call(
        "render_gaussian",
        heatmaps.render_gaussian,
        {"coordinates": wanted, "size": (8, 8), "sigma": 1.0, "unit": True},
        {"coordinates": "tensor", "size": "sizes", "sigma": "number", "unit": "flag"},
        {"coordinates": {"axes"}},
    )
    yield Call(
        "js_divergence",
        heatmaps.js_divergence,
        {"heat": heat, "coordinates": wanted, "sigma": 1.0, "unit": True},
        {"heat": "tensor", "coordinates": "tensor", "sigma": "number", "unit": "flag"},
    )
    yield Call(
        "variance_penalty",
        heatmaps.variance_penalty,
        {"heat": heat, "sigma": 1.0},
        {"heat": "tensor", "sigma": "number"},
    )
    yield Call(
        "index_grid",
        grid.index_grid,
        {"size": (3, 4), "dtype": torch.long, "device": "cpu"},
        {"size": "sizes", "dtype": "dtype", "device": "device"},
        {"size": {"many"}, "dtype": {"integers", "complex"}},
        ("device",),
    )
    yield Call(
        "unit_grid",
        grid.unit_grid,
        {"size": (3, 4), "with_r": False, "axes": None} | HANDED_ON,
        {"size": "sizes", "with_r": "flag", "axes": "sizes"} | MADE_OF,
        {"size": {"many"}, "axes": {"None", "zero"}},
        ("device",),
    )

    some = torch.tensor([[[4.0, 4, 3, 3], [5, 5, 2, 2]]])
    many = {"axes"}
    for name, arguments in {
        "corners": ["boxes"],
        "from_corners": ["edges"],
        "box_iou": ["boxes", "others"],
        "encode": ["boxes", "anchors"],
        "decode": ["offsets", "anchors"],
    }.items():
        yield Call(
            name,
            getattr(boxes, name),
            dict.fromkeys(arguments, some),
            dict.fromkeys(arguments, "tensor"),
            dict.fromkeys(arguments, many),
        )
    for name in "clip", "inside":
        yield Call(
            name,
            getattr(boxes, name),
            {"boxes": some, "size": (8, 8)},
            {"boxes": "tensor", "size": "sizes"},
            {"boxes": many, "size": {"floats", "huge", "tensor"}},
        )
    yield Call(
        "anchors",
        boxes.anchors,
        {"cells": (2, 2), "stride": 4.0, "first": 8.0, "sizes": [(15, 20)]},
        {"cells": "sizes", "stride": "number", "first": "number", "sizes": "list"},
        {"first": {"zero", "negative"}},
    )
    yield Call(
        "non_maximum_suppression",
        boxes.non_maximum_suppression,
        {"boxes": some, "scores": torch.rand(1, 2), "threshold": 0.5, "keep": 1},
        {"boxes": "tensor", "scores": "tensor", "threshold": "number"}
        | {"keep": "integer"},
        {"threshold": {"zero", "negative", "infinite"}},
    )

    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    common = {"max_shift": 2, "pairs": 2, "group": 1, "mode": "circular"}
    yield Call(
        "consistency",
        measures.consistency,
        {"model": model, "images": x, **common, "seed": 0, "batch_size": 5},
        {"model": "callable", "images": "tensor", "max_shift": "taps"}
        | {"pairs": "count", "group": "integer", "mode": "choice"}
        | {"seed": "integer", "batch_size": "integer"},
        {"group": {"None"}, "seed": {"zero", "negative"}},
    )
    yield Call(
        "consistency, of given shifts",
        measures.consistency,
        {"model": model, "images": x, "shifts": [(0, 0), (0, 1)]},
        {"shifts": "list"},
    )
    yield Call(
        "consistency, of windows",
        measures.consistency,
        {"model": lambda x: x.sum((2, 3)), "images": x, "window": 4, "mode": "cropped"},
        {"window": "integer"},
    )
    yield Call(
        "decibels",
        measures.decibels,
        {"error": torch.rand(3)},
        {"error": "tensor"},
        {"error": {"scalar", "axes"}},
    )
    yield Call(
        "distance_from_start",
        measures.distance_from_start,
        {"walks": torch.rand(2, 3, 3, 8, 8)},
        {"walks": "tensor"},
    )
    features = torch.rand(9, 3)
    yield Call(
        "frechet_distance",
        measures.frechet_distance,
        {"one": features, "other": features},
        {"one": "tensor", "other": "tensor"},
    )
    logits = torch.randn(2, 1, 4, 4)
    yield Call(
        "iou",
        measures.iou,
        {"logits": logits, "images": (logits > 0).float(), "reduction": "mean"},
        {"logits": "tensor", "images": "tensor", "reduction": "choice"},
        {"images": {"bools"}},
    )
    yield Call(
        "pixel_accuracy",
        measures.pixel_accuracy,
        {"logits": logits, "targets": torch.tensor([3, 5]), "reduction": "mean"},
        {"logits": "tensor", "targets": "tensor", "reduction": "choice"},
    )
    yield Call(
        "pixel_distance",
        measures.pixel_distance,
        {"predicted": torch.rand(2, 2), "positions": positions, "size": 8}
        | {"reduction": "mean"},
        {"predicted": "tensor", "positions": "tensor", "size": "sizes"}
        | {"reduction": "choice"},
    )
    yield Call(
        "psnr",
        measures.psnr,
        {"pictures": x, "others": x},
        {"pictures": "tensor", "others": "tensor"},
    )

    field_ = torch.zeros(2, 2, 8, 8)
    yield Call(
        "carry",
        motion.carry,
        {"first": x, "last": x, "field": field_, "pace": 0.5},
        {"first": "tensor", "last": "tensor", "field": "tensor", "pace": "number"},
        {"pace": {"zero"}},
    )
    yield Call(
        "displacements",
        motion.displacements,
        {"first": x, "last": x},
        {"first": "tensor", "last": "tensor"},
    )
    three = ("first", "middle", "last")
    yield Call(
        "predict",
        motion.predict,
        dict.fromkeys(three, x),
        dict.fromkeys(three, "tensor"),
    )
    yield Call(
        "triples",
        motion.triples,
        {"walks": torch.rand(2, 5, 3, 8, 8), "span": 2},
        {"walks": "tensor", "span": "integer"},
    )

    signed = torch.rand(4, 3, 16, 16) * 2 - 1
    for name in "amounts", "look", "fixed_pattern":
        yield Call(
            name,
            getattr(scenes, name),
            {"pictures": signed},
            {"pictures": "tensor"},
        )
    yield Call(
        "right",
        scenes.right,
        {"scenes": scenes.look(signed), "size": 16},
        {"scenes": "record", "size": "integer"},
    )
    yield Call(
        "cloud",
        scenes.cloud,
        {"centres": torch.rand(30, 2, 2) * 16, "size": 16},
        {"centres": "tensor", "size": "integer"},
    )
    ends = torch.rand(3, 5)
    yield Call(
        "walks",
        scenes.walks,
        {"starts": ends, "ends": ends, "frames": 3},
        {"starts": "tensor", "ends": "tensor", "frames": "count"},
    )
    yield Call(
        "examine",
        scenes.examine,
        {"decode": lambda z: signed[:1].expand(len(z), -1, -1, -1), "latents": ends}
        | {"size": 16, "pairs": 2, "frames": 3},
        {"decode": "callable", "latents": "tensor", "size": "integer"}
        | {"pairs": "count", "frames": "count"},
    )

    lit = torch.zeros(2, 1, 5, 5)
    lit[:, :, 2, 3] = 1
    yield Call(
        "handmade.decode",
        handmade.decode,
        {"images": lit},
        {"images": "tensor"},
        {"images": {"bools"}},
    )
    for name in "decode_scipy", "decode_steps":
        # Whatever numpy makes an array of is a picture.
        array_like = {"array", "list", "bools"}
        yield Call(
            name,
            getattr(handmade, name),
            {"image": lit[0, 0]},
            {"image": "tensor"},
            {"image": array_like},
        )
    whole = torch.tensor([[1, 2], [3, 4]])
    yield Call(
        "paint_pixel",
        handmade.paint_pixel,
        {"positions": whole, "size": 8},
        {"positions": "tensor", "size": "sizes"},
    )
    yield Call(
        "paint_square",
        handmade.paint_square,
        {"positions": whole, "size": 8, "side": 3},
        {"positions": "tensor", "size": "sizes", "side": "integer"},
    )
    yield Call(
        "Tile",
        used(handmade.Tile),
        {"size": 4, "input": ends},
        {"size": "sizes", "input": "tensor"},
        {"input": {"complex", "bools"}},
    )
    yield Call(
        "GlobalSum",
        used(handmade.GlobalSum),
        {"input": x},
        {"input": "tensor"},
        {"input": {"axes", "complex", "bools"}},
    )
    yield Call(
        "decoder_network", handmade.decoder_network, {"size": 4}, {"size": "sizes"}
    )
    yield Call(
        "painter_network",
        handmade.painter_network,
        {"size": 4, "side": 1},
        {"size": "sizes", "side": "integer"},
    )

    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, 2), nn.ReLU())
    yield Call(
        "antialias",
        surgery.antialias,
        {"model": net, "filter_size": 3, "padding_mode": "reflect"}
        | {"first_conv": False, "activations": (), "include": ("*",), "exclude": ()}
        | {"min_channels": 1},
        {"model": "module", "filter_size": "integer", "padding_mode": "choice"}
        | {"first_conv": "flag", "activations": "list", "include": "list"}
        | {"exclude": "list", "min_channels": "integer"},
    )
    yield Call(
        "coordify",
        surgery.coordify,
        {"model": net, "which": "first", "with_r": False, "axes": None},
        {"model": "module", "which": "list", "with_r": "flag", "axes": "sizes"},
        {"axes": {"None", "zero"}},
    )
    yield Call(
        "plain", surgery.plain, {"model": surgery.coordify(net)[0]}, {"model": "module"}
    )


def the_models():
    """List the networks; only what makes them, for they are called in their tests."""
    some = {"downsampling": "blur", "filter_size": 3, "padding_mode": "zeros"}
    some |= {"width": 0.1, "classes": 3}
    kinds = {"downsampling": "choice", "filter_size": "sizes", "width": "number"}
    kinds |= {"padding_mode": "choice", "classes": "integer", "channels": "integer"}
    kinds |= {"depth": "count", "growth": "integer", "bottleneck": "flag"}
    for name, more in {
        "VGG": {"depth": 11, "channels": 3},
        "ResNet": {"depth": 8, "channels": 3},
        "DenseNet": {"depth": 10, "growth": 4, "bottleneck": True, "channels": 3},
        "MobileNetV2": {"channels": 3},
    }.items():
        base = some | more
        yield Call(name, getattr(models, name), base, {n: kinds[n] for n in base})
    integers = {"width": 4, "size": 16, "latent": 3, "depth": 2, "channels": 1}
    integers |= {"outputs": 1, "kernel_size": 3, "halvings": 1, "classes": 3}
    integers |= {"in_channels": 2, "out_channels": 2, "filter_size": 3}
    flags = ("coordinates", "constant", "rectifier", "centre")

    def made(name, names=(), valid=None, torchs=(), **choices):
        base = {n: integers.get(n, False) for n in names} | choices
        kinds = {n: "flag" if n in flags else "integer" for n in names}
        kinds |= {n: "count" for n in names if n in ("depth", "halvings")}
        kinds |= dict.fromkeys(choices, "choice")
        return Call(name, getattr(models, name), base, kinds, valid or {}, torchs)

    yield made("VAE", ["width", "size", "latent"], decoder="conv")
    names = ["width", "size", "latent", "coordinates"]
    yield made("BroadcastDecoder", names, {"size": {"list"}})
    yield made("AddCodes", ["size"])
    sizes = ["width", "size", "latent"]
    yield made("CoordConvGenerator", sizes, normalisation="none")
    yield made("DCGANGenerator", sizes, normalisation="batch")
    yield made("Discriminator", ["coordinates", "width", "size"])
    yield made(
        "ConvRegressor",
        ["width", "coordinates"],
        padding_mode="zeros",
        normalisation="batch",
    )
    yield made("CoordConvPainter", ["width", "size"], normalisation="none")
    yield made(
        "CoordConvRegressor",
        ["rectifier", "halvings", "coordinates"],
        {"halvings": {"zero"}},
        readout="max",
    )
    yield made("CoordConvSquarePainter", ["width", "kernel_size", "size", "centre"])
    yield made("DeconvPainter", ["width", "kernel_size", "size"], normalisation="batch")
    yield made("DenseMax2d", padding_mode="zeros")
    yield made("DenseRegressor", ["width", "size"])
    yield made(
        "GarmentNet",
        ["filter_size", "width", "classes"],
        pool="blur",
        padding_mode="zeros",
    )
    yield made("PositionNet", ["width", "depth"], padding_mode="zeros")
    yield made(
        "UNet",
        ["filter_size", "width", "depth", "channels", "outputs"],
        downsampling="blur",
        padding_mode="zeros",
    )
    yield made(
        "SameConv2d",
        ["in_channels", "out_channels", "kernel_size"],
        padding_mode="zeros",
        torchs=("in_channels", "out_channels", "kernel_size", "padding_mode"),
        valid={"in_channels": QUIET, "out_channels": QUIET, "kernel_size": QUIET},
    )
    for name, shape in ("MiniTrunk", (3, 10, 10)), ("AtariTrunk", (4, 84, 84)):
        base = {"shape": shape, "coordconv": "none"}
        kinds = {"shape": "sizes", "coordconv": "choice"}
        if name == "MiniTrunk":
            base, kinds = base | {"readout": "max"}, kinds | {"readout": "choice"}
        yield Call(name, getattr(models, name), base, kinds)
    trunk = models.MiniTrunk((3, 10, 10))
    for name in "ActorCritic", "QNetwork":
        yield Call(
            name,
            getattr(models, name),
            {"trunk": trunk, "actions": 3},
            {"trunk": "module", "actions": "integer"},
        )
    yield Call(
        "Detector",
        models.Detector,
        {"places": ("image",), "constant": False},
        {"places": "list", "constant": "flag"},
    )
    yield Call(
        "EncodedPainter",
        models.EncodedPainter,
        {"encoding": layers.SinusoidalEncoding(2), "size": 8},
        {"encoding": "module", "size": "sizes"},
        {"encoding": {"None"}},
    )
    yield Call(
        "parameter_count",
        models.parameter_count,
        {"module": trunk},
        {"module": "module"},
    )


def the_data():
    """List what gives pictures, and what reads and writes results."""
    for name in "digits", "garments", "pictures", "mnist", "fashion_mnist", "cifar10":
        yield Call(
            name,
            getattr(data, name),
            {"split": "test"},
            {"split": "choice"},
        )
    yield Call(
        "photograph",
        data.photograph,
        {"size": 32, "gray": False},
        {"size": "integer", "gray": "flag"},
        {"size": {"None"}},
    )
    yield Call(
        "scatter",
        data.scatter,
        {"digits": torch.rand(6, 1, 28, 28), "count": 2, "objects": 5, "seed": 0},
        {"digits": "tensor", "count": "integer", "objects": "integer"}
        | {"seed": "integer"},
        {"seed": {"zero", "negative"}},
    )
    yield Call(
        "squares",
        data.squares,
        {"size": 16, "side": 3},
        {"size": "integer", "side": "integer"},
    )
    small = data.squares(16, 3)
    yield Call(
        "uniform_split",
        data.uniform_split,
        {"data": small, "test_fraction": 0.2, "seed": 0},
        {"data": "record", "test_fraction": "number", "seed": "integer"},
        {"seed": {"zero", "negative"}},
    )
    yield Call(
        "quadrant_split", data.quadrant_split, {"data": small}, {"data": "record"}
    )
    yield Call(
        "released_split",
        data.released_split,
        {"data": small, "seed": 0},
        {"data": "record", "seed": "integer"},
        {"seed": {"zero"}},
    )
    yield Call(
        "splits",
        data.splits,
        {"data": small, "seed": 0},
        {"data": "record", "seed": "integer"},
        {"seed": {"zero", "negative"}},
    )
    yield Call(
        "shapes",
        shapes,
        {"count": 3, "size": 16, "seed": 0},
        {"count": "integer", "size": "integer", "seed": "integer"},
        {"seed": {"zero"}},
    )
    yield Call("radius", radius, {"size": 16}, {"size": "integer"})
    yield Call(
        "draw",
        draw,
        {"centres": torch.full((2, 2, 2), 8), "square": torch.ones(2, 2) > 0}
        | {"size": 16},
        {"centres": "tensor", "square": "tensor", "size": "integer"},
        {"square": {"bools"}},
    )
    pictures = torch.rand(1, 3, 32, 32)
    yield Call(
        "corrupt",
        corruptions.corrupt,
        {"pictures": pictures, "name": "contrast", "severity": 1, "seed": 0},
        {"pictures": "tensor", "name": "choice", "severity": "integer"}
        | {"seed": "integer"},
        {"seed": {"zero", "negative"}},
    )
    yield Call(
        "perturb",
        perturbations.perturb,
        {"pictures": pictures, "name": "brightness", "seed": 0},
        {"pictures": "tensor", "name": "choice", "seed": "integer"},
        {"seed": {"zero", "negative"}},
    )

    where = {"experiment": "rendering", "preset": "quick", "where": FOLDER.name}
    kinds = {"experiment": "text", "preset": "choice", "where": "path"}
    for name in "path", "weights_path", "partial_folder", "put_aside":
        yield Call(name, getattr(results, name), where, kinds)
    yield Call(
        "best",
        results.best,
        {"experiment": "rendering", "where": FOLDER.name},
        {"experiment": "text", "where": "path"},
    )
    yield Call(
        "results.load",
        results.load,
        {"file": next(results.folder().glob("*.cpu.json"))},
        {"file": "path"},
    )
    yield Call(
        "save",
        results.save,
        {"result": Result("none", "quick", {}), "where": FOLDER.name},
        {"result": "record", "where": "path"},
    )
    yield Call(
        "check_writable",
        results.check_writable,
        {"where": FOLDER.name},
        {"where": "path"},
    )
    yield Call(
        "provenance",
        results.provenance,
        {"device": torch.device("cpu"), "seconds": 1.0},
        {"device": "record", "seconds": "number"},
        {"seconds": {"zero"}},
    )
    yield Call(
        "device_name",
        results.device_name,
        {"device": torch.device("cpu")},
        {"device": "record"},
    )
    claim = ledger.Claim("A01", "ours", "t", "a", "b", "c", "d")
    yield Call(
        "decide",
        ledger.decide,
        {"claim": claim, "measured": {}},
        {"claim": "record", "measured": "record"},
    )
    yield Call("read_claims", ledger.read_claims, {"file": None}, {"file": "path"})
    yield Call("ledger", ledger.ledger, {"where": FOLDER.name}, {"where": "path"})
    entries = [ledger.decide(claim, {})]
    for name in (
        "summary",
        "folded",
        "to_html",
        "to_csv",
        "to_json",
        "filters",
        "open_rows",
    ):
        function = getattr(ledger, name, None) or getattr(ledger_html, name)
        yield Call(name, function, {"entries": entries}, {"entries": "list"})


@pytest.fixture(scope="module")
def ends():
    return ends_of(the_calls())


# A layer that was made on the CPU is for the CPU; numpy makes no array of what is not.
ONLY_ON_THE_CPU = {
    *("MaxBlurPool1d", "MaxBlurPool2d", "MaxBlurPool3d"),
    *("FourierFeatures", "SinusoidalEncoding", "LearnedEncoding"),
    *("AddLearnedEncoding",),
    *("decode_scipy", "decode_steps"),
}


def moved(value, device):
    """The same tensor, module or name of a device on another device."""
    if isinstance(value, nn.Module):
        return copy.deepcopy(value).to(device)
    if isinstance(value, torch.Tensor):
        return value.to(device)
    return str(device) if isinstance(value, str) and value == "cpu" else value


@pytest.mark.parametrize("call", list(the_calls()), ids=lambda call: call.name)
def test_a_valid_call_is_one(call, device):
    if call.name in ("mnist", "fashion_mnist", "cifar10"):  # of which none is here
        return
    if call.name in ONLY_ON_THE_CPU:
        device = torch.device("cpu")
    call.function(**{name: moved(value, device) for name, value in call.base.items()})


def test_there_are_many_of_every_public_name(ends):
    assert len(ends) >= CALLS_AT_LEAST


def test_no_hostile_call_hangs(ends):
    assert hanging(ends) == []


def test_the_error_names_the_argument(ends):
    assert len(unnamed(ends)) <= AT_MOST * len(ends)
