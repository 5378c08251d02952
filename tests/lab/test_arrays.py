"""Kept tensors: what goes in comes out, for the same facts only."""

import os

import numpy as np
import pytest
import torch

from coordlib.lab.record import arrays
from coordlib.lab.record.arrays import CheckpointError

TENSORS = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "count": torch.tensor(7),
    "flags": torch.tensor([True, False]),
}
FACTS = {"lr": [0.1, 0.2], "steps": 5}


def saved(tmp_path):
    file = tmp_path / "new" / "kept.npz"
    arrays.save(file, TENSORS, FACTS)
    return file


def test_tensors_come_back_with_their_shapes_and_types(tmp_path):
    found = arrays.load(saved(tmp_path), FACTS)
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_no_file_is_no_error(tmp_path):
    assert arrays.load(tmp_path / "none.npz", FACTS) is None


def test_other_facts_are_refused_by_name(tmp_path):
    file = saved(tmp_path)
    with pytest.raises(CheckpointError, match="differs in lr, seed") as caught:
        arrays.load(file, {"lr": [0.1], "steps": 5, "seed": 0})
    assert str(file) in str(caught.value) and "delete" in str(caught.value)


def test_a_file_of_another_version_is_refused(tmp_path, monkeypatch):
    file = saved(tmp_path)
    monkeypatch.setattr(arrays, "FORMAT", arrays.FORMAT + 1)
    with pytest.raises(CheckpointError, match="differs in format"):
        arrays.load(file, FACTS)


@pytest.mark.parametrize("keep", [0, 10, 200, -20])
def test_a_truncated_file_is_named_with_the_remedy(tmp_path, keep):
    file = saved(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged") as caught:
        arrays.load(file, FACTS)
    assert f"delete {file}" in str(caught.value)


def test_a_foreign_file_is_refused_without_unpickling(tmp_path):
    file = tmp_path / "kept.npz"
    torch.save({"weight": TENSORS["weight"]}, file)
    with pytest.raises(CheckpointError):
        arrays.load(file, FACTS)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = saved(tmp_path)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        arrays.save(file, {"weight": torch.zeros(1)}, FACTS)
    assert torch.equal(arrays.load(file, FACTS)["weight"], TENSORS["weight"])
    assert [p.name for p in file.parent.iterdir()] == ["kept.npz"]


def test_the_bytes_are_those_of_the_files_in_the_repository(tmp_path):
    """The facts lie beside the tensors, as JSON."""
    with np.load(saved(tmp_path), allow_pickle=False) as content:
        assert set(content.files) == {"facts", *TENSORS}
        label = str(content["facts"])
    assert label == '{"format": 1, "lr": [0.1, 0.2], "steps": 5}'
