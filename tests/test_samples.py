"""The pictures that ship with the library."""

import hashlib
import re
from importlib import resources

import pytest
import torch

from coordlib.data import GARMENTS, garments, photograph

FILES = resources.files("coordlib.data") / "files"
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


@pytest.mark.parametrize(("split", "each"), [("train", 300), ("test", 100)])
def test_garments_are_balanced_pictures_with_labels(split, each):
    images, labels = garments(split)
    assert images.shape == (10 * each, 1, 28, 28)
    assert images.dtype == torch.float32 and labels.dtype == torch.long
    assert images.min() == 0 and images.max() == 1
    assert labels.bincount().tolist() == [each] * 10
    assert len(GARMENTS) == 10


def test_garments_begin_as_fashion_mnist_does():
    assert garments("train")[1][:8].tolist() == [9, 0, 0, 3, 0, 2, 7, 2]
    assert garments("test")[1][:8].tolist() == [9, 2, 1, 1, 6, 1, 4, 6]


def test_train_and_test_share_no_picture():
    train, test = garments("train")[0].flatten(1), garments("test")[0].flatten(1)
    assert torch.cdist(train, test).min() > 0


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match='"train" or "test"'):
        garments("validation")
