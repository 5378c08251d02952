"""Print the exact requirements of the environment this runs in.

Run by ``make lock`` in a fresh environment made from ``requirements.in``. It is no
``uv pip compile``, which reads nothing of pip's configuration: it does not find a build
of torch for CPUs that only pip is told of, and pins the CUDA packages of the other.
"""

import re
from importlib.metadata import distributions
from pathlib import Path

# pip belongs to the environment itself; coordlib is installed from the checkout.
SKIP = {"pip", "coordlib"}
# torch pins its own CUDA parts, and which ones depends on the platform.
CUDA = re.compile(r"(nvidia|cuda|triton)\b")


def canonical(name: str) -> str:
    """Return the name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    root = Path(__file__).parents[1]
    wanted = re.findall(r"^[\w.-]+", (root / "requirements.in").read_text(), re.M)
    direct = {canonical(name) for name in wanted}
    pins: dict[str, str] = {}
    for dist in distributions():
        name = canonical(dist.name)
        if name not in SKIP and not CUDA.match(name):
            # "2.13.0+cpu" is one build of 2.13.0; the pin should fit them all.
            pins[name] = f"{dist.name}=={dist.version.split('+')[0]}"
    print("# Exact versions, written by `make lock` from requirements.in.")
    print("# Used directly by the book, its tests and its tools:")
    print(*(pins[name] for name in sorted(pins) if name in direct), sep="\n")
    print("# What those need in turn:")
    print(*(pins[name] for name in sorted(pins) if name not in direct), sep="\n")


if __name__ == "__main__":
    main()
