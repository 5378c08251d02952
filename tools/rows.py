"""Turn results of format 2, numbers under glued names, into rows (format 3).

Usage: ``python tools/rows.py FILE ...``. The rows of a sweep are computed again from
its runs; those of other experiments are taken from the old names. Either way each new
row is held against the old number of its name, and every old number must be found.
"""

import json
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import torch

from coordlib.lab import experiments
from coordlib.lab.record import results
from coordlib.lab.record.experiment import options
from coordlib.lab.record.result import Result, Row
from coordlib.lab.record.sweep import Sweep

SUFFIXED = {"train_iou", "test_iou"}


def old_name(name: str, row: Row) -> str:
    """The name that a row's number had."""
    r, metric = row, row["metric"]
    get = row.get
    match name:
        case "pictures" | "architectures":
            base, gain = (
                metric.removesuffix("_gain"),
                "_gain" * metric.endswith("_gain"),
            )
            mode = f"_{r['mode']}" if "mode" in r else ""
            return f"{r['network']}_{r['way']}_{r['augmentation']}_{base}{mode}{gain}"
        case "layer-maps":
            layer = f"_{r['layer']}" if "layer" in r else ""
            return f"{r['border']}_{r['way']}{layer}_{metric}"
        case "robustness":
            kind = get("corruption") or get("perturbation")
            return f"{r['way']}_{kind}_{metric}" if kind else f"{r['way']}_{metric}"
        case "translation":
            base, gain = (
                metric.removesuffix("_gain"),
                "_gain" * metric.endswith("_gain"),
            )
            mode = f"_{r['mode']}" if "mode" in r else ""
            return f"{r['way']}_{base}{mode}{gain}"
        case "classification" | "classification-control":
            first = f"{r['first']}_" if "first" in r else ""
            return f"{first}{r['augmentation']}_{r['split']}_{metric}"
        case "detection" | "detection-clipped" | "gan" | "vae":
            metric = {"discriminator_loss": "judged"}.get(metric, metric)
            return f"{r['arm']}_{metric}"
        case "photographs":
            metric = {"discriminator_loss": "judged"}.get(metric, metric)
            span = f"_{r['span']}" if "span" in r else ""
            return f"{r['arm']}_{metric}{span}"
        case "coordinate-classification":
            if metric == "best_train_accuracy":
                return "deconv_uniform_best_train_accuracy"
            parts = (get("arm"), get("split"), metric)
            return "_".join(part for part in parts if part)
        case "coordinate-regression" | "rendering" | "encodings":
            parts = (get("arm"), get("split"), metric)
            return "_".join(part for part in parts if part)
        case "padding-position":
            if r["network"] == "guess":
                return f"guess_{r['split']}_{metric}"
            return f"{r['arm']}_{r['split']}_{metric}"
        case (
            "regression-readouts"
            | "normalisation-rendering"
            | "normalisation-regression"
        ):
            return f"{r['arm']}_{r['split']}_{metric}"
        case "interplay":
            return f"{r['arm']}_{r['split']}_{metric}"
        case "normalisation-mechanism":
            arm = f"{r['painter']}_{r['kind']}"
            if metric == "moved":
                return f"{arm}_{r['time']}_layer{r['layer']}"
            return f"{arm}_{r['dots']}_{r['statistics']}"
        case "play" | "play-q" | "play-coordified" | "atari":
            if "game" not in r:
                return metric.removeprefix("mean_")
            if metric == "random":  # one of the arms' was kept
                return f"{r['game']}_random"
            arm = f"_{r['arm']}" if "arm" in r else ""
            return f"{r['game']}{arm}_{metric}"
        case "pretrained":
            start = f"{r['network']}_{r['variant']}_{r['source']}".replace("-", "_")
            if metric == "border_flips":
                return f"{start}_flips_{r['border']}"
            return f"{start}_{metric}"
        case "garments":
            mode = {"consistency": get("mode")}.get(metric, metric)
            return f"{r['pool']}_{mode}"
        case "subsampling":
            if metric == "error":
                return f"{r['layer']}_{r['shifts']}_error"
            return metric
        case "zero-weights":
            return metric + "_at_one" * (get("weight") == 1)
        case "cost" | "handmade-decoder":
            return metric
        case "speed-classification":
            return f"{r['split']} | {r['arm']} | {metric.replace('_', ' ')}"
        case "speed-decoder":
            return f"batch of {r['batch']} | {_quantity(r)}"
        case "speed-coordconv" | "speed-compiled":
            k, side = r["kernel"], r["side"]
            case_ = f"{k}x{k}, {r['inputs']} to {r['outputs']}, {r['count']} of "
            case_ += f"{side}x{side}, {r['layout']}"
            return f"{r['work']} | {case_} | {_quantity(r)}"
        case "speed-pooling":
            side = r["side"]
            case_ = (
                f"{r['kind']} {r['size']}, {r['mode']}, {r['count']}x{r['channels']}"
            )
            case_ += f" of {side}x{side}, {r['layout']}" + ", compiled" * get(
                "compiled", False
            )
            return f"{r['work']} | {case_} | {_quantity(r)}"
    if name.startswith("normalisation"):
        parts = (get("arm"), get("split"), metric)
        return "_".join(part for part in parts if part)
    raise NotImplementedError(name)


