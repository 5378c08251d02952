"""Widths and kernels of the source's grid, with batch normalisation and without."""

from itertools import product

from coordlib.lab.experiments.normalisation.painters import (
    HALF_SIZE,
    half_size_arm,
    sweep,
)

PRESETS = {
    "cpu": HALF_SIZE
    | {
        "arms": {
            f"{kind}_{width}_{kernel_size}": half_size_arm(
                "deconv", kind, axes=size, network=size
            )
            for kind, width, kernel_size in product(
                ("batch", "none"), (1, 2, 3), (2, 3, 4)
            )
            for size in [{"width": width, "kernel_size": kernel_size}]
        }
    }
}


EXPERIMENT = sweep("normalisation-sizes", __doc__, PRESETS)
