"""Unfinished work on disk: tensors and the facts that they belong to, no pickle."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coordlib.lab.files import replace_file

__all__ = [
    "CheckpointError",
    "as_tensor",
    "from_tensor",
    "load",
    "save",
]

FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be continued."""


def save(file: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write a checkpoint in place of an older one.

    Parameters
    ----------
    file : Path
        Its name must end in ``.npz``. The folder is created if it is missing.
    tensors : dict of str to Tensor
    facts : dict
        What JSON can hold: what the tensors belong to. :func:`load` wants them again.

    Raises
    ------
    OSError
        If the file cannot be written; an older checkpoint is still there.
    """
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    label = np.array(json.dumps({"format": FORMAT, **facts}, sort_keys=True))
    content = BytesIO()
    np.savez(content, facts=label, **arrays)
    replace_file(file, content.getvalue())


def load(file: Path, facts: dict) -> dict[str, Tensor] | None:
    """Read the tensors of a checkpoint that was saved with the same facts.

    Parameters
    ----------
    file : Path
    facts : dict

    Returns
    -------
    dict of str to Tensor, or None
        None if there is no such file.

    Raises
    ------
    CheckpointError
        If the file is damaged, or belongs to other facts or another format. The
        message names the file, what differs and the remedy.
    """
    if not file.exists():
        return None
    remedy = f"delete {file} to start anew"
    try:
        with np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        found = json.loads(str(arrays.pop("facts")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{file} is no checkpoint, or a damaged one ({error}); {remedy}"
        ) from None
    wanted = json.loads(json.dumps({"format": FORMAT, **facts}))
    if found != wanted:
        differing = sorted(
            name
            for name in found.keys() | wanted.keys()
            if found.get(name) != wanted.get(name)
        )
        raise CheckpointError(
            f"{file} belongs to another run; it differs in {', '.join(differing)}; "
            f"{remedy}"
        )
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def as_tensor(counters: dict) -> Tensor:
    """Write counters as a tensor of bytes, so that a checkpoint can hold them.

    Parameters
    ----------
    counters : dict
        What JSON can hold.
    """
    return torch.tensor(list(json.dumps(counters).encode()), dtype=torch.uint8)


def from_tensor(tensor: Tensor) -> dict:
    """Read what :func:`as_tensor` wrote."""
    return json.loads(bytes(tensor.tolist()))
