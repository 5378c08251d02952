"""Assemble the matrix product of the race from its text.

Run after ``race_kernel.wat`` has changed; needs ``pip install wasmtime``, which nothing
else does.
"""

from pathlib import Path

from repository import ROOT

SOURCE = ROOT / "coordlib/lab/figures/interactive/race_kernel.wat"
TARGET = SOURCE.with_suffix(".wasm")


def assembled(source: Path = SOURCE) -> bytes:
    """Return the module that the text describes."""
    from wasmtime import wat2wasm

    return wat2wasm(source.read_text("utf-8"))


if __name__ == "__main__":
    TARGET.write_bytes(assembled())
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")
