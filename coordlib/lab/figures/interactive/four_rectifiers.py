"""A dot painted by four rectifiers."""

from traitlets import Bool, Enum, Int

from coordlib.lab.figures.interactive.common import Figure, module_beside, synced


class FourRectifiers(Figure):
    """Painting a dot or a square: ``relu(1 - four rectifiers)``.

    Parameters
    ----------
    rows, columns : int
        Size of the canvas.
    y, x : int
        The target: row and column.
    side : {1, 9}
        Side of the square; every distance counts beyond half of it only.
    below, above, right, left : bool
        Which of the rectifiers are on.
    """

    _esm = module_beside(__file__)
    shown = ("y", "x", "side", "below", "above", "right", "left")
    rows = synced(Int(32))
    columns = synced(Int(32))
    y = synced(Int(12))
    x = synced(Int(20))
    side = synced(Enum([1, 9], 1))
    below = synced(Bool(True))
    above = synced(Bool(True))
    right = synced(Bool(True))
    left = synced(Bool(True))
