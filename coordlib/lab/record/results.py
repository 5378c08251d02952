"""What was measured, with where and how: one small JSON file per experiment.

Beside it may lie the weights of the best networks, in an ``.npz`` of the same name;
:mod:`.arrays` says how.
"""

import json
import math
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain, count
from pathlib import Path
from typing import Any

from torch import Tensor

from coordlib.arguments import check_choice, check_instance, check_sequence
from coordlib.lab.data import storage
from coordlib.lab.data.storage import replace_file
from coordlib.lab.record import arrays
from coordlib.lab.record.arrays import Kept
from coordlib.lab.record.provenance import device_name, provenance, versions
from coordlib.lab.record.result import Result

__all__ = [
    "PRESETS",
    "ResultError",
    "Where",
    "alone",
    "best",
    "check_writable",
    "command",
    "device_name",
    "folder",
    "largest",
    "load",
    "load_weights",
    "measured",
    "partial_folder",
    "path",
    "provenance",
    "put_aside",
    "save",
    "save_weights",
    "versions",
    "weights_path",
]

PRESETS = ("quick", "cpu", "decisive", "paper")
"""Sizes of a run, from seconds on a page to the source's own.

"decisive" is what a plan measures: the size of "cpu", with more seeds, where an
experiment names no other.
"""

FORMAT = 3
FREE_BYTES = 200_000_000  # a run wants this much, or it does not start

Where = str | Path | None
"""A folder of results; :func:`folder` where it is None."""


class ResultError(ValueError):
    """A result file that cannot be read as one."""


def folder() -> Path:
    """Where results are, if not said otherwise: ``results/`` of the checkout.

    Raises
    ------
    FileNotFoundError
        If there is no checkout around the package.
    """
    try:
        return storage.in_checkout("results")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}; of results of your own, name the folder (--results FOLDER)"
        ) from None


def check_writable(where: Where) -> None:
    """Refuse to write nowhere.

    Raises
    ------
    ValueError
        If no folder is given and there is no ``results/`` of a checkout.
    """
    _check_where(where)
    if where is None and not (storage.ROOT / "results").is_dir():
        raise ValueError(
            "where must name a folder for results, got None: this coordlib is "
            "installed, with no results/ beside it (python -m coordlib run: give "
            "--results FOLDER)"
        )


def _check_where(where: Where) -> None:
    if where is not None:
        check_instance("where", where, str | Path, "a path or None")
    if where == "":
        raise ValueError("where must be a folder or None, got an empty name")


def path(experiment: str, preset: str, where: Where = None) -> Path:
    """The file of an experiment at a preset.

    Raises
    ------
    ValueError
        If the preset is unknown.
    """
    check_choice("preset", preset, PRESETS)
    check_instance("experiment", experiment, str, "a name")
    if not experiment:
        raise ValueError("experiment must be a name, got an empty one")
    _check_where(where)
    return Path(folder() if where is None else where) / f"{experiment}.{preset}.json"


def weights_path(experiment: str, preset: str, where: Where = None) -> Path:
    """The file with the weights of the best networks of a sweep, which may not be."""
    return path(experiment, preset, where).with_suffix(".npz")


def partial_folder(experiment: str, preset: str, where: Where = None) -> Path:
    """Where an unfinished run keeps what it needs to go on."""
    return path(experiment, preset, where).with_suffix(".partial")


