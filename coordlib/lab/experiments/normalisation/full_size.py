"""What half size says of the company, at full size: group, fixed, larger batches."""

from coordlib.lab.experiments.normalisation.painters import (
    RECIPES,
    TUNED,
    arm,
    sweep,
)

RATES = [TUNED["deconv_none"], TUNED["deconv_batch"]]
"""The best rates without normalisation and with that of the batch."""

STEPS = 3137
"""How many the painter's recipe takes."""

# Predicted before the first run, from half size: groups and fixed statistics draw
# nearly all held-out dots, 90 % and more, as none does and batch statistics do not. A
# batch of 256 takes an eighth of the steps in as many epochs: fewer than batches of 32.
PRESETS = {
    "cpu": {
        "size": 64,
        "arms": {
            "group": arm("deconv", "group", lr=RATES, measures=1),
            "fixed": arm(
                "deconv",
                "batch-frozen",
                lr=RATES,
                measures=1,
                network={"frozen_after": STEPS // 10},
            ),
            "batches_of_256": arm(
                "deconv",
                "batch",
                lr=TUNED["deconv_batch"],
                measures=1,
                batch_size=256,
                epochs=RECIPES["deconv"]["epochs"],
                axes={"held": "epochs", "batch_size": 256},
            ),
        },
    }
}

EXPERIMENT = sweep("normalisation-full-size", __doc__, PRESETS)
