"""Names of modules that went to the laboratory: they still work, with a warning."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "adversarial": "training.adversarial",
    "boxes": "data.boxes",
    "checkpoints": "record.arrays",
    "data": "data",
    "device": "record.device",
    "experiments": "experiments",
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


class Moved(MetaPathFinder, Loader):
    """Finds what is asked for under its old name, and gives the module itself."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, rest = name.partition(".")
        first = rest.partition(".")[0]
        return (
            ModuleSpec(name, self) if package == "coordlib" and first in MOVED else None
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        _, first, *rest = spec.name.split(".")
        new = ".".join(["coordlib.lab", MOVED[first], *rest])
        warnings.warn(f"{spec.name} is now {new}", FutureWarning, stacklevel=2)
        try:
            module = import_module(new)
        except ModuleNotFoundError as error:
            if error.name != new:
                raise
            raise ModuleNotFoundError(
                f"no module {spec.name!r} any more: what was in it is somewhere in "
                "coordlib.lab; the book's reference page says where",
                name=spec.name,
            ) from None
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module has run already; its own spec goes back in the alias's place.
        module.__spec__ = module.__spec__.loader_state


def install() -> None:
    """Let imports by old names find the new modules."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        # Before the finder of files: it would load a second copy of what lies in a
        # package that was imported by its old name.
        sys.meta_path.insert(0, Moved())
