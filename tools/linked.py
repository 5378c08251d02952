"""Link packages of this environment, and what they require, into another one.

``python tools/linked.py FOLDER torch`` spares a second download of torch. What the
other environment has already stays as it is.
"""

import sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from lock import canonical
from packaging.requirements import Requirement


def closure(names: list[str]) -> dict[str, Distribution]:
    """Return the distributions named and all they require."""
    found: dict[str, Distribution] = {}
    queue = list(names)
    while queue:
        name = canonical(queue.pop())
        if name in found:
            continue
        found[name] = distribution(name)
        for text in found[name].requires or []:
            requirement = Requirement(text)
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return found


def site_packages(environment: Path) -> Path:
    """Return the folder that a virtual environment's packages are in."""
    (site,) = environment.glob("lib/python*/site-packages")
    return site


def link_packages(names: list[str], environment: Path) -> list[str]:
    """Link the packages named, and all they require; return which were linked."""
    site = site_packages(environment)
    there = {canonical(dist.name) for dist in distributions(path=[str(site)])}
    missing = {k: dist for k, dist in closure(names).items() if k not in there}
    for dist in missing.values():
        base = Path(dist.locate_file("")).resolve()
        for top in {file.parts[0] for file in dist.files or []}:
            link = site / top
            if top not in ("..", "__pycache__") and not link.exists():
                link.symlink_to(base / top)
    return sorted(missing)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python tools/linked.py FOLDER PACKAGE...")
    print("linked:", *link_packages(sys.argv[2:], Path(sys.argv[1])))
