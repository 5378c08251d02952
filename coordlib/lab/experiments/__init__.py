"""Measurements behind the pages, by the field they are of; one module each.

A module has a dictionary ``PRESETS`` of configurations, and ``EXPERIMENT``: a
:class:`~coordlib.lab.record.experiment.Trial`, which measures all of a seed at once, or
a :class:`~coordlib.lab.record.sweep.Sweep`, which trains networks and compares them.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from torch import nn

from coordlib.arguments import check_instance
from coordlib.lab.record import results
from coordlib.lab.record.experiment import KEPT_SEED, Experiment, options
from coordlib.lab.record.result import Result
from coordlib.lab.record.results import Where
from coordlib.lab.record.run import run as run_experiment
from coordlib.lab.record.sweep import Sweep
from coordlib.lab.record.task import best_run

MODULES = {
    "architectures": "aliasing.architectures",
    "atari": "play.atari",
    "classification": "classification.classification",
    "classification-control": "classification.classification_control",
    "classification-ones": "classification.classification_ones",
    "classification-ring": "classification.classification_ring",
    "conversion": "aliasing.conversion",
    "coordconv-dots": "coordinates.coordconv_dots",
    "coordinate-classification": "coordinates.coordinate_classification",
    "coordinate-regression": "coordinates.coordinate_regression",
    "cost": "coordinates.cost",
    "detection": "detection.detection",
    "detection-clipped": "detection.detection_clipped",
    "detection-control": "detection.detection_control",
    "dots-halving": "coordinates.dots_halving",
    "encodings": "coordinates.encodings",
    "gan": "generation.gan",
    "gan-equal": "generation.gan_equal",
    "garments": "aliasing.garments",
    "handmade-decoder": "coordinates.handmade_decoder",
    "interplay": "coordinates.interplay",
    "layer-maps": "aliasing.layer_maps",
    "normalisation": "normalisation.painters",
    "normalisation-company": "normalisation.company",
    "normalisation-coordinates": "normalisation.coordinates",
    "normalisation-coordinates-tuning": "normalisation.coordinates_tuning",
    "normalisation-extremes": "normalisation.extremes",
    "normalisation-fastest": "normalisation.fastest",
    "normalisation-fastest-tuning": "normalisation.fastest_tuning",
    "normalisation-full-size": "normalisation.full_size",
    "normalisation-mechanism": "normalisation.mechanism",
    "normalisation-rates": "normalisation.rates",
    "normalisation-regression": "normalisation.regression",
    "normalisation-released": "normalisation.released",
    "normalisation-rendering": "normalisation.rendering",
    "normalisation-rendering-tuning": "normalisation.rendering_tuning",
    "normalisation-replication": "normalisation.replication",
    "normalisation-sizes": "normalisation.sizes",
    "normalisation-suspects": "normalisation.suspects",
    "normalisation-tuning": "normalisation.tuning",
    "padding-position": "coordinates.padding_position",
    "photographs": "generation.photographs",
    "pictures": "aliasing.pictures",
    "pictures-naive": "aliasing.naive",
    "play": "play.play",
    "play-coordified": "play.play_coordified",
    "play-q": "play.play_q",
    "play-q-long": "play.play_q_long",
    "play-rates": "play.play_rates",
    "play-tuned": "play.play_tuned",
    "pretrained": "aliasing.pretrained",
    "regression-long": "coordinates.regression_long",
    "regression-readouts": "coordinates.regression_readouts",
    "rendering": "coordinates.rendering",
    "rendering-centre": "coordinates.rendering_centre",
    "rendering-centre-raw": "coordinates.rendering_centre_raw",
    "robustness": "aliasing.robustness",
    "squares-halving": "coordinates.squares_halving",
    "subsampling": "aliasing.subsampling",
    "translation": "aliasing.translation",
    "vae": "generation.vae",
    "vae-64": "generation.vae_64",
    "vae-codes": "generation.vae_codes",
    "zero-weights": "coordinates.zero_weights",
}
"""By the name of an experiment, where it is measured."""

NAMES = tuple(MODULES)


def find(name: str) -> Experiment:
    """Give an experiment by its name.

    Raises
    ------
    TypeError, ValueError
        If there is none of that name.
    """
    check_instance("name", name, str, "a text")
    if name not in MODULES:
        like = get_close_matches(name, NAMES)
        meant = f"; did you mean {' or '.join(like)}?" if like else ""
        there = f"; there are {', '.join(NAMES)}" if not like else ""
        raise ValueError(f"no experiment {name!r}{meant}{there}")
    return import_module(f"{__name__}.{MODULES[name]}").EXPERIMENT


def run(name: str, preset: str, seeds: Iterable[int] = (0,), **how: Any) -> Result:
    """Measure an experiment by its name, as :func:`coordlib.lab.record.run.run` does.

    Parameters
    ----------
    name : str
    preset : {"quick", "cpu", "decisive", "paper"}
    seeds : iterable of int
    **how
        ``device``, ``where``, ``report``, ``progress``, ``dask``, ``force``.
    """
    return run_experiment(find(name), preset, seeds=seeds, **how)


def best_network(name: str, arm: str, split: str, where: Where = None) -> nn.Module:
    """Give the best network of an arm on a split, trained, as the results keep it.

    Parameters
    ----------
    name : str
        A sweep of networks; its result at the largest preset with a finished seed
        is read.
    arm, split : str
    where : str or Path, optional
        The folder of results; :func:`coordlib.lab.record.results.folder` if not given.

    Returns
    -------
    nn.Module
        In evaluation mode, on the CPU. What it takes and gives is what
        ``find(name).task(...)`` says; its data are not read.

    Raises
    ------
    ValueError
        If there is no such experiment, or it is no sweep of networks.
    FileNotFoundError
        If it was not measured, or keeps no weights.
    KeyError
        If no such network is kept; the message lists those that are.
    """
    for argument, value in (("arm", arm), ("split", split)):
        check_instance(argument, value, str, "a name")
    experiment = find(name)
    if not isinstance(experiment, Sweep) or experiment.contest is None:
        raise ValueError(f"{name} is no sweep of networks: there is no best one")
    result = results.measured(name, where)
    axes = {"arm": arm, "split": split}
    weights = results.load_weights(name, result.preset, where=where, **axes)
    contest = experiment.contest(**options(result.config))
    recipe = best_run(contest, result.runs, **axes, seed=KEPT_SEED)["network"]
    model = contest.networks[arm](**recipe)
    if weights.keys() != model.state_dict().keys():
        raise FileNotFoundError(f"{name} keeps {', '.join(weights)}, and no weights")
    model.load_state_dict(weights)
    return model.eval()