@contextmanager
def alone(experiment: str, preset: str, where: Where = None) -> Iterator[Path]:
    """Hold the partial folder of a run, so that no second process writes there.

    The system lets go of it when the process ends, however it ends.

    Yields
    ------
    Path
        The partial folder; it is created.

    Raises
    ------
    OSError
        If the folder cannot be written, has too little space left, or another
        process holds it.
    """
    from filelock import FileLock, Timeout

    place = partial_folder(experiment, preset, where)
    place.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(place).free
    if free < FREE_BYTES:
        raise OSError(
            f"{place.parent} has {free / 1e6:.0f} MB left and a run wants "
            f"{FREE_BYTES / 1e6:.0f} MB; make room, then start it again"
        )
    lock = FileLock(place / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OSError(
            f"another process is measuring {experiment} at {preset} in "
            f"{place.parent}; wait for it, or stop it"
        ) from None
    try:
        yield place
    finally:
        lock.release()


def save(result: Result, where: Where = None) -> Path:
    """Write a result in place of an older one.

    Parameters
    ----------
    result : Result
    where : str or Path, optional
        The folder; :func:`folder` if not given. It is created if it is missing.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If a value is no finite number, or no folder is given and there is no checkout.
    OSError
        If the folder cannot be written.
    """
    check_instance("result", result, Result, "a Result")
    check_writable(where)
    for row in result.rows:
        if not _is_number(row["value"]):
            raise ValueError(f"a value must be a finite number, got {row}")
    target = path(result.experiment, result.preset, where)
    content = {"format": FORMAT, **asdict(result), "rows": []}
    text = json.dumps(content, indent=1, sort_keys=True)
    # One row a line, for whoever compares two versions.
    lines = ",\n".join(f"  {json.dumps(row)}" for row in result.rows)
    text = text.replace('"rows": []', f'"rows": [\n{lines}\n ]', 1)
    replace_file(target, f"{text}\n".encode())
    return target


def save_weights(
    kept: Sequence[Kept], experiment: str, preset: str, where: Where = None
) -> Path:
    """Write the weights of the best networks, or other tensors, beside their result.

    Parameters
    ----------
    kept : sequence of Kept
        Each with its axes, for a network the arm and the split.
    experiment, preset : str
    where : str or Path, optional

    Returns
    -------
    Path
    """
    check_sequence("kept", kept, Kept, "tensors with their axes")
    file = weights_path(experiment, preset, where)
    arrays.save(file, kept, {"experiment": experiment, "preset": preset})
    return file


def load_weights(
    experiment: str, preset: str, *, where: Where = None, **axes: Any
) -> dict[str, Tensor]:
    """Read the weights of one of the best networks of a sweep, or other tensors.

    Parameters
    ----------
    experiment, preset : str
    where : str or Path, optional
    **axes
        As many as tell it from the others: ``arm="deconv", split="uniform"``.

    Returns
    -------
    dict of str to Tensor
        For ``load_state_dict`` of a network made with the same options.

    Raises
    ------
    FileNotFoundError
        If no weights were kept.
    ResultError
        If the file is damaged, or holds the weights of another result.
    KeyError
        If no network has these axes, or more than one; the message lists those there
        are.
    """
    file = weights_path(experiment, preset, where)
    facts = {"experiment": experiment, "preset": preset}
    try:
        kept = arrays.load(file, facts)
    except arrays.CheckpointError as error:
        raise ResultError(
            f"{file} is damaged or not what its name says; restore it from the "
            f"repository, or {_again(file)}"
        ) from error
    if kept is None:
        raise FileNotFoundError(f"{file} is missing; {_again(file)}")
    return arrays.select(kept, **axes).tensors


def load(file: Path) -> Result:
    """Read and validate a result file.

    Raises
    ------
    ResultError
        If the file is no JSON, no result, or of another format; the message
        names the file and the remedy.
    FileNotFoundError
        If there is no such file.
    """
    check_instance("file", file, str | Path, "a path")
    file = Path(file)
    remedy = f"restore it from the repository, or {_again(file)}"
    try:
        content = json.loads(file.read_text())
    except (ValueError, RecursionError) as error:  # also numbers of 5,000 digits
        raise ResultError(f"{file} is no JSON ({error}); {remedy}") from None
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ResultError(f"{file} is no result of format {FORMAT}; {remedy}")
    try:
        result = Result(**content)
    except TypeError as error:
        raise ResultError(f"{file} lacks or adds fields ({error}); {remedy}") from None
    if flaw := _flaw(result):
        raise ResultError(f"{file} holds {flaw}; {remedy}")
    if file.name != f"{result.experiment}.{result.preset}.json":
        raise ResultError(
            f"{file} holds {result.experiment} at {result.preset}; {remedy}"
        )
    return result


def _flaw(result: Result) -> str:
    """What is no part of a result, in a few words; nothing if all is in order."""
    if not isinstance(result.preset, str) or result.preset not in PRESETS:
        return f"an unknown preset, {_short(result.preset)}"
    if not isinstance(result.config, dict):
        return f"a config that is no mapping, {_short(result.config)}"
    for name, entries in (("row", result.rows), ("run", result.runs)):
        if not isinstance(entries, list):
            return f"{name}s that are no list, {_short(entries)}"
        for entry in entries:
            if not isinstance(entry, dict) or not _is_seed(entry.get("seed")):
                return f"a {name} without a seed, {_short(entry)}"
    for row in result.rows:
        if not _is_number(row.get("value")):
            return f"a row without a number, {_short(row)}"
        if not isinstance(row.get("metric"), str):
            return f"a row without a metric, {_short(row)}"
        if any(not isinstance(value, str | int | float) for value in row.values()):
            return f"a row with an axis that is neither text nor number, {_short(row)}"
    if not isinstance(result.provenance, dict):
        return f"a provenance that is no mapping, {_short(result.provenance)}"
    for seed, facts in result.provenance.items():
        if not seed.isdecimal() or not isinstance(facts, dict):
            return f"a provenance of no seed, {_short({seed: facts})}"
    return ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_seed(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


def _again(file: Path) -> str:
    """How to measure anew what a file should hold."""
    experiment, _, preset = file.stem.rpartition(".")
    return f"run '{command(experiment, preset, file.parent, force=True)}'"


def command(
    experiment: str,
    preset: str | None = None,
    where: Where = None,
    *,
    force: bool = False,
) -> str:
    """The command that measures an experiment or a benchmark, as a shell takes it."""
    if experiment.startswith("speed-"):
        name, _, device = experiment.removeprefix("speed-").partition("-")
        return f"python -m benchmarks {name}" + (device and f" --device {device}")
    words = ["python", "-m", "coordlib", "run", experiment]
    words += ["--preset", preset] if preset else []
    words += ["--force"] if force else []
    if where is not None and Path(where) != storage.ROOT / "results":
        words += ["--results", str(where)]
    return shlex.join(words)


def best(
    experiment: str, where: Where = None, *, arms: Sequence[str] = ()
) -> Result | None:
    """The result at the largest preset of which a seed is finished, or None.

    A run that was only begun hides no smaller one that is finished, a plan that was cut
    short no result at "cpu" with more seeds, and a sweep without one of ``arms``, by
    their names in its preset, none that has them all.

    Raises
    ------
    ResultError
        If a file that would be preferred cannot be read.
    """
    check_sequence("arms", arms, str, "names of arms")
    ranked = chain.from_iterable(_ranks(experiment, where))
    return next((r for r in ranked if set(arms) <= set(r.config.get("arms", ()))), None)


def largest(experiment: str, where: Where = None) -> list[Result]:
    """Those among which :func:`best` takes the first: finished, and of the same rank.

    At "decisive" and at "cpu" an experiment may have different arms, so that neither
    result stands for all of the other.
    """
    return next(_ranks(experiment, where), [])


def _ranks(experiment: str, where: Where) -> Iterator[list[Result]]:
    """What is finished, the largest first, and in a rank the one with most seeds."""
    for presets in (("paper",), ("decisive", "cpu"), ("quick",)):
        places = [path(experiment, preset, where) for preset in presets]
        there = [load(place) for place in places if place.exists()]
        if finished := [result for result in there if result.seeds]:
            yield sorted(finished, key=lambda result: -len(result.seeds))


def measured(experiment: str, where: Where = None) -> Result:
    """The result that :func:`best` gives, where there must be one.

    Raises
    ------
    FileNotFoundError
        If no seed is finished; the message says how to measure one.
    """
    result = best(experiment, where)
    if result is None:
        raise FileNotFoundError(
            f"no result of {experiment}; measure it with "
            f"'{command(experiment, where=where)}'"
        )
    return result


def put_aside(experiment: str, preset: str, where: Where = None) -> list[Path]:
    """Rename a result and its weights, so that a run starts anew and nothing is lost.

    Returns
    -------
    list of Path
        What they are called now: the same names with ``.old`` after them.
    """
    file = path(experiment, preset, where)
    try:
        if not load(file).seeds:  # no reason to part with an older one for it
            file.unlink()
    except (ResultError, FileNotFoundError):
        pass
    there = (file, weights_path(experiment, preset, where))
    marks = chain([".old"], (f".old{number}" for number in count(2)))
    # An older one stays.
    mark = next(m for m in marks if not any(Path(f"{f}{m}").exists() for f in there))
    return [f.replace(f"{f}{mark}") for f in there if f.exists()]
