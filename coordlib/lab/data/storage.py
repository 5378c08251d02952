"""Files: where the checkout has them, how they are written, and which were read."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
"""The checkout, which holds results, claims and sample pictures."""
_noted: list[dict[str, str]] = []


def in_checkout(path: str) -> Path:
    """Give a file or a folder of the checkout.

    Raises
    ------
    FileNotFoundError
        If coordlib was installed without its checkout, or the part is missing.
    """
    if not (ROOT / path).exists():
        raise FileNotFoundError(
            f"{path} is part of the book's repository, and not of the package: clone "
            "the repository and install it with 'pip install -e .'"
        )
    return ROOT / path


def replace_file(file: Path, content: bytes) -> None:
    """Write a whole file; a reader sees the old one or the new one, never half.

    Its folder is created if it is missing. If writing fails the old file stays.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise


def check_place(file: Path) -> None:
    """Refuse a file that could not be written, before there is anything to write.

    Its folder is created if it is missing.
    """
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a folder; name a file")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=file.parent):
        pass


@contextmanager
def noting() -> Iterator[dict[str, str]]:
    """Write down which data are read meanwhile.

    Yields
    ------
    dict of str to str
        By title and split how complete they are: "complete", or what a pack says.
    """
    seen: dict[str, str] = {}
    _noted.append(seen)
    try:
        yield seen
    finally:
        _noted.pop()


def note(seen: dict[str, str]) -> None:
    """Write down, wherever it is wanted, that these data are read."""
    for noted in _noted:
        noted |= seen
