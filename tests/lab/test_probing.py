"""The probe from the command line: flips along shifts, and the error by layer."""

import re
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from coordlib.__main__ import main
from coordlib.lab.data import photograph
from coordlib.lab.experiments import probing


def small():
    """A classifier that pools twice."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 8, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(8 * 5 * 5, 4)),
    )


def painter():
    return nn.Sequential(nn.Conv2d(3, 1, 3), nn.AvgPool2d(2))


def steady():
    return nn.Conv2d(3, 4, 3)


made = nn.Conv2d(3, 4, 3)
number = 3


def choosy(width):
    return nn.Conv2d(3, width, 3)


class Odd(nn.Module):
    """A network that goes wrong in a way of its own."""

    def __init__(self, forward):
        super().__init__()
        self.inner, self.way = nn.Conv2d(3, 4, 3), forward

    def forward(self, x):
        return self.way(self.inner(x).mean((2, 3)))


def failing(scores):
    raise KeyError("where")


fails = Odd(failing)
none = Odd(lambda scores: None)
words = Odd(lambda scores: "cat")
whole = Odd(lambda scores: (100 * scores).long())
several = Odd(lambda scores: scores.expand(3, -1))
empty = Odd(lambda scores: scores[:, :0])
wavering = Odd(lambda scores: scores[:, : 1 + int(1e4 * scores.abs().sum()) % 3])


class Counting(nn.Module):
    """Fails when it is called for the third time."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls = nn.Conv2d(3, 4, 3), 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 2:
            raise IndexError
        return self.inner(x).mean((2, 3))


def unmade():
    raise LookupError("no weights\nat all")


def leaving():
    raise SystemExit(3)


def at_once():
    return torch.zeros(3)


SMALL = f"{__name__}:small"


@pytest.fixture
def picture(tmp_path):
    pixels = photograph(size=48)[0].permute(1, 2, 0)
    Image.fromarray((255 * pixels).byte().numpy()).save(tmp_path / "cat.png")
    return str(tmp_path / "cat.png")


def printed(capsys, *arguments):
    status = main(["probe", *arguments])
    said = capsys.readouterr()
    assert status == 0, said.err
    return said.out


def refused(capsys, *arguments):
    status = main(["probe", *arguments])
    said = capsys.readouterr()
    assert status == 2
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    return said.err


def test_it_prints_a_label_for_each_shift_and_a_line_for_each_layer(picture, capsys):
    out = printed(capsys, SMALL, picture, "--shifts", "3", "--size", "26")
    for shift in range(4):
        assert f"({shift}, {shift})" in out
    assert re.search(r"flips: \d of 3 shifts get another label", out)
    for name, module in small().named_children():
        assert re.search(rf"^{name} +{type(module).__name__} ", out, re.M)
    assert "first inexact: 2" in out


def test_what_is_exact_on_windows_of_a_picture_is_said_to_be(picture, capsys):
    out = printed(capsys, f"{__name__}:steady", picture, "--size", "24")
    assert "first inexact: none" in out
    assert "no scores (N, K)" in out


@pytest.mark.parametrize("mode", ["circular", "zero", "cropped"])
def test_the_window_has_the_size_asked_for_in_every_mode(picture, capsys, mode):
    arguments = ("--size", "26", "--shifts", "2", "--mode", mode)
    assert "Conv2d     24 x 24" in printed(capsys, SMALL, picture, *arguments)


def test_the_same_without_labels_for_what_gives_pictures(picture, capsys):
    out = printed(capsys, f"{__name__}:painter", picture, "--size", "26")
    assert "no scores (N, K)" in out and "AvgPool2d" in out


def test_a_blurred_copy_stands_beside_it_and_both_are_drawn(picture, capsys, tmp_path):
    figure = str(tmp_path / "figure.png")
    arguments = ("--size", "26", "--shifts", "3", "--antialias", "--out", figure)
    out = printed(capsys, SMALL, picture, *arguments)
    assert f"{SMALL}, antialiased" in out
    assert "changed: 2" in out
    assert out.count("flips: ") == 2
    assert f"drawn: {figure}" in out
    with Image.open(figure) as drawn:
        assert drawn.width > 500


