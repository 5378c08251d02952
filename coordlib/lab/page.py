"""What every page of the book needs."""

import platform
from datetime import date

import numpy as np
import torch

import coordlib
from coordlib.lab.training.device import best_device


def about() -> None:
    """Print the versions and the device in use, and today's date, on one line.

    Examples
    --------
    >>> about()  # doctest: +SKIP
    coordlib 0.1.0 · Python 3.11.7 · torch 2.13.0 · numpy 2.4.6 · cpu · 2026-11-23
    """
    print(
        f"coordlib {coordlib.__version__} · Python {platform.python_version()}"
        f" · torch {torch.__version__.split('+')[0]}"
        f" · numpy {np.__version__} · {best_device()} · {date.today()}"
    )
