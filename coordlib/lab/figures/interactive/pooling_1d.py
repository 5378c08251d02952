"""Pooling by two, and a signal that moves."""

from collections.abc import Mapping, Sequence
from typing import Any

from traitlets import Enum, Int, List, Unicode

from coordlib.lab.figures.interactive.common import (
    Figure,
    chosen,
    module_beside,
    synced,
)


class Pooling1D(Figure):
    """A signal on a ring that moves under a layer of stride 2.

    Beside the pooled, moved signal stands the moved, pooled one. A move by half an
    output place is the mean of the two whole ones, as ``between="linear"`` in
    :func:`coordlib.probe.probe`.

    Parameters
    ----------
    signals : mapping of name to sequence of float, optional
        Signals to choose from, in [0, 1], all of one even length, at least 6.
    signal : str
        The one chosen; the first if not given.
    layer : {"max", "blur 2", "blur 3", "blur 5", "max, blur 3"}
    shift : int
    """

    _esm = module_beside(__file__)
    shown = ("signal", "layer", "shift")
    signals = synced(List())
    signal = synced(Unicode())
    layer = synced(Enum(["max", "blur 2", "blur 3", "blur 5", "max, blur 3"], "max"))
    shift = synced(Int(0))

    def __init__(
        self,
        signals: Mapping[str, Sequence[float]] | None = None,
        signal: str | None = None,
        **state: Any,
    ) -> None:
        if signals is None:
            signals = {
                "two on, two off": [0, 0, 1, 1, 0, 0, 1, 1],
                "one on, one off": [0, 1, 0, 1, 0, 1, 0, 1],
                "one dot": [0, 0, 0, 1, 0, 0, 0, 0],
                "a hill": [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25],
            }
        lengths = {len(values) for values in signals.values()}
        if len(lengths) != 1 or min(lengths) < 6 or min(lengths) % 2:
            raise ValueError(
                "signals must have one even length, at least 6, "
                f"got lengths {sorted(lengths)}"
            )
        state["signals"] = [[k, list(map(float, v))] for k, v in signals.items()]
        super().__init__(signal=chosen("signal", signal, signals), **state)
