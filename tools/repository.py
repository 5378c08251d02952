"""Where the book's repository is, and the set-up cell that depends on it.

The address is kept in ``pyproject.toml``. Run as a script (``make address
URL=https://github.com/you/repo``) this changes it everywhere it is written.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"

# The only files that may write the address out, beside the set-up cell of each
# notebook. Pages link through the buttons of the site instead.
HOLDERS = ["pyproject.toml", "_config.yml", "README.md", "CITATION.cff"]

# The first code cell of every notebook. Without coordlib (on Colab) it clones the
# repository, which holds the results and the pictures too, and installs nothing else:
# --no-deps leaves Colab's torch and numpy alone. A kernel that runs does not see an
# editable installation, hence the path.
SETUP_CELL = """\
# Fetch coordlib where it is missing (as on Colab); show versions.
import importlib.util
import os
import sys

if importlib.util.find_spec("coordlib") is None:
    book = "{address}"
    %system git clone -q --depth 1 {{book}} where-is-it
    %pip install -q --no-deps -e where-is-it
    sys.path.insert(0, os.path.abspath("where-is-it"))
    if importlib.util.find_spec("coordlib") is None:
        raise ImportError("No coordlib: is the network reachable?")

from coordlib.lab.page import about

about()"""


def address() -> str:
    """Return the repository's address, without a slash at its end."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project["urls"]["Repository"]


def setup_cell() -> str:
    """Return the source of the first code cell of every notebook."""
    return SETUP_CELL.format(address=address())


def owner_and_name(url: str) -> str:
    """Return the ``owner/name`` part of an address, as Colab's links use it."""
    match = re.fullmatch(r"https://[\w.-]+/([\w.-]+/[\w.-]+)", url)
    if not match:
        raise ValueError(f"expected https://HOST/OWNER/NAME, got {url!r}")
    return match[1]


def pages(url: str) -> str:
    """Return where GitHub Pages publishes the repository's site."""
    owner, name = owner_and_name(url).split("/")
    return f"{owner.lower()}.github.io/{name}"


def move(new: str, root: Path = ROOT) -> list[Path]:
    """Write `new` for the present address everywhere; return the changed files."""
    old, new = address(), new.rstrip("/").removesuffix(".git")
    becomes = {form(old): form(new) for form in (str, pages, owner_and_name)}
    # One pass, longest first: the old address may well be a part of the new one.
    forms = "|".join(re.escape(was) for was in becomes)
    written = re.compile(rf"(?:{forms})(?![\w-])")
    changed = []
    for path in [*(root / name for name in HOLDERS), *(root / "book").glob("*.ipynb")]:
        before = path.read_text("utf-8") if path.exists() else ""
        after = written.sub(lambda match: becomes[match[0]], before)
        if after != before:
            path.write_text(after, "utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1]:
        sys.exit("usage: make address URL=https://github.com/you/repo")
    try:
        for path in move(sys.argv[1]):
            print("changed", path.relative_to(ROOT))
    except ValueError as error:
        sys.exit(str(error))
