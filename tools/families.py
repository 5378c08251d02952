"""Surgery over one classification model of each family of timm.

Run as a script, ``python tools/families.py [FAMILY ...]``, where timm is installed. It
prints a line a family: how many layers were changed, how many were left with a reason,
and what is wrong. A model is wrong if surgery fails on it without saying why, if shapes
or names of parameters change, if it cannot be trained as the original can, or if
coordinates that weigh nothing change its answers.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coordlib.surgery import antialias, coordify, plain

SIDE = 96
LARGEST = 140_000_000
"""Parameters of the largest model that is tried."""
TRIED = 12
"""How many models of a family are weighed, on the meta device, for the smallest."""
SMALL = ("atto", "femto", "pico", "nano", "xxs", "micro", "tiny", "xs", "small", "s0")


@dataclass
class Found:
    """What surgery made of one model."""

    name: str
    changed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    says: str = ""
    wrong: list[str] = field(default_factory=list)


def smallest(family: str) -> str | None:
    """The model of a family with the fewest parameters, among those named small."""
    names = timm.list_models(module=family)
    names.sort(key=lambda name: not any(word in name for word in SMALL))
    sizes = {}
    for name in names[:TRIED]:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = timm.create_model(name, num_classes=10)
            except Exception:  # not every model can be made there
                continue
        sizes[name] = sum(p.numel() for p in model.parameters())
    best = min(sizes, key=sizes.__getitem__, default=None)
    return best if best is not None and sizes[best] <= LARGEST else None


def pictures(model: nn.Module) -> Tensor:
    """Two pictures of the least size that a model takes, 96 pixels if it may be any."""
    config = model.pretrained_cfg
    least = config.get("min_input_size") or (3, SIDE, SIDE)
    size = config["input_size"] if config.get("fixed_input_size") else least
    torch.manual_seed(0)
    return torch.randn(2, 3, *(max(n, SIDE) for n in size[1:]))


def trained(model: nn.Module, x: Tensor) -> set[str]:
    """Take a training step; give the parameters that it has a finite gradient for."""
    model.train()
    output = model(x)
    output = output[0] if isinstance(output, tuple) else output
    F.cross_entropy(output, torch.tensor([1, 2])).backward()
    torch.optim.SGD(model.parameters(), 1e-4).step()
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.isfinite().all()
    }


def blurred(model: nn.Module, x: Tensor, found: Found) -> None:
    """Blur a model, and hold the copy against it."""
    try:
        steady, report = antialias(model, example=x)
    except ValueError as error:
        found.says = str(error).splitlines()[0]
        return
    found.changed = len(report.changed)
    found.reasons = Counter(change.how for change in report.unchanged)
    with torch.no_grad():
        if steady(x).shape != model(x).shape:
            found.wrong.append("another shape")
    if list(steady.state_dict()) != list(model.state_dict()):
        found.wrong.append("other names")
    missing = trained(timm.create_model(found.name, num_classes=10), x)
    missing -= trained(steady, x)
    if missing:
        found.wrong.append(f"no gradient for {', '.join(sorted(missing)[:3])}")


def seeing(model: nn.Module, x: Tensor, found: Found) -> None:
    """Give coordinates that weigh nothing to a model, and take them away again."""
    try:
        placed, _ = coordify(model, "all", with_r=True)
    except ValueError as error:
        if not str(error).startswith("there is nothing"):
            found.wrong.append(f"coordify: {error}")
        return
    with torch.no_grad():
        expected, answers = model(x), placed(x)
        if not torch.equal(answers, expected):
            apart = (answers - expected).abs().max() / expected.abs().max()
            found.wrong.append(f"coordinates change the answers by {apart:.1e}")
    if repr(plain(placed)[0]) != repr(model):
        found.wrong.append("plain does not undo coordify")


def tried(name: str) -> Found:
    """All that is asked of one model; what fails is told."""
    found = Found(name)
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=10).eval()
    try:
        x = pictures(model)
        with torch.no_grad():
            model(x)
    except Exception as error:
        found.says = f"the model itself fails: {type(error).__name__}: {error}"[:90]
        return found
    for operation in blurred, seeing:
        try:
            operation(model, x, found)
        except Exception as error:  # that is what is looked for
            what = f"{operation.__name__}: {type(error).__name__}: {error}"
            found.wrong.append(what.splitlines()[0][:120])
    return found


def lines(families: list[str]) -> Iterator[str]:
    """The table, a line as soon as it is known."""
    yield "family | model | changed | refused | wrong | reasons"
    for family in families:
        name = smallest(family)
        if name is None:
            yield f"{family} | none small enough | | | |"
            continue
        found = tried(name)
        reasons = [f"{n} x {why}" for why, n in found.reasons.most_common()]
        told = "; ".join(([found.says] if found.says else []) + reasons)
        wrong = "; ".join(found.wrong) or "-"
        left = found.reasons.total()
        yield f"{family} | {name} | {found.changed} | {left} | {wrong} | {told}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in lines(sys.argv[1:] or timm.list_modules()):
        print(line, flush=True)
