"""What the figure of labels along a shift shows, kept with the pretrained networks."""

import json
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from coordlib.lab.data.photographs import Photographs
from coordlib.lab.record import results
from coordlib.lab.record.arrays import Kept

Asked = tuple[str, str]
"""A network that was asked: its name and its variant."""

FREE = "scikit-image"
"""The source whose photographs are free to show."""
CLASSES = 4
"""How many classes of a picture are shown at least, beside those that are a label."""


def along_shift(
    networks: Sequence[Asked] = (("resnet50", "plain"), ("resnet50", "tuned")),
    preset: str = "cpu",
) -> dict[str, Any]:
    """What :class:`coordlib.lab.figures.interactive.LabelAlongShift` shows.

    Parameters
    ----------
    networks : sequence of (str, str)
        Names and variants.
    preset : {"quick", "cpu", "paper"}

    Returns
    -------
    dict
        For the photographs that are free to use (chelsea and coffee are CC0, astronaut
        by NASA and rocket by SpaceX in the public domain), by name: ``pictures``, the
        bytes of a JPEG file; ``classes``, the names of all that is a label at some
        shift, and of the most probable others; ``probabilities``, a tensor of shape
        (networks, shifts, classes). Beside these, ``networks``, in words, and
        ``shifts``.

    Raises
    ------
    FileNotFoundError
        If it was not measured.
    ValueError
        If a network was not measured.
    """
    shown: dict[str, Any] = {"pictures": {}, "classes": {}, "probabilities": {}}
    for picture in ("astronaut", "chelsea", "coffee", "rocket"):
        axes = {"source": FREE, "picture": picture}
        kept = results.load_weights("pretrained", preset, **axes)
        known = [(one["network"], one["variant"]) for one in _read(kept["networks"])]
        if not set(networks) <= set(known):
            raise ValueError(f"networks must be of {known}, got {list(networks)}")
        asked = kept["probabilities"][[known.index(name) for name in networks]]
        chosen = _that_matter(asked)
        names = _read(kept["classes"])
        shown["pictures"][picture] = kept["thumbnail"].numpy().tobytes()
        shown["classes"][picture] = [names[k] for k in chosen.tolist()]
        shown["probabilities"][picture] = asked[..., chosen]
    shifts = kept["shifts"].tolist()
    words = [f"{name}, {variant}" for name, variant in networks]
    return shown | {"networks": words, "shifts": shifts}


def kept_answers(
    source: str,
    found: Photographs,
    answers: dict[Asked, Tensor],
    shifts: list[int],
    names: tuple[str, ...],
) -> Iterator[Kept]:
    """For each picture the probabilities of the classes that matter in it."""
    asked = torch.stack(list(answers.values()), 1)  # pictures, networks, shifts, all
    networks = [{"network": name, "variant": variant} for name, variant in answers]
    for k, picture in enumerate(found.names):
        chosen = _that_matter(asked[k])
        kept = {
            "probabilities": asked[k][..., chosen],
            "classes": _written([names[c] for c in chosen.tolist()]),
            "networks": _written(networks),
            "shifts": torch.tensor(shifts),
        }
        if source == FREE:
            kept["thumbnail"] = _thumbnail(found.images[k])
        yield Kept({"source": source, "picture": picture}, kept)


def _that_matter(asked: Tensor) -> Tensor:
    """Classes that are the label somewhere, filled up with the most probable others.

    Parameters
    ----------
    asked : Tensor, shape (networks, shifts, classes)

    Returns
    -------
    LongTensor
        The most probable first.
    """
    peaks = asked.amax((0, 1))
    labels = asked.argmax(2).unique()
    likely = peaks.topk(min(CLASSES, len(peaks))).indices
    # A class that is no label may have a higher peak than one that is.
    missing = likely[~torch.isin(likely, labels)][: max(CLASSES - len(labels), 0)]
    chosen = torch.cat([labels, missing])
    return chosen[peaks[chosen].argsort(descending=True)]


def _thumbnail(image: Tensor, side: int = 160) -> Tensor:
    """A small JPEG file of a picture, as bytes."""
    from PIL import Image

    stream = BytesIO()
    whole = Image.fromarray(image.permute(1, 2, 0).numpy())
    small = whole.resize((side, side), Image.Resampling.LANCZOS)
    small.save(stream, "jpeg", quality=70)
    return _bytes(stream.getvalue())


def _written(what: list) -> Tensor:
    return _bytes(json.dumps(what).encode())


def _read(stored: Tensor) -> list:
    return json.loads(stored.numpy().tobytes())


def _bytes(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
