"""Whose company a sample keeps: other normalisations, and the size of a batch (B06)."""

from coordlib.lab.experiments.normalisation.painters import (
    HALF_SIZE,
    PAINTERS,
    half_size_arm,
    sweep,
)

STEPS = {"deconv": 1176, "coordconv": 1254}
"""How many steps the recipes of half size take."""

IN_WORDS = {
    "batch statistics": {"normalisation": "batch", "batch_size": None},
    "no normalisation": {"normalisation": "none", "batch_size": None},
    "group normalisation": {"normalisation": "group"},
    "instance normalisation": {"normalisation": "instance"},
    "batch statistics, then fixed": {"normalisation": "batch-frozen"},
    **{
        f"batches of {size}, as many {held}": {
            "normalisation": "batch",
            "held": held,
            "batch_size": size,
        }
        for held in ("epochs", "updates")
        for size in (8, 128)
    },
    "none, batches of 8": {"normalisation": "none", "batch_size": 8},
    "none, batches of 128": {"normalisation": "none", "batch_size": 128},
}
"""What a table calls the arms, whatever the painter, and their axes. Where no size is
given, a batch is of 32 for transposed convolutions and of 8 for CoordConv."""


def _arms() -> dict[str, dict]:
    """Batch statistics, none, those of one sample alone, and fixed ones."""
    kinds = {
        f"{painter}_{kind}": half_size_arm(painter, kind)
        for painter in PAINTERS
        for kind in ("batch", "none", "group", "instance")
    }
    frozen = {
        f"{painter}_frozen": half_size_arm(
            painter, "batch-frozen", network={"frozen_after": STEPS[painter] // 10}
        )
        for painter in PAINTERS
    }
    held = {"epochs": {}, "updates": {"epochs": None, "steps": STEPS["deconv"]}}
    sizes = {
        f"deconv_batch_{name}_{batch_size}": half_size_arm(
            "deconv",
            "batch",
            axes={"held": name, "batch_size": batch_size},
            batch_size=batch_size,
            **length,
        )
        for name, length in held.items()
        for batch_size in (8, 128)
    }
    sizes |= {
        f"deconv_none_epochs_{batch_size}": half_size_arm(
            "deconv",
            "none",
            axes={"held": "epochs", "batch_size": batch_size},
            batch_size=batch_size,
        )
        for batch_size in (8, 128)
    }
    return kinds | frozen | sizes


# Predicted before the first run. Group, instance and frozen statistics do not depend
# on who shares the batch: all three draw most held-out dots, as without any. With
# batch statistics a batch of 128 gives each sample steadier company than one of 32:
# better where updates are held, though not as good as none; one of 8 is worse.
PRESETS = {"cpu": HALF_SIZE | {"arms": _arms()}}


EXPERIMENT = sweep("normalisation-company", __doc__, PRESETS)
