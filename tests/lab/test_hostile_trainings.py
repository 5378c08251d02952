"""Whatever is wrong with an argument of a training, a game or a result, it is named.

The list of ``test_hostile_calls``, continued.
"""
# Long because it is a table: every public call with what may be given to it.

import re
import tempfile
from dataclasses import is_dataclass
from importlib import import_module
from inspect import signature
from types import SimpleNamespace

import numpy as np
import pytest
import test_hostile_calls
import torch
import torch.nn.functional as F
from hostile import Call, ends_of, hanging, unnamed
from torch import nn

from coordlib.lab import experiments, models, page
from coordlib.lab.data import games, storage
from coordlib.lab.data.photographs import photographs
from coordlib.lab.experiments import probing
from coordlib.lab.measures import groups
from coordlib.lab.models import common, detector, generators, normalisation, starts
from coordlib.lab.models.painters import SameConvTranspose2d
from coordlib.lab.models.regressors import from_fractions
from coordlib.lab.models.unet import spread
from coordlib.lab.page import problems
from coordlib.lab.record import (
    intervals,
    ledger,
    ledger_figure,
    ledger_html,
    ledger_overview,
    results,
    task,
    verdicts,
)
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.device import best_device
from coordlib.lab.record.experiment import Trial
from coordlib.lab.record.result import Result, interval, rows
from coordlib.lab.record.result import spread as spread_of
from coordlib.lab.record.run import run
from coordlib.lab.training import (
    actor_critic,
    device_seconds,
    draw_latents,
    epsilon_greedy_policy,
    fit,
    fit_gan,
    fit_many,
    pixel_cross_entropy,
    play,
    q_learning,
    random_policy,
    sampling_policy,
    schedule_factor,
)
from coordlib.lab.training.augmentation import OnDevice

AT_MOST = 0.01
"""The share of calls that may end in another way than with an error that names it."""
CALLS_AT_LEAST = 1500

FOLDER = tempfile.TemporaryDirectory()
X, Y = torch.rand(8, 3), torch.rand(8, 1)
SEED = {"seed": {"zero", "negative"}}


def the_calls():
    """List every public call."""
    yield from the_trainings()
    yield from the_players()
    yield from the_games()
    yield from what_is_learned()
    yield from the_record()
    yield from the_verdicts()
    yield from the_pages()


def fresh(make, function, name="model"):
    """Train a new network each time, so that no call spoils the next."""

    def call(**given):
        if given[name] == "fresh":
            given[name] = make()
        return function(**given)

    return call


