"""The decoder with weights by hand, and its limits."""

from traitlets import Bool, Float, Int

from coordlib.lab.figures.interactive.common import Figure, module_beside, synced


class HandDecoder(Figure):
    """The handmade decoder on a picture that the reader makes.

    Parameters
    ----------
    rows, columns : int
        Size of the canvas.
    i, j : int
        The dot.
    amplitude : float
        Its brightness; that of the second dot too.
    second : bool
        Whether there is a second dot, at ``i2``, ``j2``.
    noise : float
        Standard deviation of normal noise on every pixel.
    seed : int
        Which draw of the noise.
    """

    _esm = module_beside(__file__)
    shown = ("i", "j", "amplitude", "second", "noise")
    rows = synced(Int(24))
    columns = synced(Int(32))
    i = synced(Int(8))
    j = synced(Int(20))
    amplitude = synced(Float(1.0))
    second = synced(Bool(False))
    i2 = synced(Int(16))
    j2 = synced(Int(25))
    noise = synced(Float(0.0))
    seed = synced(Int(0))
