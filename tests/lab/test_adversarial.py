"""The loop of the GANs: who learns what, and that it can be stopped anywhere."""

from functools import partial

import pytest
import torch

from coordlib.lab.data.shapes import shapes
from coordlib.lab.models.generators import (
    CoordConvGenerator,
    DCGANGenerator,
    Discriminator,
)
from coordlib.lab.training import adversarial, resume
from coordlib.lab.training.adversarial import draw_latents, fit_gan
from coordlib.lab.training.captured import Captured
from coordlib.lab.training.resume import CheckpointError, Resumable

DRAWN = shapes(64, 8).images()


def networks(make=DCGANGenerator, seed=0):
    torch.manual_seed(seed)
    return make(4, 8, 6), Discriminator(make is CoordConvGenerator, 4, 8)


def weights(network):
    return torch.cat(
        [value.flatten().double() for value in network.state_dict().values()]
    )


def fitted(*, make=DCGANGenerator, **options):
    pair = networks(make)
    history = fit_gan(*pair, DRAWN, **{"steps": 6, "batch_size": 8} | options)
    return *pair, history


@pytest.mark.parametrize("make", [DCGANGenerator, CoordConvGenerator])
def test_the_same_seed_gives_the_same_networks(make):
    one, again = fitted(make=make, seed=3), fitted(make=make, seed=3)
    assert torch.equal(weights(one[0]), weights(again[0]))
    assert torch.equal(weights(one[1]), weights(again[1]))
    assert torch.equal(one[2].losses, again[2].losses)
    other = fitted(make=make, seed=4)
    assert not torch.equal(weights(one[0]), weights(other[0]))


def test_a_step_that_the_device_repeats_teaches_the_same(monkeypatch):
    usual = fitted(steps=10)

    def as_cuda_does(step, inputs):
        value = torch.zeros(2)
        return lambda: value.copy_(step(*inputs)), value

    captured = partial(Captured, capture=as_cuda_does)
    monkeypatch.setattr(adversarial, "Captured", captured)
    repeated = fitted(steps=10)
    assert torch.equal(weights(usual[0]), weights(repeated[0]))
    assert torch.equal(usual[2].losses, repeated[2].losses)


def test_the_global_generator_is_not_touched():
    pair = networks()
    state = torch.get_rng_state()
    fit_gan(*pair, DRAWN, steps=2)
    assert torch.equal(state, torch.get_rng_state())


def test_a_training_that_was_stopped_ends_with_the_same_numbers(tmp_path, monkeypatch):
    whole = fitted()
    monkeypatch.setattr(resume, "CHECKPOINT_SECONDS", -1.0)
    save, calls = Resumable.save, []

    def save_and_stop(state):
        save(state)
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Resumable, "save", save_and_stop)
    file = tmp_path / "gan.pt"
    with pytest.raises(KeyboardInterrupt):
        fitted(checkpoint=file)
    again = fitted(checkpoint=file)
    assert torch.equal(weights(whole[0]), weights(again[0]))
    assert torch.equal(weights(whole[1]), weights(again[1]))
    assert torch.equal(whole[2].losses, again[2].losses)
    assert len(calls) == 7  # three steps, three more, and the end


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    fitted(checkpoint=tmp_path / "gan.pt")
    with pytest.raises(CheckpointError, match="seed"):
        fitted(checkpoint=tmp_path / "gan.pt", seed=1)


def test_the_generator_learns_as_often_as_asked(monkeypatch):
    taken = []
    step = adversarial._step

    def counted(optimizer, loss):
        taken.append(id(optimizer))
        step(optimizer, loss)

    monkeypatch.setattr(adversarial, "_step", counted)
    fitted(steps=3, generator_steps=2)
    discriminator = taken[0]
    assert [one == discriminator for one in taken] == [True, False, False] * 3


def test_neither_network_moves_the_other(monkeypatch):
    """Each step leaves the weights of the opponent alone, and no gradient with it."""
    pair = networks()
    step = adversarial._step

    def watched(optimizer, loss):
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        [other] = [net for net in pair if id(next(net.parameters())) not in own]
        before = [p.clone() for p in other.parameters()]
        step(optimizer, loss)
        pairs = zip(before, other.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)

    monkeypatch.setattr(adversarial, "_step", watched)
    fit_gan(*pair, DRAWN, steps=2, batch_size=8)
    assert all(p.requires_grad for net in pair for p in net.parameters())


def test_the_discriminator_learns_to_tell_who_drew_what():
    generator, discriminator = networks()
    fit_gan(generator, discriminator, DRAWN, steps=60, batch_size=16, lr=(1e-9, 0.002))
    latents = draw_latents(64, 6, torch.Generator().manual_seed(9))
    with torch.no_grad():
        true, false = discriminator(DRAWN), discriminator(generator(latents))
    assert true.min() > false.max()


def test_the_generator_learns_to_be_believed():
    generator, discriminator = networks()
    latents = draw_latents(64, 6, torch.Generator().manual_seed(9))
    fit_gan(generator, discriminator, DRAWN, steps=1, batch_size=16, lr=(1e-9, 1e-9))
    with torch.no_grad():
        before = discriminator(generator(latents)).mean()
    fit_gan(generator, discriminator, DRAWN, steps=60, batch_size=16, lr=(0.002, 1e-9))
    with torch.no_grad():
        after = discriminator(generator(latents)).mean()
    assert after > before + 1


def test_latents_are_uniform():
    drawn = draw_latents(2000, 5, torch.Generator().manual_seed(0))
    assert drawn.shape == (2000, 5)
    assert -1 <= drawn.min() < -0.99 and 0.99 < drawn.max() <= 1
    assert float(drawn.var()) == pytest.approx(1 / 3, abs=0.02)


def test_a_training_that_bursts_says_so():
    with pytest.raises(FloatingPointError, match="smaller lr"):
        fitted(lr=(1e30, 1e30))


@pytest.mark.parametrize("name", ["steps", "batch_size", "generator_steps"])
def test_counts_are_positive_integers(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1"):
        fitted(**{name: 0})


def test_without_pictures_there_is_nothing_to_learn():
    with pytest.raises(ValueError, match="pictures is empty"):
        fit_gan(*networks(), DRAWN[:0], steps=1)
