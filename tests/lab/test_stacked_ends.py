"""Networks side by side to the end: their scores over seeds, and kills on the way."""

import os
import signal
from statistics import mean

import pytest
import torch
from small_trainings import same
from test_stacked import KINDS, made

from coordlib.lab.training.loop import fit, prepared
from coordlib.lab.training.stacked import fit_many

SEEDS = 3


def doubled(*tensors):
    return [t.double() if t.is_floating_point() else t for t in tensors]


@torch.no_grad()
def final(kind, model):
    """The loss of a trained network on all samples."""
    _, (x, y, loss), draws = KINDS[kind]
    model.train(kind == "vae")  # which tells its code in training only
    ways = [draws.get(name) for name in ("prepare", "augment", "draw")]
    x, y = prepared(*doubled(x, y), 0, 1, *ways)
    return float(loss(model(x), y))


# The encoded painter knows pixels in float32 only, and bytes become that.
DOUBLE = [kind for kind in KINDS if kind not in ("encoded", "bytes")]


@pytest.mark.parametrize("kind", DOUBLE)
def test_final_scores_of_every_kind_agree_over_seeds(kind):
    """In float64: in float32 rounding alone leads a training elsewhere in time."""
    make, (x, y, loss), draws = KINDS[kind]
    data = *doubled(x, y), loss
    recipe = {"lr": 0.002, "weight_decay": 0.001}
    options = draws | {"steps": 16, "batch_size": 4, "schedule": "one-cycle"}
    alone, together = ([m.double() for m in made(make, SEEDS)] for _ in range(2))
    start = mean(final(kind, model) for model in alone)
    for seed, model in enumerate(alone):
        fit(model, *data, seed=seed, **recipe, **options)
    each = {name: SEEDS * [value] for name, value in recipe.items()}
    fit_many(together, *data, seed=list(range(SEEDS)), **each, **options)
    scores, others = ([final(kind, m) for m in models] for models in (alone, together))
    assert mean(scores) < start
    assert others == pytest.approx(scores, rel=1e-6)


def trained(kind, file, killed_at=None):
    """Two networks of a kind, trained by six steps, perhaps killed on the way."""
    make, data, draws = KINDS[kind]
    models = list(made(make))

    def kill(step, models):
        if step == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    histories = fit_many(
        models,
        *data,
        samples=[torch.arange(30), torch.arange(5, 29)],
        lr=[0.002, 0.001],
        weight_decay=[0.001, 0.0],
        seed=[1, 2],
        steps=6,
        batch_size=4,
        checkpoint=file,
        callback=kill,
        **draws,
    )
    return models, [history.losses for history in histories]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_of_any_kind_that_was_killed_ends_with_the_same_bits(
    kind, tmp_path, monkeypatch, copies
):
    monkeypatch.setattr("coordlib.lab.training.resume.CHECKPOINT_SECONDS", 0)
    expected, losses = trained(kind, None)
    file = tmp_path / "state.pt"
    process = copies.Process(target=trained, args=(kind, file, 4))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL and file.exists()
    found, again = trained(kind, file)
    assert again == losses
    for one, other in zip(expected, found, strict=True):
        assert same(one.state_dict(), other.state_dict())
