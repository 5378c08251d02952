"""What becomes of a wave of which every second sample is kept."""

from traitlets import Enum, Int

from coordlib.lab.figures.interactive.common import Figure, module_beside, synced


class AliasSpectrum(Figure):
    """A wave on 64 samples, every second of which is kept, and what it becomes.

    Parameters
    ----------
    frequency : int
        Cycles over the 64 samples, 0 to 32.
    taps : {1, 2, 3, 5}
        Taps of the binomial blur before the stride; 1 is no blur.
    """

    _esm = module_beside(__file__)
    shown = ("frequency", "taps")
    frequency = synced(Int(10, min=0, max=32))
    taps = synced(Enum([1, 2, 3, 5], 1))
