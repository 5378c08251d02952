"""Names that went to the laboratory, or are others now: they work, with a warning.

What counts is what version 0.1.0 offered: in an ``__all__``, or on the page of
reference of the book.
"""

import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any

LAB = "coordlib.lab"
MOVED = {
    "adversarial": "training.adversarial",
    "boxes": "data.boxes",
    "checkpoints": "record.arrays",
    "data": "data",
    "device": "record.device",
    "experiments": "experiments",
    "experiments.sweeps": "record.task",
    "figures": "figures",
    "handmade": "models.handmade",
    "ledger": "record.ledger",
    "metrics": "measures",
    "models": "models",
    "motion": "measures.motion",
    "playing": "training",
    "results": "record.results",
    "scenes": "measures.scenes",
    "training": "training",
}
"""By its name below ``coordlib``, where a module is below ``coordlib.lab``."""


def _eager_policy(model: Any, seed: int = 0, explore: float = 0.05) -> Any:
    return _get("training.epsilon_greedy_policy")(model, seed, epsilon=explore)


def _presets(name: str) -> tuple[str, ...]:
    sizes: tuple[str, ...] = _get("experiments.find")(name).sizes
    return sizes


def _as_tensor(counters: dict[str, Any]) -> Any:
    import json

    import torch

    return torch.tensor(list(json.dumps(counters).encode()), dtype=torch.uint8)


def _from_tensor(tensor: Any) -> dict[str, Any]:
    import json

    counters: dict[str, Any] = json.loads(bytes(tensor.tolist()))
    return counters


_Renamed = dict[str, tuple[str, Callable[..., Any] | None]]

RENAMED: dict[str, _Renamed] = {
    "experiments": {"presets": ("experiments.find(name).sizes", _presets)},
    "record.arrays": {
        "as_tensor": ("training.resume, which keeps numbers too", _as_tensor),
        "from_tensor": ("training.resume, which keeps numbers too", _from_tensor),
    },
    "training": {
        "Augment": ("training.loop.Augment", None),
        "Draw": ("training.loop.Draw", None),
        "Loss": ("training.loop.Loss", None),
        "Measure": ("training.loop.Measure", None),
        "Policy": ("training.playing.Policy", None),
        "SCHEDULES": ("training.schedules.SCHEDULES", None),
        "eager_policy": ("training.epsilon_greedy_policy", _eager_policy),
    },
    "training.adversarial": {"Duel": ("training.adversarial.GANHistory", None)},
}
"""What a module below ``coordlib.lab`` was asked for by an old name: where that is now,
and what does it where more than the name has changed."""


class Moved(MetaPathFinder, Loader):
    """Finds what is asked for under its old name, and gives the module itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, rest = name.partition(".")
        first = rest.partition(".")[0]
        moved = first in MOVED or rest == "about"
        return ModuleSpec(name, self) if package == "coordlib" and moved else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        if spec.name == "coordlib.about":
            return _About(spec.name)
        new = _new_name(spec.name)
        try:
            module = import_module(new)
        except ModuleNotFoundError as error:
            raise _not_found(spec.name, new, error) from None
        warn(f"{spec.name} is now {new}")
        if names := RENAMED.get(new.removeprefix(f"{LAB}.")):
            vars(module)["__getattr__"] = _old_names(new, names)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        if isinstance(module, _About):
            module.about = _about()
            return
        # The module has run already; its own spec goes back in the alias's place.
        if module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state

    def get_code(self, name: str) -> None:
        """Say to ``python -m`` that there is nothing to run."""
        raise ImportError(
            f"{name} is now {_new_name(name)}, and no program; "
            "'python -m coordlib list' names the experiments"
        )


class _About(ModuleType):
    """The module ``coordlib.about``, which is called as the function in it."""

    about: Callable[[], None]

    def __call__(self) -> None:
        self.about()


def install() -> None:
    """Let imports by old names find the new modules."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        # Before the finder of files: it would load a second copy of what lies in a
        # package that was imported by its old name.
        sys.meta_path.insert(0, Moved())


def attribute(name: str) -> Any:
    """Give what was an attribute of ``coordlib``.

    Raises
    ------
    AttributeError
        If there never was one, or it needs packages that are missing here.
    """
    if name != "about" and name not in MOVED:
        raise AttributeError(f"module 'coordlib' has no attribute {name!r}")
    try:
        if name == "about":
            return _about()
        return import_module(f"coordlib.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(str(error)) from None


def warn(message: str) -> None:
    """Warn of an old name at the line that used it, whatever machinery lies between."""
    frame = sys._getframe(1)
    while frame.f_back and _is_machinery(frame.f_code):
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        FutureWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__", "<unknown>"),  # with None it would be silent
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _is_machinery(code: CodeType) -> bool:
    file = code.co_filename
    between = file in (__file__, importlib.__file__) or file.startswith("<frozen")
    return between or code.co_name == "__getattr__"


def _new_name(name: str) -> str:
    """Where a module went, by its old name with ``coordlib.`` before it."""
    _, _, rest = name.partition(".")
    first, _, inner = rest.partition(".")
    moved = MOVED.get(rest) or f"{MOVED[first]}.{inner}".rstrip(".")
    return f"{LAB}.{moved}"


def _about() -> Callable[[], None]:
    old, new = "coordlib.about", f"{LAB}.page.about"
    try:
        about: Callable[[], None] = _get("page.about")
    except ModuleNotFoundError as error:
        raise _not_found(old, new, error) from None
    warn(f"{old} is now {new}")
    return about


def _not_found(old: str, new: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    if not (error.name or "").startswith("coordlib"):
        words = f"{old} is now {new}, which needs {error.name}: "
        words += "pip install 'coordlib[lab]'"
        return ModuleNotFoundError(words, name=error.name)
    _, package, *inner = old.split(".")
    if package == "experiments" and inner:
        where = f"{LAB}.experiments.find({'-'.join(inner).replace('_', '-')!r})"
        words = f"an experiment is found by its name now: {where}"
    else:
        words = f"what was in it is somewhere in {LAB}; the book's reference page says"
        words += " where"
    return ModuleNotFoundError(f"no module {old!r} any more: {words}", name=old)


def _old_names(module: str, names: _Renamed) -> Callable[[str], Any]:
    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new, does_it = names[name]
        warn(f"{name} is now {LAB}.{new}")
        return does_it or _get(new)

    return get


def _get(name: str) -> Any:
    """What has this name below ``coordlib.lab``."""
    module, _, last = name.rpartition(".")
    return getattr(import_module(f"{LAB}.{module}"), last)
