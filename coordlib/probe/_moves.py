"""Other moves than shifts: rotations, scalings, whatever a function does."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from coordlib.arguments import check_callable, check_flag, check_tensor
from coordlib.probe._compare import Rule, Select, check_select, difference
from coordlib.probe._probe import Probe, applied, check_tolerance, gathered

Move = Callable[[Tensor, Any], Tensor]


@torch.no_grad()
def probe_moves(
    f: Callable[[Tensor], Any],
    x: Tensor,
    moves: Iterable[Any],
    *,
    move_input: Move,
    move_output: Move | None = None,
    tolerance: float = 1e-5,
    keep_panels: bool = False,
    select: Select | None = None,
) -> Probe:
    """Measure with which moves a map commutes, where they are no shifts.

    Parameters
    ----------
    f : callable
        From tensors like ``x`` to tensors of any shape, ``(N, C, *size)`` if there are
        places.
    x : Tensor
        The input, whose first axis is the batch.
    moves : iterable
        What is handed to the two functions: angles, factors, pairs ...
    move_input : callable
        ``move_input(x, move)`` is the input moved.
    move_output : callable, optional
        ``move_output(y, move)`` is the output moved likewise; where it leaves NaN, as
        in corners that were turned in, nothing is compared. Without it the output is
        to stay: invariance.
    tolerance, keep_panels, select
        As for :func:`probe`.

    Returns
    -------
    Probe
        ``shifts`` holds the moves, and ``stride`` nothing.

    Raises
    ------
    ValueError, TypeError
        On an empty set of moves, what is no function or gives no tensor, an output
        that changes its shape, or one that is NaN wherever it was moved.

    Examples
    --------
    A maximum commutes with quarter turns; so does an answer with the shift of a dot:

    >>> def turned(x, quarters):
    ...     return x.rot90(quarters, (-2, -1))
    >>> x, pool = torch.rand(1, 1, 8, 8), torch.nn.MaxPool2d(2)
    >>> turns = {"move_input": turned, "move_output": turned}
    >>> probe_moves(pool, x, [1, 2, 3], **turns).is_exact
    True
    """
    if isinstance(moves, str) or not isinstance(moves, Iterable):
        raise TypeError(f"moves must be an iterable, got {moves!r}")
    moves = list(moves)
    if not moves:
        raise ValueError("moves is empty: give at least one")
    check_callable("f", f)
    check_tensor("x", x, any_kind=True)
    check_callable("move_input", move_input)
    if move_output is not None:
        check_callable("move_output", move_output)
    check_tolerance(tolerance)
    check_flag("keep_panels", keep_panels)
    check_select(select)

    reference = applied(f, x, select)
    axes = max(reference.ndim - 2, 0) if move_output else 0
    kind = "equivariance" if move_output else "invariance"
    sides, panels = [], []
    for move in moves:
        moved = _moved("move_input", move_input, x, move)
        output, wanted, kept = applied(f, moved, select), reference, None
        if move_output:
            wanted = _moved("move_output", move_output, reference, move)
            kept = ~wanted.isnan().any(dim=tuple(range(wanted.ndim - axes)))
        if output.shape != wanted.shape:
            raise ValueError(
                f"f gives shape {tuple(output.shape)} for move {move!r}, but its "
                f"output moved has {tuple(wanted.shape)}"
            )
        if kept is not None and not kept.any():
            raise ValueError(f"move_output leaves nothing but NaN for move {move!r}")
        side = difference(output, wanted, kept, axes)
        sides.append(replace(side, panel=None))
        if keep_panels:
            panels.append((x, moved, output, wanted))
    rule = Rule(kind, (), "", "")
    return gathered(moves, sides, reference, rule, tolerance, panels)


def _moved(name: str, function: Move, x: Tensor, move: Any) -> Tensor:
    moved = function(x, move)
    if not isinstance(moved, Tensor):
        raise TypeError(f"{name} must return a tensor, got {type(moved).__name__}")
    return moved
