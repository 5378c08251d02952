"""The instrument of this book: shift, apply, shift back, compare.

A map ``f`` is *equivariant* to a shift ``s`` when shifting first and applying
then gives what applying first and shifting then gives::

    f(shift(x, s)) == shift(f(x), s / stride)

and *invariant* when the shift leaves no trace: ``f(shift(x, s)) == f(x)``.
:func:`probe` measures the difference of the two sides for a set of shifts. An
output that has lost its spatial axes (a vector of class scores, say) cannot be
shifted, so there the same comparison measures invariance.
"""

from coordlib.grid import Shift, shift
from coordlib.probe._layers import LayerProbes, probe_layers
from coordlib.probe._lie import lie_derivative
from coordlib.probe._moves import probe_moves
from coordlib.probe._probe import Probe, probe

__all__ = [
    "LayerProbes",
    "Probe",
    "Shift",
    "lie_derivative",
    "probe",
    "probe_layers",
    "probe_moves",
    "shift",
]