def test_the_scores_are_those_of_the_windows_of_the_picture(picture):
    found = probing.measure(
        SMALL, picture, shifts=4, size=26, mode="cropped", blurred=False
    )[SMALL]
    x = probing.read_picture(picture, 34)
    assert x.min() >= 0 and 0.5 < x.max() <= 1
    with torch.no_grad():
        still, moved = small()(x[..., 4:30, 4:30]), small()(x[..., 1:27, 1:27])
    assert torch.equal(found.scores[0], still.softmax(1)[0])
    assert torch.equal(found.scores[3], moved.softmax(1)[0])
    assert torch.equal(found.kept, found.scores[:, still.argmax()])


class Centred(nn.Module):
    """Subtracts a mean in place, as preprocessing does."""

    def __init__(self):
        super().__init__()
        self.rest = small()

    def forward(self, x):
        x -= 0.5
        return self.rest(x)


def test_a_network_that_writes_into_its_input_sees_the_picture_each_time(picture):
    options = {"shifts": 3, "size": 26, "mode": "cropped", "blurred": False}
    found = probing.measure(f"{__name__}:Centred", picture, **options)
    x = probing.read_picture(picture, 32)
    with torch.no_grad():
        wanted = small()(x[..., :26, :26] - 0.5).softmax(1)
    torch.testing.assert_close(found[f"{__name__}:Centred"].scores[-1:], wanted)


def test_a_network_that_is_made_already_will_do(picture, capsys):
    assert "Conv2d" in printed(capsys, f"{__name__}:made", picture, "--size", "20")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere_at_all:net"], "nowhere_at_all:net cannot be imported"),
        ([f"{__name__}:nothing"], "cannot be imported"),
        ([f"{__name__}:choosy"], "must be callable without arguments"),
        ([f"{__name__}:number"], "must be callable without arguments"),
        ([f"{__name__}:dict"], "cannot be imported"),
        (["builtins:dict"], "must give a torch.nn.Module, got dict"),
        ([SMALL, "--shifts", "0"], "--shifts must be at least 1"),
        ([SMALL, "--size", "-3"], "--size must be at least 1"),
        (
            [SMALL, "--size", "32"],
            "MODEL fails on a picture (1, 3, 32, 32): RuntimeError: mat1",
        ),
        ([f"{__name__}:fails"], "(1, 3, 224, 224): KeyError: 'where'"),
        ([f"{__name__}:fails", "--antialias"], "(1, 3, 224, 224): KeyError: 'where'"),
        ([f"{__name__}:unmade"], "cannot be made: LookupError: no weights at all"),
        ([f"{__name__}:leaving"], "cannot be made: SystemExit: 3"),
        ([f"{__name__}:at_once"], "must give a torch.nn.Module, got Tensor"),
        ([f"{__name__}:wavering"], "MODEL must give one shape for all pictures (1, 3,"),
        ([f"{__name__}:Counting", "--shifts", "1"], "cannot be probed: IndexError"),
        ([SMALL, "--out", "figure.cat"], "--out must end in one of"),
        ([SMALL, "--out", "nowhere/figure.png"], "in a folder that is there"),
        ([f"{__name__}:steady", "--antialias"], "nothing to antialias"),
    ],
)
def test_errors_end_in_one_line(picture, capsys, arguments, message):
    model, *options = arguments
    assert message in refused(capsys, model, picture, *options)