def _quantity(r: Row) -> str:
    if r["metric"] == "milliseconds":
        return f"{r['of']} ms"
    if r.get("work") == "memory":
        return r["of"]
    part = {"ratio": "median", "ratio_low": "low", "ratio_high": "high"}[r["metric"]]
    return f"{r['of']} {part}"


def grid(metrics, **axes) -> Iterator[Row]:
    for metric, *point in product(metrics, *axes.values()):
        yield dict(zip(axes, point, strict=True)) | {"metric": metric}


def candidates(name: str, config: dict, old: dict[str, float]) -> Iterator[Row]:
    """Rows that an experiment may have, without their values, in the order of now."""
    from coordlib.lab.experiments.generation.photographs import SPANS

    match name:
        case "cost" | "handmade-decoder":
            yield from grid(old)
        case "zero-weights":
            yield {"metric": "largest_difference"}
            yield from grid(["exact_shifts"], weight=[0])
            yield from grid(["exact_shifts", "worst_error"], weight=[1])
        case "subsampling":
            yield from grid(["puzzle_changed", "blurred_puzzle_change"])
            yield from grid(
                ["error"], layer=["strided", "average"], shifts=["odd", "even"]
            )
        case "garments":
            for pool in config["pools"]:
                yield {"pool": pool, "metric": "accuracy"}
                for mode in ("circular", "zero", "cropped"):
                    yield {"pool": pool, "mode": mode, "metric": "consistency"}
        case "gan" | "photographs":
            arms = ["drawn", "held", "other", "linear", "slide", "zoom", "turn", "fade"]
            arms += ["patchy", "unrelated", *config["arms"]]
            metrics = [
                "parameters",
                "seconds",
                "discriminator_loss",
                "right",
                "dimension",
            ]
            metrics += ["entropy", "fixed", "stains", "walks", "kept", "lowest", "jump"]
            metrics += ["travel", "distance", "change", "fade", "motion", "moved"]
            for arm in arms:
                yield from grid(metrics, arm=[arm])
                yield from grid(["moved"], arm=[arm], span=SPANS)
        case "normalisation-mechanism":
            for painter, kind in product(
                ("deconv", "coordconv"), ("batch", "fast", "none")
            ):
                axes = {"painter": [painter], "kind": [kind]}
                yield from grid(
                    ["moved"],
                    **axes,
                    time=["start", "tenth", "end"],
                    layer=range(1, 12),
                )
                yield from grid(
                    ["exact"],
                    **axes,
                    dots=["trained", "held_out"],
                    statistics=["running", "batch"],
                )
        case "pretrained":
            metrics = [
                "flips",
                "flipping",
                "moved",
                "consistency",
                "accuracy",
                "flips_gain",
            ]
            metrics = [m + end for m in metrics for end in ("", "_low", "_high")]
            for network, variant, source in product(
                config["networks"], config["variants"], config["sources"]
            ):
                axes = {"network": [network], "variant": [variant], "source": [source]}
                yield from grid(metrics, **axes)
                yield from grid(["border_flips"], **axes, border=["zero", "circular"])
        case "speed-classification":
            metrics = ["seconds", "epochs", "train_accuracy", "test_accuracy"]
            yield from grid(
                metrics, split=["uniform", "quadrant"], arm=["ours", "paper"]
            )
        case "speed-decoder":
            for batch in config["batches"]:
                yield {"metric": "milliseconds", "batch": batch, "of": "scipy"}
                yield from grid(RATIO, batch=[batch], of=["scipy/ours", "reading/ours"])
        case "speed-coordconv" | "speed-compiled":
            for k, (i, o), (n, side), layout in product(
                *(config[a] for a in ("kernels", "channels", "images", "formats"))
            ):
                case_ = {
                    "kernel": k,
                    "inputs": i,
                    "outputs": o,
                    "count": n,
                    "side": side,
                }
                case_ |= {"layout": layout}
                for work in ("forward", "training"):
                    own = case_ | {"work": work}
                    yield own | {"metric": "milliseconds", "of": "plain"}
                    for of in ("ours/plain", "concatenated/ours"):
                        for metric in RATIO:
                            yield own | {"metric": metric, "of": of}
                for of in ("ours/plain", "concatenated/plain"):
                    yield case_ | {"work": "memory", "metric": "ratio", "of": of}
        case "speed-pooling":
            for (kind, size, mode), (n, c, side), layout, compiled in product(
                config["layers"], config["inputs"], config["formats"], [False, True]
            ):
                case_ = {"kind": kind, "size": size, "mode": mode, "count": n}
                case_ |= {"channels": c, "side": side, "layout": layout}
                for work in ("forward", "training"):
                    own = case_ | {"compiled": compiled, "work": work}
                    others = {
                        key.split(" | ")[2][:-3] for key in old if key.endswith(" ms")
                    }
                    for other in sorted(others):
                        yield own | {"metric": "milliseconds", "of": other}
                    for metric in RATIO:
                        yield own | {"metric": metric, "of": "ours/fastest"}
                if not compiled:
                    own = case_ | {"work": "memory", "of": "ours/least"}
                    yield own | {"metric": "ratio"}
        case _:
            raise NotImplementedError(name)


