"""Kept tensors: what goes in comes out, for the same facts only."""

import json
import os

import numpy as np
import pytest
import torch

from coordlib.lab.record import arrays
from coordlib.lab.record.arrays import CheckpointError, Kept

TENSORS = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "count": torch.tensor(7),
    "flags": torch.tensor([True, False]),
}
KEPT = [
    Kept({"arm": "a_b", "halvings": 0, "split": "c"}, TENSORS),
    Kept({"arm": "a", "halvings": 2, "split": "b_c"}, {"weight": torch.ones(2)}),
]
FACTS = {"lr": [0.1, 0.2], "steps": 5}


def saved(tmp_path):
    file = tmp_path / "new" / "kept.npz"
    arrays.save(file, KEPT, FACTS)
    return file


def test_tensors_come_back_with_their_shapes_and_types(tmp_path):
    found = arrays.load(saved(tmp_path), FACTS)
    assert [one.axes for one in found] == [one.axes for one in KEPT]
    for there, here in zip(found, KEPT, strict=True):
        assert there.tensors.keys() == here.tensors.keys()
        for name, tensor in here.tensors.items():
            assert there.tensors[name].dtype == tensor.dtype
            assert torch.equal(there.tensors[name], tensor)


def test_what_is_kept_is_selected_by_its_axes():
    assert arrays.select(KEPT, arm="a_b") is arrays.select(KEPT, halvings=0) is KEPT[0]
    assert arrays.select(KEPT, arm="a", split="b_c") is KEPT[1]
    with pytest.raises(KeyError, match=r"nothing is kept with arm 'a_b', split 'b_c'"):
        arrays.select(KEPT, arm="a_b", split="b_c")
    with pytest.raises(KeyError, match=r"there is arm 'a_b', halvings 0, .*; arm 'a',"):
        arrays.select(KEPT, kind="a")
    with pytest.raises(KeyError, match="more than one is kept"):
        arrays.select(KEPT)


@pytest.mark.parametrize("axes", [KEPT[0].axes, {"tensor": "a"}])
def test_axes_tell_what_is_kept_apart(tmp_path, axes):
    with pytest.raises(ValueError, match="kept must differ in axes"):
        arrays.save(tmp_path / "kept.npz", [*KEPT, Kept(axes, TENSORS)], FACTS)


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
        arrays.save(file, [], FACTS)
    assert len(arrays.load(file, FACTS)) == len(KEPT)
    assert [p.name for p in file.parent.iterdir()] == ["kept.npz"]


def test_the_bytes_are_those_of_the_files_in_the_repository(tmp_path):
    """Facts and axes lie beside the tensors, as JSON; pandas reads the axes."""
    with np.load(saved(tmp_path), allow_pickle=False) as content:
        assert content.files == ["facts", "index", "0", "1", "2", "3"]
        facts, index = (content[name].item() for name in ("facts", "index"))
        assert content["3"].tolist() == [1, 1]
    assert facts == b'{"format": 2, "lr": [0.1, 0.2], "steps": 5}'
    rows = json.loads(index)
    assert rows[3] == {"arm": "a", "halvings": 2, "split": "b_c", "tensor": "weight"}
    assert [row["tensor"] for row in rows[:3]] == list(TENSORS)


@pytest.mark.parametrize("index", ["{", "[1]", "[{}]", '[{"tensor": "w"}]', "1"])
def test_an_index_that_tells_nothing_is_damage(tmp_path, index):
    file = tmp_path / "kept.npz"
    facts = json.dumps({"format": arrays.FORMAT, **FACTS})
    np.savez(file, facts=np.array(facts.encode()), index=np.array(index.encode()))
    with pytest.raises(CheckpointError, match="damaged"):
        arrays.load(file, FACTS)
