"""Complete data sets in one file, for a machine that has no network.

A pack is a zip archive of sheets, each a thousand pictures side by side, of labels and
of a list of what is in it. Test sets are kept as they are. A training set is too, where
the limit allows; else its pictures are compressed with losses, no more than necessary;
and where even that is too much, only the first of them are taken. The list says which,
and so does the result of whoever trained on it.
"""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coordlib.lab.data.cache import (
    Arrays,
    Collection,
    cache_folder,
    checksum,
    store,
    store_part,
    verified,
)
from coordlib.lab.data.complete import CIFAR10, FASHION_MNIST, MNIST
from coordlib.lab.data.storage import check_place, replace_file

__all__ = ["SETS", "PackError", "limit_in_bytes", "pack", "unpack"]

SETS = {one.name: one for one in (CIFAR10, MNIST, FASHION_MNIST)}
"""What can be packed, by name."""

TERMS = {
    "cifar-10": """No terms are stated. Cite: A. Krizhevsky, Learning multiple layers of
features from tiny images, 2009.
""",
    "mnist": """Y. LeCun, C. Cortes and C. Burges hold the copyright. The terms:
https://creativecommons.org/licenses/by-sa/3.0/legalcode
Pictures that are listed as JPEG were changed: they were compressed.
""",
    "fashion-mnist": """The MIT License (MIT)

Copyright (c) 2017 Zalando SE, https://tech.zalando.com

Permission is hereby granted, free of charge, to any person obtaining a copy of this
software and associated documentation files (the "Software"), to deal in the Software
without restriction, including without limitation the rights to use, copy, modify,
merge, publish, distribute, sublicense, and/or sell copies of the Software, and to
permit persons to whom the Software is furnished to do so, subject to the following
conditions:

The above copyright notice and this permission notice shall be included in all copies
or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED,
INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A
PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT
HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF
CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE
OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
""",
}
"""What goes with each set."""

FORMAT = 1
INDEX = "pack.json"
SHEET, COLUMNS = 1000, 40
LOSSLESS = "lossless"
QUALITIES = (95, 90, 85, 80, 75, 70, 60, 50)
"""Of JPEG, best first."""
BLOCK = 8
"""Pixels a side that JPEG compresses together: no two pictures share any."""
UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
ROOM = 2_000
"""Bytes that the archive itself may take for a part of a set."""


class PackError(ValueError):
    """A file that is no pack, or a damaged one."""


@dataclass(frozen=True)
class Part:
    """What a pack holds of a split: its encoding, and each sheet encoded."""

    encoding: str
    sheets: list[bytes]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.sheets))


