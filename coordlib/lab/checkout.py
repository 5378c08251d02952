"""The book's checkout, which holds results, claims and sample pictures."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def part(path: str) -> Path:
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
