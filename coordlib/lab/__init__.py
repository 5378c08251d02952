"""The laboratory of the book: what its pages need beside the library.

``pip install coordlib[lab]`` brings the packages it builds on.
"""

from importlib.util import find_spec

# Said here once, before some room of the laboratory fails with the name of the first.
# Where anywidget is missing, only the interactive figures are.
_PACKAGES = {"yaml": "PyYAML"} | {
    name: name for name in ("filelock", "matplotlib", "platformdirs", "scipy", "tqdm")
}
_MISSING = [name for name in _PACKAGES if find_spec(name) is None]
if _MISSING:
    raise ModuleNotFoundError(
        "coordlib.lab, the laboratory of the book, needs packages that are missing "
        f"here ({', '.join(_PACKAGES[name] for name in _MISSING)}): "
        "pip install 'coordlib[lab]'",
        name=_MISSING[0],
    )