RATIO = ("ratio", "ratio_low", "ratio_high")


class Scenery:
    """Stands for a task where only its contest and a guess are asked for."""

    def __init__(self, contest, guess, axes):
        self.rank, self.best = contest.rank, contest.best
        self.splits = lambda seed: {
            s: (torch.arange(1), torch.arange(1)) for s in guess
        }
        self.targets = torch.zeros(1, axes)
        order = iter(guess.values())
        self.score = lambda training, outputs, index: next(order)


def migrated(content: dict) -> tuple[Result, int]:
    """The result in rows, and how many numbers were found again."""
    name, preset = content["experiment"], content["preset"]
    result = Result(
        name, preset, content["config"], [], content["provenance"], content["runs"]
    )
    experiment = None if name.startswith("speed-") else experiments.find(name)
    if isinstance(experiment, Sweep):
        result.config = _with_axes(content["config"], experiment.presets[preset])
    count = 0
    for seed in sorted(content["seeds"], key=int):
        old = content["seeds"][seed]
        if isinstance(experiment, Sweep):
            new = _again(experiment, result, int(seed), old)
        else:
            known = candidates(name, result.config, old)
            named = [(row, old_name(name, row)) for row in known]
            new = [row | {"value": old[key]} for row, key in named if key in old]
        found = {}
        for row in new:
            key = old_name(name, row)
            if row["metric"] == "random" and row["value"] != old[key]:
                continue
            assert found.get(key) in (None, row["value"]), f"{name}: {key} twice"
            found[key] = row["value"]
        assert found.keys() == old.keys(), (name, sorted(found.keys() ^ old.keys())[:9])
        for key in old:
            assert found[key] == old[key], (name, key, found[key], old[key])
        order = ("metric", "value")
        new = [
            {k: v for k, v in row.items() if k not in order}
            | {k: row[k] for k in order}
            for row in new
        ]
        result.add(int(seed), new)
        count += len(old)
    return result, count


def _again(experiment: Sweep, result: Result, seed: int, old: dict) -> list[Row]:
    runs = [run for run in result.runs if run["seed"] == seed]
    config = result.config
    if experiment.name == "padding-position":
        guess = {
            split: {"pixels": old[f"guess_{split}_test_pixels"]}
            for split in ("uniform", "quadrant")
        }
        judge = Scenery(experiment.contest(**options(config)), guess, 2)
    elif experiment.name == "interplay":
        guess = {"test": {"pixels": old["guess_test_pixels"]}}
        judge = Scenery(experiment.contest(**options(config)), guess, 3)
    elif experiment.contest is None:
        judge = experiment.task(**options(config))
    else:
        judge = experiment.contest(**options(config))
    new = experiment.summarise(judge, config["arms"], runs)
    # Two kinds of metric have dropped what the split says already.
    if experiment.name == "interplay":
        return new
    return new


def _with_axes(old: dict, new: dict) -> dict:
    """The configuration of now, which must be the old one but for its axes."""
    new = json.loads(json.dumps(new))
    arms = {
        name: {k: v for k, v in arm.items() if k != "axes"}
        for name, arm in new["arms"].items()
    }
    assert new | {"arms": arms} == old, "the configuration differs"
    return new


def main(files: list[str]) -> None:
    total = 0
    for file in map(Path, files):
        content = json.loads(file.read_text())
        if content.pop("format") != 2:
            continue
        result, count = migrated(content)
        results.save(result, file.parent)
        total += count
        print(f"{file.name}: {count}")
    print(f"{total} numbers, all found again")


if __name__ == "__main__":
    main(sys.argv[1:])
