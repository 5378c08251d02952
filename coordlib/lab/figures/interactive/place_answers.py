"""What figures share that ask networks for every place in the middle of a canvas."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Int, List, Unicode

from coordlib.lab.figures.interactive.common import Figure, chosen, in_levels, synced


class PlaceAnswers(Figure):
    """Answers of networks for every place, and which places they were trained on.

    A subclass tells in :meth:`packed` how the answers travel.
    """

    rows, columns = synced(Int()), synced(Int())
    high, wide = synced(Int()), synced(Int())
    answers = synced(List())
    trained = synced(List())
    split = synced(Unicode())
    i, j = synced(Int(0)), synced(Int(0))

    def __init__(
        self,
        answers: Mapping[str, Mapping[str, ArrayLike]],
        trained: Mapping[str, ArrayLike],
        size: tuple[int, int],
        split: str | None = None,
        **state: Any,
    ) -> None:
        masks, places = _places(trained, size)
        high, wide, _ = places.shape
        stored = []
        for name, parts in answers.items():
            if set(parts) != set(masks):
                raise ValueError(f"{name} must answer {list(masks)}, got {list(parts)}")
            for part, values in parts.items():
                positions = np.asarray(values)
                if positions.shape != places.shape:
                    raise ValueError(
                        f"answers must have shape {places.shape}, got {positions.shape}"
                    )
                stored.append([name, part, *self.packed(positions, places, size)])
        first_i, first_j = places[0, 0].tolist()
        super().__init__(
            rows=size[0],
            columns=size[1],
            high=high,
            wide=wide,
            answers=stored,
            trained=[
                [name, in_levels(mask.astype(float), "trained")]
                for name, mask in masks.items()
            ],
            split=chosen("split", split, masks),
            **({"i": first_i, "j": first_j} | state),
        )

    @staticmethod
    def packed(
        answers: np.ndarray, places: np.ndarray, size: tuple[int, int]
    ) -> list[float | str]:
        """Write answers for all places, both of shape (P, Q, 2), as JSON holds them."""
        raise NotImplementedError


def _places(
    trained: Mapping[str, ArrayLike], size: tuple[int, int]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Masks of one shape (P, Q), and the place of each entry: shape (P, Q, 2)."""
    masks = {name: np.asarray(mask, dtype=bool) for name, mask in trained.items()}
    shape = next(iter(masks.values())).shape
    high, wide = shape if len(shape) == 2 else (-1, -1)
    margins = size[0] - high, size[1] - wide
    if any(mask.shape != shape for mask in masks.values()) or any(
        margin < 0 or margin % 2 for margin in margins
    ):
        raise ValueError(
            f"trained must have one shape (P, Q) in the middle of {size}, got "
            f"{[mask.shape for mask in masks.values()]}"
        )
    corner = np.array(margins) // 2
    return masks, np.stack(np.indices(shape), -1) + corner
