"""Games that were played before, to look at."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Bool, Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    Figure,
    chosen,
    in_base64,
    module_beside,
    synced,
)


class PlayedGames(Figure):
    """Games that agents played, frame by frame, side by side.

    Parameters
    ----------
    games : mapping of game to mapping of agent to (pictures, rewards)
        Pictures are array_like of int, shape (T, H, W), at most 15: 0 where nothing
        is, else the number of a thing, counted from 1; 1 is the agent's own. Rewards,
        shape (T,), are what followed each picture, and count with it. All boards have
        one size, all games the same agents.
    things : mapping of game to sequence of str
        The names of the things.
    game : str
        The one chosen; the first if not given.
    at : int
        The frame shown.
    playing : bool
        Whether the frames go by.
    """

    _esm = module_beside(__file__)
    shown = ("game", "at")
    views = synced(List())
    rows, columns = synced(Int()), synced(Int())
    game = synced(Unicode())
    at = synced(Int(0))
    playing = synced(Bool(False))

    def __init__(
        self,
        games: Mapping[str, Mapping[str, tuple[ArrayLike, ArrayLike]]],
        things: Mapping[str, Sequence[str]],
        game: str | None = None,
        **state: Any,
    ) -> None:
        if set(games) != set(things):
            raise ValueError(
                f"games and things must have the same names, got {list(games)} and "
                f"{list(things)}"
            )
        game = chosen("game", game, games)
        size = np.shape(next(iter(games[game].values()))[0])[1:]
        if len(size) != 2 or size[0] * size[1] % 2:
            raise ValueError(f"boards must have an even number of cells, got {size}")
        views = []
        for name, agents in games.items():
            if list(agents) != list(games[game]):
                raise ValueError(
                    f"{name} must have the agents {list(games[game])}, got "
                    f"{list(agents)}"
                )
            most = min(len(things[name]), 15)
            stored = [
                [agent, *_packed(*played, size, most, f"pictures of {agent} in {name}")]
                for agent, played in agents.items()
            ]
            views.append([name, list(things[name]), stored])
        super().__init__(views=views, rows=size[0], columns=size[1], game=game, **state)


def _packed(
    pictures: ArrayLike, rewards: ArrayLike, size: tuple[int, int], most: int, what: str
) -> tuple[str, list[float]]:
    """Write two cells a byte, and give the score after each picture."""
    cells = np.asarray(pictures, dtype=int)
    if cells.shape != (len(rewards), *size):
        raise ValueError(
            f"{what} must have shape {(len(rewards), *size)}, got {cells.shape}"
        )
    if not 0 <= cells.min() <= cells.max() <= most:
        raise ValueError(f"{what} must hold numbers from 0 to {most}")
    pairs = cells.reshape(-1, 2).astype(np.uint8)
    scores = np.cumsum(np.asarray(rewards, dtype=float)).tolist()
    return in_base64(pairs @ np.uint8([16, 1])), scores
