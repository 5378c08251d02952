"""One line of provenance: what ran this page."""

import platform

import numpy as np
import torch

from coordlib.device import best_device


def about() -> None:
    """Print the versions and the device in use, on one line.

    Examples
    --------
    >>> about()  # doctest: +SKIP
    coordlib 0.1.0 · Python 3.11.7 · torch 2.13.0 · numpy 2.4.6 · cpu
    """
    from coordlib import __version__

    print(
        f"coordlib {__version__} · Python {platform.python_version()}"
        f" · torch {torch.__version__.split('+')[0]}"
        f" · numpy {np.__version__} · {best_device()}"
    )