def the_trainings():
    """List what trains networks; each takes two steps."""
    common_ = {"inputs": X, "targets": Y, "loss": F.mse_loss, "steps": 2}
    common_ |= {"batch_size": 4, "method": "adam", "betas": (0.9, 0.99)}
    common_ |= {"momentum": 0.9, "schedule": "constant", "seed": 0, "prepare": None}
    common_ |= {"augment": None, "draw": None, "callback": None, "measure": None}
    common_ |= {"measures": 1, "checkpoint": None, "progress": False}
    kinds = {"inputs": "tensor", "targets": "tensor", "loss": "callable"}
    kinds |= {"steps": "count", "batch_size": "count", "method": "choice"}
    kinds |= {"betas": "pair", "momentum": "share", "schedule": "choice"}
    kinds |= {"seed": "integer", "prepare": "callable", "augment": "callable"}
    kinds |= {"draw": "callable", "callback": "callable", "measure": "callable"}
    kinds |= {"measures": "count", "checkpoint": "path", "progress": "bar"}
    nothing = {"None"}
    valid = {"prepare": nothing, "augment": nothing, "measure": nothing}
    # What a loss takes in place of targets may be anything.
    valid |= {"draw": {"None", "returns none"}, "callback": {"None", "returns none"}}
    valid |= {"measures": {"trillion"}, "batch_size": {"trillion"}} | SEED
    valid |= {"targets": {"bools"}}
    line = {"model": "fresh", "lr": 0.01, "weight_decay": 0.0} | common_
    yield Call(
        "fit",
        fresh(lambda: nn.Linear(3, 1), fit),
        line,
        {"model": "module", "lr": "number", "weight_decay": "number"} | kinds,
        valid | {"weight_decay": {"zero"}},
        ("inputs", "targets"),
    )
    yield Call(
        "fit, by epochs",
        fresh(lambda: nn.Linear(3, 1), fit),
        {k: v for k, v in line.items() if k != "steps"} | {"epochs": 0.5},
        {"epochs": "number"},
    )
    yield Call(
        "fit, measured",
        fresh(lambda: nn.Linear(3, 1), fit),
        line | {"measure": lambda model: {"a": 1.0}},
        {"measure": "callable"},
        {"measure": nothing},
    )
    pair = {"models": "fresh", "lr": [0.01, 0.1], "weight_decay": [0.0, 0.1]}
    pair |= {"samples": None, "precision": "float32"} | common_
    yield Call(
        "fit_many",
        fresh(lambda: [nn.Linear(3, 1), nn.Linear(3, 1)], fit_many, "models"),
        pair,
        {"models": "list", "lr": "pair", "weight_decay": "pair", "samples": "list"}
        | {"precision": "choice"}
        | kinds,
        valid | {"samples": nothing},
        ("inputs", "targets"),
    )
    nets = {"generator": "fresh", "discriminator": "fresh"}
    made = {
        "generator": lambda: models.DCGANGenerator(width=2, size=16, latent=3),
        "discriminator": lambda: models.Discriminator(width=2, size=16),
    }
    gan = nets | {"pictures": torch.rand(4, 3, 16, 16), "steps": 1, "batch_size": 2}
    gan |= {"generator_steps": 1, "lr": (0.01, 0.01), "betas": (0.5, 0.9), "seed": 0}
    gan |= {"checkpoint": None, "progress": False}
    yield Call(
        "fit_gan",
        fresh(
            made["generator"],
            fresh(made["discriminator"], fit_gan, "discriminator"),
            "generator",
        ),
        gan,
        dict.fromkeys(nets, "module")
        | {"pictures": "tensor", "steps": "count", "batch_size": "count"}
        | {"generator_steps": "count", "lr": "pair", "betas": "pair"}
        | {"seed": "integer", "checkpoint": "path", "progress": "bar"},
        SEED,
    )
    yield Call(
        "draw_latents",
        draw_latents,
        {"count": 2, "latent": 3, "generator": torch.Generator()},
        {"count": "count", "latent": "count", "generator": "generator"},
    )
    yield Call(
        "OnDevice",
        OnDevice,
        {"numbers": 2, "change": lambda x, numbers: x},
        {"numbers": "count", "change": "callable"},
        {"change": {"returns none"}},
    )
    yield Call(
        "pixel_cross_entropy",
        pixel_cross_entropy,
        {"logits": torch.rand(2, 1, 4, 4), "targets": torch.tensor([3, 5])},
        {"logits": "tensor", "targets": "tensor"},
    )
    yield Call(
        "schedule_factor",
        schedule_factor,
        {"schedule": "cosine"},
        {"schedule": "choice"},
    )
    yield Call(
        "device_seconds",
        device_seconds,
        {"device": torch.device("cpu")},
        {"device": "record"},
    )
    yield Call("best_device", best_device, {"request": "cpu"}, {"request": "device"})


