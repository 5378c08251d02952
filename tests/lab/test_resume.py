"""The state of a training on disk: what goes in comes out, for the same facts only."""

import os
import time

import numpy as np
import pytest
import torch
from torch import nn

from coordlib.lab.training import resume
from coordlib.lab.training.resume import CheckpointError, Resumable

FACTS = {"lr": [0.1, 0.2], "betas": (0.9, 0.99), "schedule": "steps", "seed": 3}
CPU = torch.device("cpu")


def parts(seed, momentum=0.9):
    """A part of every kind; what they hold differs with the seed."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum)
    model(torch.rand(4, 2)).square().sum().backward()
    optimizer.step()
    return {
        "model": model,
        "optimizer": optimizer,
        "losses": torch.rand(5),
        "flags": torch.rand(5) < 0.5,
        "curve": [{"step": seed, "return": None, "found": [seed / 7]}],
    }


def state_of(parts):
    """Everything that the parts hold, in one flat list."""
    buffers = [state["momentum_buffer"] for state in parts["optimizer"].state.values()]
    tensors = [*parts["model"].state_dict().values(), *buffers]
    return [*tensors, parts["losses"], parts["flags"]], parts["curve"]


def saved(tmp_path, **others):
    file = tmp_path / "new" / "state.pt"
    state = Resumable(file, FACTS, CPU, **parts(1) | others)
    state.keep(4)
    state.finish()
    return file


def test_every_part_comes_back_with_its_values_and_types(tmp_path):
    file = saved(tmp_path)
    fresh = parts(2)
    losses = fresh["losses"]
    state = Resumable(file, FACTS, CPU, **fresh)
    for one, other in zip(state_of(fresh)[0], state_of(parts(1))[0], strict=True):
        assert one.dtype == other.dtype and torch.equal(one, other)
    assert fresh["curve"] == parts(1)["curve"]
    assert state.step == 4 and state.seconds > 0
    assert fresh["losses"] is losses  # filled in place


def test_numbers_of_numpy_come_back_as_pythons_own(tmp_path):
    optimizer = torch.optim.Adam(
        nn.Linear(2, 1).parameters(), np.float64(0.1), (np.float64(0.5), 0.9)
    )
    others = {"optimizer": optimizer, "curve": [{"return": np.float32(0.5)}]}
    file = saved(tmp_path, **others)
    others["curve"].clear()
    Resumable(file, FACTS, CPU, **parts(1) | others)
    assert others["curve"] == [{"return": 0.5}]
    assert type(optimizer.param_groups[0]["lr"]) is float


def test_no_checkpoint_is_no_error(tmp_path):
    fresh = parts(2)
    state = Resumable(tmp_path / "none.pt", FACTS, CPU, **fresh)
    assert (state.step, state.seconds) == (0, 0)
    assert state_of(fresh)[1] == state_of(parts(2))[1]


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1)
    monkeypatch.chdir(tmp_path)
    state = Resumable(None, FACTS, CPU, **parts(1))
    state.keep(1)
    state.finish()
    assert not list(tmp_path.iterdir())


def test_other_facts_are_refused_by_name(tmp_path):
    file = saved(tmp_path)
    with pytest.raises(CheckpointError, match="differs in lr, samples;") as caught:
        Resumable(file, FACTS | {"lr": [0.1], "samples": 9}, CPU, **parts(1))
    assert str(file) in str(caught.value) and "delete" in str(caught.value)


def test_a_network_of_another_shape_is_refused(tmp_path):
    file = saved(tmp_path)
    with pytest.raises(CheckpointError, match="differs in shapes;"):
        Resumable(file, FACTS, CPU, **parts(1) | {"model": nn.Linear(2, 3)})


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    file = saved(tmp_path)
    monkeypatch.setattr(resume, "FORMAT", resume.FORMAT + 1)
    with pytest.raises(CheckpointError, match="differs in format"):
        Resumable(file, FACTS, CPU, **parts(1))


def refused(file):
    """What is said of a file that is no checkpoint: one line, with the remedy."""
    with pytest.raises(CheckpointError, match="no checkpoint, or a damaged") as caught:
        Resumable(file, FACTS, CPU, **parts(1))
    assert f"delete {file}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 200, -20])
def test_a_truncated_checkpoint_is_named_with_the_remedy(tmp_path, keep):
    file = saved(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    refused(file)


def test_a_byte_that_changed_is_noticed(tmp_path):
    file = saved(tmp_path)
    content = bytearray(file.read_bytes())
    at = content.find(parts(1)["losses"].numpy().tobytes())
    assert at > 0
    content[at] ^= 255
    file.write_bytes(content)
    refused(file)


def test_random_bytes_are_refused(tmp_path):
    file = tmp_path / "state.pt"
    random = np.random.default_rng(0)
    for count in (1, 2, 8, 64, 1000):
        for _ in range(20):
            file.write_bytes(random.bytes(count))
            refused(file)


class Trap:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_foreign_file_is_refused_and_runs_no_code(tmp_path):
    file = tmp_path / "state.pt"
    torch.save({"weight": torch.zeros(2)}, file)
    refused(file)
    torch.save([1, 2], file)
    refused(file)
    np.savez(tmp_path / "older.npz", weight=np.zeros(2))
    refused(tmp_path / "older.npz")
    trap = Trap()
    trap.folder = str(tmp_path / "sprung")
    torch.save({"facts": trap}, file)
    refused(file)
    assert not (tmp_path / "sprung").exists()


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    file = saved(tmp_path)
    before = file.read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    state = Resumable(file, FACTS, CPU, **parts(2))
    with pytest.raises(OSError, match="no space left"):
        state.save()
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["state.pt"]


def test_a_state_is_written_now_and_then_and_at_the_end(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(Resumable, "save", lambda state: written.append(state.step))
    state = Resumable(tmp_path / "state.pt", FACTS, CPU, **parts(1))
    for step in (1, 2):
        state.keep(step)
    assert not written  # not yet half a minute
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1)
    state.keep(3)
    state.finish()
    assert written == [3, 3]


def test_a_pause_does_not_count(monkeypatch):
    monkeypatch.setattr(resume, "device_seconds", lambda device: time.perf_counter())
    state = Resumable(None, {}, CPU)
    with state.paused():
        time.sleep(0.2)
    state.finish()
    assert 0 < state.seconds < 0.1


def test_what_is_left_begins_after_the_last_step(tmp_path):
    state = Resumable(saved(tmp_path), FACTS, CPU, **parts(1))
    assert list(state.remaining(7)) == [5, 6, 7]
    assert list(state.remaining(4)) == []