def limit_in_bytes(text: str) -> int:
    """Read a size such as ``40MB``.

    Raises
    ------
    ValueError
        If it is none, or not positive.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(kB|MB|GB|)", str(text).strip())
    if not found or not (size := int(float(found[1]) * UNITS[found[2]])):
        raise ValueError(
            f"limit must be a positive number with kB, MB or GB, such as 40MB, got "
            f"{text!r}"
        )
    return size


def pack(
    file: str | Path,
    names: Iterable[str],
    limit: int,
    report: Callable[[str], None] = print,
) -> Path:
    """Write data sets into one file, for machines of one's own.

    Parameters
    ----------
    file : str or Path
    names : iterable of str
        Of :data:`SETS`. What is not in the cache is fetched.
    limit : int
        Bytes that the file may have.
    report : callable
        Takes one line of text at a time.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If a name is unknown, none is given, or the limit is too small for the test
        sets.
    MissingDataError
        If a data set cannot be had.
    OSError
        If nothing can be written there; before anything is fetched.
    """
    chosen = [_known(name) for name in dict.fromkeys(names)]
    if not chosen:
        raise ValueError(f"names must hold at least one of {', '.join(SETS)}, got none")
    check_place(Path(file))  # sets may take minutes to come
    sets = [(one, split) for split in ("test", "train") for one in chosen]
    # Small sets first: what they leave is for the large ones.
    sets.sort(key=lambda pair: (pair[1], verified(*pair)[0].nbytes))
    left, parts, listed = limit - ROOM * (len(sets) + 1), {}, {}
    for one, split in sets:
        images, labels = verified(one, split)
        room = left - len(labels)
        part = _fitting(images, room, whole=split == "test")
        if part is None:
            raise ValueError(
                f"limit must leave room for the {split} set of {one.title}, got "
                f"{limit / 1e6:.1f} MB; choose a larger one, or fewer sets"
            )
        left = room - part.size
        count = min(len(images), SHEET * len(part.sheets))
        arrays = _decoded(part.sheets, count, images.shape[1:]), labels[:count]
        entry = {"encoding": part.encoding, "pictures": count, "of": len(images)}
        entry |= {"shape": images.shape[1:], "checksum": checksum(*arrays)}
        parts[one.name, split] = part, arrays[1]
        listed.setdefault(one.name, {"title": one.title, "licence": one.licence})
        listed[one.name].setdefault("splits", {})[split] = entry
        report(f"{one.title} {split}: {_described(entry)}, {part.size / 1e6:.1f} MB")
    content = _archive(listed, parts)
    replace_file(Path(file), content)
    report(f"{file}: {len(content) / 1e6:.1f} MB")
    return Path(file)


def unpack(file: str | Path, report: Callable[[str], None] = print) -> list[str]:
    """Put what a pack holds into the cache; what is complete there stays.

    Parameters
    ----------
    file : str or Path
    report : callable
        Takes one line of text at a time.

    Returns
    -------
    list of str
        What was put there.

    Raises
    ------
    PackError
        If the file is no pack or damaged; then nothing is put anywhere.
    OSError
        If there is no such file.
    """
    found = list(_read(Path(file)))
    said = []
    for one, split, entry, arrays in found:
        folder = cache_folder() / one.name
        said.append(f"{one.title} {split}: {_described(entry)}, into {folder}")
        report(said[-1])
        if entry["checksum"] == one.checksums[split]:
            store(folder / f"{split}.npz", images=arrays[0], labels=arrays[1])
        else:
            store_part(folder / f"{split}.npz", arrays, _described(entry))
    return said


def _known(name: str) -> Collection:
    if name not in SETS:
        raise ValueError(f"a set must be one of {', '.join(SETS)}, got {name!r}")
    return SETS[name]


def _described(entry: dict) -> str:
    """How complete a split is, in words."""
    if entry["pictures"] == entry["of"]:
        which = f"all {entry['of']} pictures"
    else:
        which = f"the first {entry['pictures']} of {entry['of']} pictures"
    return f"{which}, {entry['encoding']}"


def _fitting(images: np.ndarray, room: int, whole: bool) -> Part | None:
    """The least harmful way to put pictures into so many bytes, if there is one."""
    exact = _encoded(images, LOSSLESS, room)
    complete = len(exact.sheets) * SHEET >= len(images)
    if complete or whole:
        return exact if complete else None
    for quality in QUALITIES:
        part = _encoded(images, f"JPEG of quality {quality}", room)
        if len(part.sheets) * SHEET >= len(images):
            return part
    return exact if exact.sheets else None


def _encoded(images: np.ndarray, encoding: str, room: int) -> Part:
    """Sheets of pictures, one after the other, as far as there is room."""
    sheets: list[bytes] = []
    for first in range(0, len(images), SHEET):
        sheet = _encode(_laid_out(images[first : first + SHEET]), encoding)
        room -= len(sheet)
        if room < 0:
            break
        sheets.append(sheet)
    return Part(encoding, sheets)


def _laid_out(images: np.ndarray) -> np.ndarray:
    """Pictures (N, C, H, W) on one sheet, each in a cell of whole blocks."""
    count, channels = images.shape[:2]
    height, width = _cell(images.shape[2:])
    rows = -(-count // COLUMNS)
    sheet = np.zeros((rows * COLUMNS, channels, height, width), np.uint8)
    sheet[:count, :, : images.shape[2], : images.shape[3]] = images
    sheet = sheet.reshape(rows, COLUMNS, channels, height, width)
    return sheet.transpose(0, 3, 1, 4, 2).reshape(
        rows * height, COLUMNS * width, channels
    )


def _cell(sides: tuple[int, ...]) -> list[int]:
    return [-(-side // BLOCK) * BLOCK for side in sides]


def _encode(sheet: np.ndarray, encoding: str) -> bytes:
    from PIL import Image

    picture = Image.fromarray(sheet if sheet.shape[-1] == 3 else sheet[..., 0])
    stream = io.BytesIO()
    if encoding == LOSSLESS:
        picture.convert("RGB").save(stream, "webp", lossless=True, quality=75)
    else:
        quality = int(encoding.rsplit(" ", 1)[1])
        # No subsampling of colour: that would mix a picture with its neighbours.
        picture.save(stream, "jpeg", quality=quality, subsampling=0, optimize=True)
    return stream.getvalue()


def _decoded(sheets: list[bytes], count: int, shape: tuple[int, ...]) -> np.ndarray:
    """The pictures on sheets, as unsigned bytes (count, C, H, W)."""
    from PIL import Image

    channels, *sides = shape
    height, width = _cell(sides)
    found = []
    for data in sheets:
        with Image.open(io.BytesIO(data), formats=("WEBP", "JPEG")) as picture:
            sheet = np.asarray(picture.convert("RGB"))[..., :channels]
        rows = sheet.shape[0] // height
        sheet = sheet.reshape(rows, height, COLUMNS, width, channels)
        sheet = sheet.transpose(0, 2, 4, 1, 3)
        found.append(sheet.reshape(rows * COLUMNS, channels, height, width)[:SHEET])
    whole = np.concatenate(found)
    return np.ascontiguousarray(whole[:count, :, : sides[0], : sides[1]])


def _archive(listed: dict, parts: dict[tuple[str, str], tuple]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        index = {"format": FORMAT, "sets": listed}
        archive.writestr(INDEX, json.dumps(index, indent=1))
        archive.writestr("LICENCES.txt", _licences(listed))
        for (name, split), (part, labels) in parts.items():
            archive.writestr(f"{name}/{split}.labels", labels.tobytes())
            for number, sheet in enumerate(part.sheets):
                # Compressed already.
                place = zipfile.ZipInfo(f"{name}/{split}-{number:03}")
                archive.writestr(place, sheet, zipfile.ZIP_STORED)
    return stream.getvalue()


def _licences(listed: dict) -> str:
    lines = ["This file is for machines of whoever made it. What it holds:", ""]
    for name, one in listed.items():
        lines += [f"{one['title']}. Licence: {one['licence']}."]
        for split, entry in one["splits"].items():
            lines.append(f"  {split}: {_described(entry)}")
        lines += ["", TERMS.get(name, "")]
    return "\n".join([*lines, ""])


def _read(file: Path) -> Iterator[tuple[Collection, str, dict, Arrays]]:
    """What is in a pack, each part held against its checksum."""
    content = io.BytesIO(file.read_bytes())
    again = "make it again with 'python -m coordlib data pack'"
    try:
        archive = zipfile.ZipFile(content)
        index = json.loads(archive.read(INDEX))
        if index["format"] != FORMAT:
            raise ValueError(index["format"])
        splits = [
            (_known(name), split, entry)
            for name, listed in index["sets"].items()
            for split, entry in listed["splits"].items()
        ]
    except Exception as error:  # bytes that are no pack fail in any of many ways
        reason = type(error).__name__
        raise PackError(f"{file} is no pack of data ({reason}); {again}") from None
    for one, split, entry in splits:
        try:
            count, shape = int(entry["pictures"]), tuple(entry["shape"])
            sheets = [
                archive.read(f"{one.name}/{split}-{number:03}")
                for number in range(-(-count // SHEET))
            ]
            labels = np.frombuffer(archive.read(f"{one.name}/{split}.labels"), np.uint8)
            arrays = _decoded(sheets, count, shape), labels
            right = checksum(*arrays) == entry["checksum"] and split in one.checksums
            said = _described(entry)
        except Exception:
            right, said = False, ""
        if not right or (LOSSLESS not in said and "JPEG" not in said):
            raise PackError(
                f"{file} is damaged: the {split} set of {one.title} differs from its "
                f"checksum; send it again, or {again}"
            )
        yield one, split, entry, arrays