def test_a_module_that_fails_as_it_is_imported_is_told_of(picture, capsys, tmp_path):
    for name, line, told in (
        ("raising", "1 / 0", "ZeroDivisionError: division by zero"),
        ("unread", "def net(:", "SyntaxError: invalid syntax"),
        ("leaving", "raise SystemExit('usage')", "SystemExit: usage"),
    ):
        (tmp_path / f"{name}_on_import.py").write_text(line)
        sys.path.insert(0, str(tmp_path))
        try:
            said = refused(capsys, f"{name}_on_import:net", picture)
        finally:
            sys.path.remove(str(tmp_path))
        assert f"cannot be imported: {told}" in said


@pytest.mark.parametrize("model", ["none", "words", "whole", "several", "empty"])
def test_what_gives_no_scores_is_probed_without_labels(picture, capsys, model):
    out = printed(capsys, f"{__name__}:{model}", picture, "--size", "20")
    assert "it gives no scores (N, K)" in out and "inner" in out


def test_a_picture_that_is_none_is_refused(capsys, tmp_path):
    assert "cat.png" in refused(capsys, SMALL, str(tmp_path / "cat.png"))
    (tmp_path / "text.png").write_text("a cat")
    assert "text.png" in refused(capsys, SMALL, str(tmp_path / "text.png"))


def test_a_picture_of_sixteen_bits_is_not_clipped_to_white(capsys, tmp_path):
    deep = np.linspace(0, 65535, 64).astype("uint16").reshape(8, 8)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    told = refused(capsys, SMALL, str(tmp_path / "deep.png"))
    assert "PICTURE must have 8 bits a channel, got one of mode I;16" in told


def test_a_picture_that_would_fill_the_memory_is_refused(monkeypatch, picture, capsys):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "cat.png is too large" in refused(capsys, SMALL, picture)


# Of timm and torchvision, what is called here.


@pytest.fixture
def nobody(monkeypatch):
    monkeypatch.setattr(probing, "find_spec", lambda name: None)


def installed(monkeypatch, **modules):
    monkeypatch.setattr(probing, "find_spec", lambda name: name in modules or None)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


def a_library(known, raising=None):
    library = ModuleType("timm")
    library.is_model = lambda name: name == known

    def create_model(name, pretrained):
        if raising:
            raise raising
        model = small()
        model.pretrained_cfg = {"mean": (0.5, 0, 0), "std": (1, 2, 1)}
        return model

    library.create_model = create_model
    return library


def test_a_name_without_a_library_is_told_what_to_install(nobody, picture, capsys):
    told = refused(capsys, "resnet18", picture)
    assert "timm or torchvision know, of which none is installed; got resnet18" in told


def test_a_model_of_timm_comes_with_its_normalisation(monkeypatch, picture):
    installed(monkeypatch, timm=a_library("resnet18"))
    _, prepare = probing.named_model("resnet18")
    x = torch.ones(1, 3, 2, 2)
    assert prepare(x)[0, :, 0, 0].tolist() == [0.5, 0.5, 1]


def test_a_model_of_torchvision_comes_with_its_weights(monkeypatch):
    usual = SimpleNamespace(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    weights = SimpleNamespace(DEFAULT=SimpleNamespace(transforms=lambda: usual))
    models = ModuleType("torchvision.models")
    models.list_models = lambda: ["alexnet"]
    models.get_model_weights = lambda name: weights
    models.get_model = lambda name, weights: small()
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    installed(monkeypatch, torchvision=ModuleType("torchvision"))
    _, prepare = probing.named_model("alexnet")
    assert prepare(torch.zeros(1, 3, 2, 2)).eq(-1).all()


def test_a_name_that_no_library_knows_is_refused(monkeypatch, picture, capsys):
    installed(monkeypatch, timm=a_library("resnet18"))
    assert "known to timm, got resnet19" in refused(capsys, "resnet19", picture)


def test_weights_that_cannot_be_fetched_are_no_traceback(monkeypatch, picture, capsys):
    installed(monkeypatch, timm=a_library("resnet18", RuntimeError("no weights")))
    told = refused(capsys, "resnet18", picture)
    assert "MODEL resnet18 cannot be made: RuntimeError: no weights" in told
