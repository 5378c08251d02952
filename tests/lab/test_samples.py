"""The pictures that ship with the library."""

import hashlib
import re

import pytest
import torch

from coordlib.lab.data import GARMENTS, PICTURES, digits, garments, photograph, pictures
from coordlib.lab.data.storage import ROOT

FILES = ROOT / "coordlib/lab/data/files"
README = (FILES / "README.md").read_text(encoding="utf-8")
HASHES = {name: h for h, name in re.findall(r"\b([0-9a-f]{64})  (\S+)", README)}


def test_every_file_is_the_one_that_the_readme_describes():
    stored = {f.name for f in FILES.iterdir()} - {"README.md"}
    assert set(HASHES) == stored
    for name, expected in HASHES.items():
        data = (FILES / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == expected
        assert len(data) < 1.4e6
        assert f"| `{name}` |" in README


def test_the_photograph_is_a_colour_picture_of_256x256():
    image = photograph()
    assert image.shape == (1, 3, 256, 256)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < 0.1 and 0.9 < image.max() <= 1
    # the pupil of the left eye is dark, the forehead above is not
    assert image[0, :, 85, 62].mean() < 0.15 < 0.3 < image[0, :, 40, 110].mean()


def test_a_small_photograph_averages_the_large_one():
    large, small = photograph(), photograph(64)
    assert small.shape == (1, 3, 64, 64)
    block = large[0, :, 8:12, 20:24].mean((1, 2))
    assert torch.allclose(small[0, :, 2, 5], block, atol=1e-6)


def test_a_grey_photograph_has_one_channel_with_the_luma_of_three():
    gray, color = photograph(32, gray=True), photograph(32)
    assert gray.shape == (1, 1, 32, 32)
    luma = 0.299 * color[:, 0] + 0.587 * color[:, 1] + 0.114 * color[:, 2]
    assert torch.allclose(gray[:, 0], luma, atol=1e-6)


@pytest.mark.parametrize("size", [0, -3, 257])
def test_the_photograph_is_not_enlarged(size):
    with pytest.raises(ValueError, match="from 1 to 256"):
        photograph(size)


@pytest.mark.parametrize("size", [64.0, "64", (64, 64), True])
def test_the_size_of_the_photograph_is_an_integer(size):
    with pytest.raises(TypeError, match="integer"):
        photograph(size)


@pytest.mark.parametrize(
    ("load", "split", "each", "shape"),
    [
        (garments, "train", 300, (1, 28, 28)),
        (garments, "test", 100, (1, 28, 28)),
        (digits, "train", 100, (1, 28, 28)),
        (digits, "test", 50, (1, 28, 28)),
        (pictures, "train", 20, (3, 32, 32)),
        (pictures, "test", 10, (3, 32, 32)),
    ],
)
def test_samples_are_balanced_pictures_with_labels(load, split, each, shape):
    images, labels = load(split)
    assert images.shape == (10 * each, *shape)
    assert images.is_contiguous()
    assert images.dtype == torch.float32 and labels.dtype == torch.long
    assert images.min() == 0 and images.max() == 1
    assert labels.bincount().tolist() == [each] * 10
    assert len(GARMENTS) == len(PICTURES) == 10


@pytest.mark.parametrize(
    ("load", "train", "test"),
    [
        (garments, [9, 0, 0, 3, 0, 2, 7, 2], [9, 2, 1, 1, 6, 1, 4, 6]),
        (digits, [5, 0, 4, 1, 9, 2, 1, 3], [7, 2, 1, 0, 4, 1, 4, 9]),
        (pictures, [6, 9, 9, 4, 1, 1, 2, 7], [3, 8, 8, 0, 6, 6, 1, 6]),
    ],
)
def test_samples_begin_as_the_data_sets_do(load, train, test):
    assert load("train")[1][:8].tolist() == train
    assert load("test")[1][:8].tolist() == test


@pytest.mark.parametrize("load", [garments, digits, pictures])
def test_train_and_test_share_no_picture(load):
    train, test = load("train")[0].flatten(1), load("test")[0].flatten(1)
    assert torch.cdist(train, test).min() > 0


def test_pictures_stand_upright_in_true_colours():
    """On average, ships have a bright sky above, and frogs little blue."""
    images, labels = pictures("train")
    ship = images[labels == PICTURES.index("ship")].mean(0)
    frog = images[labels == PICTURES.index("frog")].mean((0, 2, 3))
    assert ship[:, :8].mean() > ship[:, -8:].mean() + 0.1
    assert ship.mean((1, 2))[2] > ship.mean((1, 2))[0]  # more blue than red
    assert frog[2] < frog[1]  # less blue than green


@pytest.mark.parametrize("load", [garments, digits, pictures])
def test_an_unknown_split_is_refused(load):
    with pytest.raises(ValueError, match="split must be one of 'train', 'test'"):
        load("validation")