def the_players():
    """List what learns to play, and what plays."""
    played = {"games": "games", "frames": 16, "rollout": 2, "lr": 0.01}
    played |= {"discount": 0.9, "clip": 0.5, "clip_rewards": False, "seed": 0}
    played |= {"measures": 1, "checkpoint": None, "progress": False}
    kinds = {"games": "record", "frames": "count", "rollout": "count"}
    kinds |= {"lr": "number", "discount": "share", "clip": "number"}
    kinds |= {"clip_rewards": "flag", "seed": "integer", "measures": "count"}
    kinds |= {"checkpoint": "path", "progress": "bar"}
    valid = SEED | {"measures": {"trillion"}, "clip": {"infinite"}, "lr": {"zero"}}
    more = {
        "actor_critic": (
            *(actor_critic, models.ActorCritic),
            {"entropy": 0.01, "value_weight": 0.5},
            {"entropy": "number", "value_weight": "number"},
            {"entropy": {"zero"}, "value_weight": {"zero"}},
        ),
        "q_learning": (
            *(q_learning, models.QNetwork),
            {"batch_size": 4, "memory": 16, "warmup": 4, "n_step": 2}
            | {"target_interval": 2, "epsilon": 0.4},
            {"batch_size": "count", "memory": "count", "warmup": "count"}
            | {"n_step": "count", "target_interval": "count", "epsilon": "share"},
            {"warmup": {"zero"}, "target_interval": {"trillion"}},
        ),
    }
    shape, actions = games.Catch(1).shape, games.Catch.actions

    def with_games(function):
        def call(**given):
            if given["games"] == "games":
                given["games"] = games.Catch(2)
            return function(**given)

        return call

    for name, (function, network, own, own_kinds, own_valid) in more.items():
        yield Call(
            name,
            fresh(
                lambda network=network: network(models.MiniTrunk(shape), actions),
                with_games(function),
            ),
            {"model": "fresh"} | played | own,
            {"model": "module"} | kinds | own_kinds,
            valid | own_valid,
        )
    yield Call(
        "play",
        with_games(play),
        {"policy": random_policy(3), "games": "games", "limit": 3, "keep": 0},
        {"policy": "callable", "games": "record", "limit": "count", "keep": "count"},
        # Games end, and so does playing them.
        {"limit": {"trillion"}, "keep": {"zero", "trillion"}},
    )
    yield Call(
        "random_policy",
        random_policy,
        {"actions": 3, "seed": 0},
        {"actions": "count", "seed": "integer"},
        SEED | {"actions": {"trillion"}},
    )
    player = models.ActorCritic(models.MiniTrunk(shape), actions)
    yield Call(
        "sampling_policy",
        sampling_policy,
        {"model": player, "seed": 0},
        {"model": "module", "seed": "integer"},
        SEED,
    )
    yield Call(
        "epsilon_greedy_policy",
        epsilon_greedy_policy,
        {"model": player, "seed": 0, "epsilon": 0.1},
        {"model": "module", "seed": "integer", "epsilon": "share"},
        SEED,
    )


class Light:
    """An environment as gymnasium has them, as far as games are made of it."""

    observation_space = SimpleNamespace(shape=(4, 6), dtype=np.dtype(np.uint8))
    action_space = SimpleNamespace(n=2, start=0)


def the_games():
    """List the games, and what steps them."""
    yield Call(
        "Catch",
        games.Catch,
        {"count": 2, "seed": 0, "size": 5},
        {"count": "count", "seed": "integer", "size": "count"},
        SEED,
    )
    catch = games.Catch(3)
    catch.reset()
    yield Call(
        "Catch.step",
        catch.step,
        {"actions": torch.tensor([0, 1, 2])},
        {"actions": "tensor"},
    )
    for name, kind, game in (
        ("MinAtarGames", games.MinAtarGames, "breakout"),
        ("AtariGames", games.AtariGames, "ms_pacman"),
    ):
        yield Call(
            name,
            kind,
            {"name": game, "count": 2, "seed": 0},
            {"name": "text", "count": "count", "seed": "integer"},
            SEED,
        )
    yield Call(
        "GymnasiumGames",
        games.GymnasiumGames,
        {"make": Light, "count": 1, "seed": 0},
        {"make": "callable", "count": "count", "seed": "integer"},
        {"seed": {"zero"}},
    )
    yield Call(
        "open_games",
        games.open_games,
        {"name": "catch", "count": 2, "seed": 0},
        {"name": "choice", "count": "count", "seed": "integer"},
        SEED,
    )
    yield Call(
        "board",
        games.board,
        {"observations": catch.reset()},
        {"observations": "tensor"},
        {"observations": {"bools"}},
    )


