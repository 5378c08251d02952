"""Change a trained network instead of rewriting it: less aliasing, or coordinates.

Every function returns a changed copy and a :class:`Report`. Trained weights stay, under
the names they had: a state dict of the old network loads into the new one.
"""

from coordlib.surgery._antialias import antialias
from coordlib.surgery._coordify import coordify, plain
from coordlib.surgery._report import Change, Report

__all__ = ["Change", "Report", "antialias", "coordify", "plain"]
