"""A headless Chromium that reads the built site from the disk: nothing is served."""

import mimetypes
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from repository import ROOT

SITE = ROOT / "_build" / "html"
HOST = "http://book.test"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def executable() -> str | None:
    """Return the browser to use, or None; ``CHROMIUM`` names one."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def from_disk(url: str, site: Path = SITE) -> tuple[bytes, str] | None:
    """Return the body and the type of a file of the site, or None for another place."""
    parts = urlsplit(url)
    file = site / parts.path.removeprefix("/")
    if f"{parts.scheme}://{parts.netloc}" != HOST or not file.is_file():
        return None
    kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
    return file.read_bytes(), kind
