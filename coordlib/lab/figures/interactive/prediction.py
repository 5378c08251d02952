"""Questions that take a guess before they give their answer.

The guess stays in the reader's browser. It is no trait, because traits travel to the
kernel and are stored in notebooks.
"""

import hashlib
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
from numpy.typing import ArrayLike
from traitlets import Bool, Dict, List, Unicode

from coordlib.arguments import check_choice
from coordlib.lab.figures.interactive.common import (
    in_base64,
    picture_traits,
    synced,
)

_HERE = Path(__file__)
# The questions that this kernel has asked, in their order, for the end of the chapter.
_asked: dict[str, dict[str, Any]] = {}


class Prediction(anywidget.AnyWidget):
    """A question that takes a guess, or all of a chapter's: see `predict` and `score`.

    Parameters
    ----------
    key : str
        Names the question on the page and in the browser's memory.
    asked : list of dict
        The question, or all of them.
    closing : bool
        Whether this is the end of the chapter.
    """

    _esm = _HERE.with_suffix(".js").read_text("utf-8")
    _css = _HERE.with_suffix(".css").read_text("utf-8")
    key = synced(Unicode())
    asked = synced(List(Dict()))
    closing = synced(Bool(False))

    def __repr__(self) -> str:
        if self.closing:
            return f"Prediction({len(self.asked)} questions)"
        return f"Prediction({self.asked[0]['question']!r})"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict]:
        """Add a folded answer, for where nothing runs JavaScript."""
        data, metadata = super()._repr_mimebundle_(**options)
        return data | {"text/html": self._folded()}, metadata

    def _folded(self) -> str:
        if self.closing:
            head = "You against the measurement"
            rows = (f"<li>{_question(q)} {_told(q)}</li>" for q in self.asked)
            body = f"<ol>{''.join(rows)}</ol>"
        else:
            (question,) = self.asked
            head = _question(question)
            if choices := question.get("choices"):
                head += escape(f" ({'; '.join(choices)})")
            body = (
                f"<p>{_told(question)} {escape(question['because'])}".rstrip() + "</p>"
            )
        return (
            f'<details class="guess-folded" data-figure="{self.key}">'
            f"<summary>{head}</summary>{body}</details>"
        )


def _question(question: dict[str, Any]) -> str:
    return escape(question["question"])


def _told(question: dict[str, Any]) -> str:
    return f"Measured: <b>{escape(question['told'])}</b>."


def predict(
    question: str,
    *,
    answer: Any,
    choices: Sequence[str] | None = None,
    number: tuple[str, float, float] | None = None,
    within: float | None = None,
    picture: ArrayLike | None = None,
    because: str = "",
) -> Prediction:
    """Ask for a guess, keep it in the reader's browser, and then give the answer.

    Parameters
    ----------
    question : str
        Plain text, as all texts here. Another text is another question: what was
        guessed before no longer counts.
    answer : str, sequence of str, float or array-like
        What was measured: one of the choices, or several that all count as right; a
        number, rounded as it shall be told; or a mask (H, W) of the pixels of the
        picture that count as right.
    choices : sequence of str, optional
        The guess is one of these.
    number : (unit, low, high), optional
        The guess is a number on this scale.
    within : float, optional
        How far off a number may be and still count as right; by default a tenth of
        the scale.
    picture : array-like (H, W), optional
        The guess is a place in this picture of numbers in [0, 1].
    because : str
        What to say after the answer.

    Raises
    ------
    ValueError
        Unless there is exactly one of choices, number and picture, and the answer
        is of its kind.

    Examples
    --------
    >>> predict("Is zero padding equivariant?", choices=["yes", "no"], answer="no")
    Prediction('Is zero padding equivariant?')
    """
    kinds = {"choice": choices, "number": number, "picture": picture}
    given = [kind for kind, value in kinds.items() if value is not None]
    if len(given) != 1:
        raise ValueError(f"give one of choices, number and picture, got {len(given)}")
    asked = {
        "key": hashlib.sha256(question.encode()).hexdigest()[:10],
        "question": question,
        "kind": given[0],
        "because": because,
    }
    if choices is not None:
        right = list(answer) if isinstance(answer, list | tuple) else [answer]
        if not right:
            raise ValueError("answer must be one of the choices, or several, got none")
        for one in right:
            check_choice("answer", one, choices)
        told = " or ".join(right)
        asked |= {"choices": list(choices), "answer": right, "told": told}
    elif number is not None:
        asked |= _numeric(number, answer, within)
    else:
        asked |= _pictured(picture, answer)
    _asked[asked["key"]] = asked
    return Prediction(key=asked["key"], asked=[asked])


def _numeric(
    number: tuple[str, float, float], answer: float, within: float | None
) -> dict[str, Any]:
    unit, low, high = number
    if not low < high:
        raise ValueError(f"number must be (unit, low, high) in order, got {number}")
    if not (math.isfinite(answer) and low <= answer <= high):
        raise ValueError(f"answer must be in [{low}, {high}], got {answer!r}")
    # A scalar of numpy or torch has another text than the number that it holds.
    value = answer.item() if hasattr(answer, "item") else answer
    told = f"{value:,} {unit}".strip().replace("-", "−")
    within = (high - low) / 10 if within is None else within
    return {"number": [*number], "within": within, "answer": value, "told": told}


def _pictured(picture: ArrayLike, answer: ArrayLike) -> dict[str, Any]:
    traits = picture_traits(picture)
    mask = np.asarray(answer, dtype=bool)
    size = (traits["rows"], traits["columns"])
    if mask.shape != size or not mask.any():
        raise ValueError(
            f"answer must be a mask of shape {size} that marks a pixel, got "
            f"{mask.sum()} marked of shape {mask.shape}"
        )
    i, j = np.argwhere(mask)[0].tolist()
    others = int(mask.sum()) - 1
    more = f", and {others} pixel{'s' * (others > 1)} more" if others else ""
    told = f"row {i}, column {j}{more}"
    return {**traits, "mask": in_base64(mask.tobytes()), "told": told}


def score() -> Prediction:
    """Set all guesses of this chapter beside what was measured; forget them by a press.

    Raises
    ------
    ValueError
        If nothing was asked yet.
    """
    if not _asked:
        raise ValueError("score() needs a question: call predict() first")
    # The picture itself is not shown again.
    asked = [{k: v for k, v in q.items() if k != "picture"} for q in _asked.values()]
    return Prediction(key="score", asked=asked, closing=True)
