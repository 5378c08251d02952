"""Checkpoints: what goes in comes out, for the same facts only."""

import os

import pytest
import torch

from coordlib.lab.training import checkpoints
from coordlib.lab.training.checkpoints import CheckpointError

TENSORS = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "count": torch.tensor(7),
    "flags": torch.tensor([True, False]),
}
FACTS = {"lr": [0.1, 0.2], "steps": 5}


def saved(tmp_path):
    file = tmp_path / "new" / "state.npz"
    checkpoints.save(file, TENSORS, FACTS)
    return file


def test_tensors_come_back_with_their_shapes_and_types(tmp_path):
    found = checkpoints.load(saved(tmp_path), FACTS)
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_no_checkpoint_is_no_error(tmp_path):
    assert checkpoints.load(tmp_path / "none.npz", FACTS) is None


def test_other_facts_are_refused_by_name(tmp_path):
    file = saved(tmp_path)
    with pytest.raises(CheckpointError, match="differs in lr, seed") as caught:
        checkpoints.load(file, {"lr": [0.1], "steps": 5, "seed": 0})
    assert str(file) in str(caught.value) and "delete" in str(caught.value)


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    file = saved(tmp_path)
    monkeypatch.setattr(checkpoints, "FORMAT", checkpoints.FORMAT + 1)
    with pytest.raises(CheckpointError, match="differs in format"):
        checkpoints.load(file, FACTS)


@pytest.mark.parametrize("keep", [0, 10, 200, -20])
def test_a_truncated_checkpoint_is_named_with_the_remedy(tmp_path, keep):
    file = saved(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="damaged") as caught:
        checkpoints.load(file, FACTS)
    assert f"delete {file}" in str(caught.value)


def test_a_foreign_file_is_refused_without_unpickling(tmp_path):
    file = tmp_path / "state.npz"
    torch.save({"weight": TENSORS["weight"]}, file)
    with pytest.raises(CheckpointError):
        checkpoints.load(file, FACTS)


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    file = saved(tmp_path)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        checkpoints.save(file, {"weight": torch.zeros(1)}, FACTS)
    assert torch.equal(checkpoints.load(file, FACTS)["weight"], TENSORS["weight"])
    assert [p.name for p in file.parent.iterdir()] == ["state.npz"]


def test_counters_come_back_from_a_checkpoint_as_they_were(tmp_path):
    counters = {"step": 3, "seconds": 0.1, "curve": [{"return": None}]}
    file = tmp_path / "state.npz"
    checkpoints.save(file, {"counters": checkpoints.as_tensor(counters)}, FACTS)
    loaded = checkpoints.load(file, FACTS)["counters"]
    assert checkpoints.from_tensor(loaded) == counters