def what_is_learned():
    """List what is made of networks, and what they are told."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    yield Call("he_normal_", common.he_normal_, {"module": net}, {"module": "module"})
    for name in "forget", "disturb":
        yield Call(
            name,
            getattr(starts, name),
            {"network": net, "seed": 0},
            {"network": "module", "seed": "integer"},
            SEED,
        )
    yield Call(
        "normalisation_layer",
        normalisation.normalisation_layer,
        {"kind": "batch-frozen", "channels": 8, "momentum": 0.1, "frozen_after": 3},
        {"kind": "choice", "channels": "count", "momentum": "share"}
        | {"frozen_after": "count"},
        {"frozen_after": {"trillion"}},
    )
    yield Call(
        "FreezingBatchNorm2d",
        normalisation.FreezingBatchNorm2d,
        {"channels": 8, "frozen_after": 3},
        {"channels": "count", "frozen_after": "count"},
        {"frozen_after": {"trillion"}},
    )
    yield Call(
        "from_fractions", from_fractions, {"regressor": net}, {"regressor": "module"}
    )
    yield Call(
        "SameConvTranspose2d",
        SameConvTranspose2d,
        {"in_channels": 2, "out_channels": 2, "kernel_size": 3},
        {"kernel_size": "choice"},
    )
    yield Call(
        "WhatAndWhere",
        models.WhatAndWhere,
        {"coordinates": False, "downsampling": "plain", "padding_mode": "zeros"}
        | {"width": 2},
        {"coordinates": "flag", "downsampling": "choice", "padding_mode": "choice"}
        | {"width": "count"},
    )
    outputs = torch.zeros(1, len(detector.ANCHORS), 6)
    truth = torch.tensor([[[30.0, 30.0, 28.0, 28.0]]])
    targets = detector.draw_chances(truth, torch.Generator())
    boxes = detector.moved(outputs)
    yield Call(
        "moved",
        detector.moved,
        {"outputs": outputs, "clipped": False},
        {"outputs": "tensor", "clipped": "flag"},
    )
    yield Call(
        "proposals",
        detector.proposals,
        {"outputs": outputs, "threshold": 0.5, "keep": 2, "clipped": False},
        {"outputs": "tensor", "threshold": "number", "keep": "count"}
        | {"clipped": "flag"},
        {"threshold": {"zero", "negative", "infinite"}, "keep": {"trillion"}},
    )
    yield Call(
        "detection_loss",
        detector.detection_loss,
        {"outputs": outputs, "targets": targets, "clipped": False},
        {"outputs": "tensor", "targets": "pair", "clipped": "flag"},
    )
    yield Call(
        "draw_chances",
        detector.draw_chances,
        {"truth": truth, "generator": torch.Generator()},
        {"truth": "tensor", "generator": "generator"},
    )
    yield Call(
        "sample_boxes",
        detector.sample_boxes,
        {"boxes": boxes, "truth": truth, "chances": targets[1], "each": 4},
        {"boxes": "tensor", "truth": "tensor", "chances": "tensor", "each": "count"},
    )
    yield Call(
        "positive_overlap",
        detector.positive_overlap,
        {"boxes": boxes, "truth": truth},
        {"boxes": "tensor", "truth": "tensor"},
    )
    x, phase = torch.rand(2, 3, 4, 4), torch.tensor([[0, 1], [1, 0]])
    yield Call(
        "spread",
        spread,
        {"x": x, "phase": phase},
        {"x": "tensor", "phase": "tensor"},
        {"phase": {"None"}, "x": {"bools", "complex"}},
    )
    yield Call(
        "with_noise",
        generators.with_noise,
        {"pictures": x, "generator": torch.Generator()},
        {"pictures": "tensor", "generator": "generator"},
    )
    code = torch.zeros(2, 3)
    yield Call(
        "evidence_bound",
        generators.evidence_bound,
        {"answer": (torch.zeros(2, 3, 4, 4), code, code), "pictures": x},
        {"answer": "pair", "pictures": "tensor"},
    )
    yield Call(
        "all_outputs",
        task.all_outputs,
        {"model": nn.Linear(3, 1), "inputs": X, "prepare": None},
        {"model": "module", "inputs": "tensor", "prepare": "callable"},
        {"prepare": {"None"}, "inputs": {"axes"}},
        ("inputs",),
    )
    numbers, which = np.arange(6.0), np.array([0, 0, 1, 1, 2, 2])
    yield Call(
        "explained",
        groups.explained,
        {"values": numbers, "groups": which},
        {"values": "numbers", "groups": "numbers"},
    )
    yield Call(
        "permutation_p",
        groups.permutation_p,
        {"values": numbers, "groups": which, "draws": 3, "seed": 0},
        {"values": "numbers", "draws": "count", "seed": "integer"},
        {"seed": {"zero"}},
    )
    yield Call(
        "photographs",
        photographs,
        {"source": "foolbox", "index": None},
        {"source": "choice", "index": "list"},
        {"index": {"None"}},
    )


def the_record():
    """List what measures, and what gives back what was measured."""
    found = Result("trial", "quick", {})
    for seed in 0, 1:
        found.add(seed, rows({"loss": 1.0 + seed}, arm="a"))
        found.provenance[str(seed)] = {}
    looked_up = (TypeError, ValueError, KeyError)
    yield Call("rows", rows, {"metrics": {"loss": 1.0}}, {"metrics": "record"})
    yield Call(
        "Result.add",
        lambda seed, measured: Result("trial", "quick", {}).add(seed, measured),
        {"seed": 0, "measured": rows({"loss": 1.0})},
        {"seed": "integer", "measured": "list"},
        {"seed": {"zero", "huge"}},
    )
    yield Call(
        "Result.add, a row",
        lambda value: found.__class__("trial", "quick", {}).add(
            0, [{"metric": "loss", "value": value}]
        ),
        {"value": 1.0},
        {"value": "number"},
        {"value": {"zero", "negative"}},
    )
    yield Call(
        "Result.join",
        Result("trial", "quick", {}).join,
        {"other": found},
        {"other": "record"},
    )
    for name in "values", "mean", "spread", "interval":
        yield Call(
            f"Result.{name}",
            getattr(found, name),
            {"metric": "loss", "arm": "a"},
            {"metric": "choice", "arm": "choice"},
            errors=looked_up,
        )
    yield Call(
        "Result.select",
        found.select,
        {"arm": "a"},
        {"arm": "choice"},
        # What no row has is in none.
        {"arm": {"None", "unknown", "empty", "number", "nan"}},
        errors=looked_up,
    )
    for name, function in ("interval", interval), ("spread", spread_of):
        yield Call(
            f"result.{name}",
            function,
            {"values": np.array([1.0, 2.0])},
            {"values": "numbers"},
            # What is infinite is data, as what is no number is.
            {"values": {"infinite"}},
        )
    where = {"experiment": "coordinate-regression", "preset": "cpu", "where": None}
    kinds = {"experiment": "text", "preset": "choice", "where": "path"}
    yield Call(
        "load_weights",
        results.load_weights,
        where | {"arm": "conv", "split": "uniform"},
        {"arm": "choice", "split": "choice"} | kinds,
        errors=looked_up,
    )
    yield Call(
        "save_weights",
        results.save_weights,
        {"kept": [Kept({"arm": "a"}, {"b": X})], "experiment": "none"}
        | {"preset": "quick", "where": FOLDER.name},
        {"kept": "list"} | kinds,
        {"where": {"None"}},
    )
    yield Call(
        "measured",
        results.measured,
        {"experiment": "rendering", "where": None},
        {"experiment": "text", "where": "path"},
    )
    yield Call("find", experiments.find, {"name": "gan"}, {"name": "choice"})
    yield Call(
        "best_network",
        experiments.best_network,
        {"name": "coordinate-regression", "arm": "conv", "split": "uniform"}
        | {"where": None},
        {"name": "choice", "arm": "choice", "split": "choice", "where": "path"},
        errors=looked_up,
    )
    trial = Trial(
        "trial", "?", {"quick": {}}, lambda seed, setting: rows({"loss": 1.0})
    )
    measured = {"preset": "quick", "seeds": (0,), "device": "cpu"}
    measured |= {"where": FOLDER.name, "report": print, "progress": False}
    measured |= {"dask": None, "force": False}
    kinds = {"preset": "choice", "seeds": "list", "device": "device"}
    kinds |= {"where": "path", "report": "callable", "progress": "flag"}
    kinds |= {"dask": "text", "force": "flag"}
    valid = {"report": {"returns none"}, "dask": {"None"}}
    yield Call(
        "run",
        run,
        {"experiment": trial} | measured,
        {"experiment": "record"} | kinds,
        valid,
    )
    contest = task.Contest(networks={}, best="iou")
    runs = [{"arm": "a", "split": "b", "test_iou": 0.5, "seed": 0, "lr": 0.1}]
    runs[0] |= {"weight_decay": 0.0, "network": {}, "training": {}}
    yield Call(
        "best_run",
        task.best_run,
        {"contest": contest, "runs": runs},
        {"contest": "record", "runs": "list"},
    )
    yield Call(
        "best_rows",
        lambda **given: task.best_rows(**given, iou="test_iou"),
        {"contest": contest, "arms": {"a": {}}, "runs": runs},
        {"contest": "record", "arms": "record", "runs": "list"},
    )


def the_verdicts():
    """List what judges numbers, and what shows the verdicts."""
    numbers = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    judged = {"values": numbers, "delta": 0.1, "seeds": 5, "possible": (0.0, 1.0)}
    kinds = {"values": "numbers", "delta": "number", "seeds": "count"}
    kinds |= {"possible": "pair"}
    # So many seeds are a design that nobody has carried out.
    many = {"seeds": {"trillion"}}
    for name in "difference", "equivalence", "noninferiority":
        yield Call(
            name,
            getattr(verdicts, name),
            judged,
            kinds,
            many | {"possible": {"None", "negatives"}},
        )
    counts = {"cases": 100, "runs": 4, "grid": 4, "seeds": 5}
    yield Call(
        "bound",
        verdicts.bound,
        {"values": numbers, "limit": 0.8, "trained": numbers} | counts,
        {"values": "numbers", "limit": "share", "trained": "numbers"}
        | dict.fromkeys(counts, "count"),
        {name: {"trillion"} for name in counts},
    )
    for name in "always", "some":
        yield Call(
            name,
            getattr(verdicts, name),
            {"reached": [True] * 10, "seeds": 10},
            {"reached": "numbers", "seeds": "count"},
            many,
        )
    yield Call("exact", verdicts.exact, {"cases": {"a": True}}, {"cases": "record"})
    yield Call(
        "figure",
        verdicts.figure,
        {"values": numbers, "claimed": 0.3},
        {"values": "numbers", "claimed": "number"},
        {"claimed": {"zero", "negative", "infinite"}},
    )
    yield Call(
        "games",
        verdicts.games,
        {"gains": {"a": numbers}, "delta": 0.1, "seeds": 5},
        {"gains": "record", "delta": "number", "seeds": "count"},
        many,
    )
    yield Call(
        "together",
        verdicts.together,
        {"verdicts": {"a": verdicts.opinion()}},
        {"verdicts": "record"},
    )
    yield Call(
        "detectable",
        intervals.detectable,
        {"spread": 0.1, "seeds": 5, "arms": 1},
        {"spread": "number", "seeds": "count", "arms": "choice"},
        many | {"spread": {"zero"}},
    )
    yield Call(
        "needed",
        intervals.needed,
        {"spread": 0.1, "delta": 0.1, "arms": 1},
        {"spread": "number", "delta": "number", "arms": "choice"},
        {"spread": {"zero"}},
    )
    claim = ledger.Claim("A01", "ours", "t", "a", "b", "c", "d")
    entry = ledger.decide(claim, {})
    yield Call("as_rows", ledger.as_rows, {"entries": [entry]}, {"entries": "list"})
    for name, function in (
        ("citation", ledger_html.citation),
        ("row_figure", ledger_figure.row_figure),
    ):
        yield Call(name, function, {"entry": entry}, {"entry": "record"})
    yield Call(
        "overview", ledger_overview.overview, {"entries": [entry]}, {"entries": "list"}
    )
    texts = {"text": "a", "name": "b.csv", "kind": "text/csv"}
    yield Call(
        "download",
        ledger_html.download,
        texts,
        dict.fromkeys(texts, "text"),
        {"text": {"empty"}},
    )


def the_pages():
    """List what pages use."""
    yield Call(
        "read",
        page.read,
        {"name": "rendering"},
        {"name": "text"},
    )
    yield Call(
        "page.verdicts",
        lambda claims: page.verdicts(claims),
        {"claims": "L01"},
        {"claims": "choice"},
    )
    yield Call(
        "check",
        page.check,
        {"answer": 3, "is_right": lambda answer: False, "hint": "Count anew."},
        {"is_right": "callable", "hint": "text"},
        {"is_right": {"returns none"}, "hint": {"empty"}},
    )
    yield Call(
        "table",
        page.table,
        {"caption": "Numbers", "head": ["a", "b"], "rows": [["c", 1]]},
        {"caption": "text", "head": "list", "rows": "list"},
        {"caption": {"empty"}},
    )
    picture = str(storage.in_checkout("book/assets/mark.png"))
    yield Call(
        "measure",
        probing.measure,
        {"model": "torch.nn:Identity", "picture": picture}
        | {"shifts": 1, "size": 8, "mode": "cropped", "blurred": False},
        {"model": "choice", "picture": "text", "shifts": "integer", "size": "integer"}
        | {"mode": "choice", "blurred": "flag"},
        {"picture": {"empty"}},  # no such file
    )
    yield Call(
        "named_model",
        probing.named_model,
        {"name": "torch.nn:Identity"},
        {"name": "choice"},
    )
    yield Call(
        "problems.draw",
        problems.draw,
        {"name": "shoreline", "seed": 3},
        {"name": "choice", "seed": "integer"},
        {"seed": {"zero"}},
    )
    yield Call(
        "Problem.check",
        problems.draw("shoreline", 3).check,
        {"answer": 3},
        {"answer": "number"},
        {"answer": {"None", "zero", "negative", "infinite", "nan"}},
    )


def is_a_call(thing):
    """Whether it takes arguments, and is no record of what it is given."""
    if isinstance(thing, type):
        record = issubclass(thing, Exception | tuple) or is_dataclass(thing)
        if record or getattr(thing, "_is_protocol", False):
            return False
    return bool(signature(thing).parameters)


def test_every_name_of_both_references_is_in_one_of_the_lists():
    calls = [*test_hostile_calls.the_calls(), *the_calls()]
    listed = {re.split("[ ,]", call.name)[0].rpartition(".")[2] for call in calls}
    pages = "reference.md", "laboratory.md"
    reference = "".join(
        (storage.ROOT / "book" / page).read_text("utf-8") for page in pages
    )
    missing = []
    for name in re.findall(r"auto(?:function|class):: ([\w.]+)", reference):
        module, _, last = name.rpartition(".")
        if "figures" in name or last in listed:
            continue  # figures are looked at, on their pages
        if is_a_call(getattr(import_module(module), last)):
            missing.append(name)
    assert missing == []


# What is not installed here, and what would have to be fetched.
ABSENT = {"MinAtarGames", "AtariGames", "photographs"}


@pytest.mark.parametrize("call", list(the_calls()), ids=lambda call: call.name)
def test_a_valid_call_is_one(call):
    if call.name not in ABSENT:
        call.function(**call.base)


@pytest.fixture(scope="module")
def ends():
    return ends_of(the_calls())


def test_there_are_many_of_every_public_name(ends):
    assert len(ends) >= CALLS_AT_LEAST


def test_no_hostile_call_hangs(ends):
    assert hanging(ends) == []


def test_the_error_names_the_argument(ends):
    assert len(unnamed(ends)) <= AT_MOST * len(ends)
