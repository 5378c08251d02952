"""Tensors that are kept with results, and the facts that they belong to: no pickle."""

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coordlib.lab.files import replace_file
from coordlib.lab.training.resume import CheckpointError, check_facts

__all__ = ["CheckpointError", "load", "save"]

FORMAT = 1


def save(file: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write tensors in place of older ones.

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
        If the file cannot be written; an older one is still there.
    """
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
    label = np.array(json.dumps({"format": FORMAT, **facts}, sort_keys=True))
    content = BytesIO()
    np.savez(content, facts=label, **arrays)
    replace_file(file, content.getvalue())


def load(file: Path, facts: dict) -> dict[str, Tensor] | None:
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
            arrays = {name: content[name] for name in content.files}
        found = json.loads(str(arrays.pop("facts")))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{file} is damaged, or not what its name says ({error}); delete {file} "
            f"to start anew"
        ) from None
    check_facts(file, found, json.loads(json.dumps({"format": FORMAT, **facts})))
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
