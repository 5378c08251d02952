"""Assemble the kernel of the race, and copy the figure for the home page.

Run after a file ``race*`` among the interactive figures, ``common.js`` or ``style.css``
has changed. Where the package wasmtime is missing, which nothing else needs, the kernel
stays as it is.
"""

import json

from repository import BOOK, ROOT

SOURCE = ROOT / "coordlib/lab/figures/interactive/race_kernel.wat"
KERNEL = SOURCE.with_suffix(".wasm")
PAGE = BOOK / "assets" / "race.js"


def assembled() -> bytes:
    """Return the module that the text of the kernel describes."""
    from wasmtime import wat2wasm

    return wat2wasm(SOURCE.read_text("utf-8"))


def module() -> str:
    """Return the figure as a module that brings its style along."""
    from coordlib.lab.figures.interactive import Race

    style = json.dumps(str(Race._css))
    return f"// Written by tools/race.py.\n{Race._esm}export const style = {style};\n"


if __name__ == "__main__":
    try:
        KERNEL.write_bytes(assembled())
    except ModuleNotFoundError:
        print(f"{KERNEL.name} stays: pip install wasmtime would assemble it")
    PAGE.write_text(module(), "utf-8")
    for path in (KERNEL, PAGE):
        print(f"{path.name}: {path.stat().st_size} bytes")
