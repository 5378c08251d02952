"""Tensors that are kept with results, each with its axes, in an ``.npz``: no pickle.

The tensors in a file are numbered. Beside them lie, as JSON, ``index``, which says what
each is, a row for each as in a result, and ``facts``, what all of them belong to.
"""

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coordlib.lab.data.storage import replace_file
from coordlib.lab.record.result import fits
from coordlib.lab.training.resume import CheckpointError, check_facts

__all__ = ["CheckpointError", "Kept", "load", "save", "select"]

FORMAT = 2
NAME = "tensor"
"""Beside the axes of a row: the name of its tensor."""


@dataclass(frozen=True)
class Kept:
    """Tensors that belong together, and by what they differ from others.

    Attributes
    ----------
    axes : dict
        By name text or numbers, such as the arm and the split of a network.
    tensors : dict of str to Tensor
        Such as its state.
    """

    axes: Mapping[str, Any]
    tensors: dict[str, Tensor]


def save(file: Path, kept: Iterable[Kept], facts: dict) -> None:
    """Write tensors in place of older ones.

    Parameters
    ----------
    file : Path
        Its name must end in ``.npz``. The folder is created if it is missing.
    kept : iterable of Kept
        No two of the same axes.
    facts : dict
        What JSON can hold: what the tensors belong to. :func:`load` wants them again.

    Raises
    ------
    ValueError
        If two have the same axes, or one is called "tensor".
    OSError
        If the file cannot be written; an older one is still there.
    """
    index: list[dict[str, Any]] = []
    numbered: dict[str, np.ndarray] = {}
    taken: list[Mapping[str, Any]] = []
    for one in kept:
        if one.axes in taken or NAME in one.axes:
            raise ValueError(
                f"kept must differ in axes, none called {NAME!r}, got {one.axes}"
            )
        taken.append(one.axes)
        for name, tensor in one.tensors.items():
            numbered[str(len(index))] = tensor.detach().cpu().numpy()
            index.append({**one.axes, NAME: name})
    told = {"facts": {"format": FORMAT, **facts}, "index": index}
    texts = {name: np.array(json.dumps(what).encode()) for name, what in told.items()}
    content = BytesIO()
    np.savez(content, **texts, **numbered)
    replace_file(file, content.getvalue())


def load(file: Path, facts: dict) -> list[Kept] | None:
    """Read tensors that were saved with the same facts; None if there is no such file.

    Raises
    ------
    CheckpointError
        If the file is damaged, or belongs to other facts or another format. The
        message names the file, what differs and the remedy.
    """
    if not file.exists():
        return None
    try:
        with np.load(file, allow_pickle=False) as content:
            members = {name: content[name] for name in content.files}
        found, index = (json.loads(members[name].item()) for name in ("facts", "index"))
        kept = _grouped(index, members)
    except (
        *(OSError, ValueError, KeyError, TypeError, EOFError),
        *(AttributeError, zipfile.BadZipFile),
    ) as error:
        raise CheckpointError(
            f"{file} is damaged, or not what its name says ({error}); delete {file} "
            f"to start anew"
        ) from None
    check_facts(file, found, json.loads(json.dumps({"format": FORMAT, **facts})))
    return kept


def _grouped(index: list[dict], members: Mapping[str, np.ndarray]) -> list[Kept]:
    """Put together what has the same axes; such tensors follow one another."""
    kept: list[Kept] = []
    for number, row in enumerate(index):
        axes = {name: value for name, value in row.items() if name != NAME}
        if not kept or kept[-1].axes != axes:
            kept.append(Kept(axes, {}))
        kept[-1].tensors[row[NAME]] = torch.from_numpy(members[str(number)])
    return kept


def select(kept: Iterable[Kept], **axes: Any) -> Kept:
    """The one that has these values of its axes.

    Parameters
    ----------
    kept : iterable of Kept
    **axes
        As many as tell it from the others.

    Raises
    ------
    KeyError
        If there is none, or more than one; the message lists those there are.
    """
    kept = list(kept)
    found = [one for one in kept if fits(one.axes, axes)]
    if len(found) == 1:
        return found[0]
    there = "; ".join(_named(one.axes) for one in found or kept)
    what = "more than one" if found else "nothing"
    raise KeyError(f"{what} is kept with {_named(axes)}; there is {there or 'nothing'}")


def _named(axes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in axes.items())
