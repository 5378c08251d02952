"""How fast to learn: every rate with batch normalisation and without, both painters."""

from coordlib.lab.experiments.normalisation.painters import (
    HALF_SIZE,
    PAINTERS,
    half_size_arm,
    sweep,
)
from coordlib.lab.experiments.normalisation.tuning import RATES


def _arms() -> dict[str, dict]:
    return {
        f"{painter}_{kind}_{str(rate).removeprefix('0.')}": half_size_arm(
            painter, kind, lr=rate, axes={"lr": rate}
        )
        for painter in PAINTERS
        for kind in ("batch", "none")
        for rate in RATES[painter]
        if rate < 1  # at half size they were declining long before
    }


PRESETS = {"cpu": HALF_SIZE | {"arms": _arms()}}


EXPERIMENT = sweep("normalisation-rates", __doc__, PRESETS)
