"""Files that are whole, or not there."""

import os
import tempfile
from pathlib import Path


def replace_file(file: Path, content: bytes) -> None:
    """Write a whole file; a reader sees the old one or the new one, never half.

    Parameters
    ----------
    file : Path
        Its folder is created if it is missing.
    content : bytes

    Raises
    ------
    OSError
        If it cannot be written; the old file is still there.
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
