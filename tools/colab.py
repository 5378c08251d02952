"""What Colab has: the list in ``colab-versions.txt``, beside the one it publishes.

``python tools/colab.py published`` says what Colab has changed since, and fails if that
concerns a package which the chapters use; ``python tools/colab.py update`` takes the
published versions over. Both need the network, and nothing else of the book.
"""

import re
import sys
from datetime import date
from pathlib import Path
from urllib.request import urlopen

from lock import canonical

LIST = Path(__file__).with_name("colab-versions.txt")
PUBLISHED = "https://raw.githubusercontent.com/googlecolab/backend-info/main/"
# Lines such as "numpy==2.1.3"; behind a "#" what the environment takes from elsewhere.
PIN = re.compile(r"^(?P<before>(?:# )?(?P<name>[\w.-]+)==)(?P<version>\S+)$", re.M)
# In the published list torch stands with the address of its build.
BUILD = re.compile(r"^(?P<name>torch) @ \S*/torch-(?P<version>[\d.]+)", re.M)
PYTHON = re.compile(r"^(?P<name>Python) (?P<version>[\d.]+)$", re.M)
IN_TURN = "# What those need in turn"


def versions(text: str) -> dict[str, str]:
    """Return the versions that a list names, by the name as indexes compare it."""
    found = [m for form in (PIN, BUILD, PYTHON) for m in form.finditer(text)]
    return {canonical(m["name"]): m["version"] for m in found}


def differences(ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """Say of each package of ours which other version Colab has, or that none."""
    return [
        f"{name}: {version} here, {theirs.get(name, 'none')} on Colab"
        for name, version in ours.items()
        if theirs.get(name) != version
    ]


def updated(text: str, theirs: dict[str, str], day: date) -> str:
    """Return our list with their versions, and without what they have no more."""
    lines = []
    for line in text.splitlines():
        pin = PIN.match(line)
        if not pin:
            lines.append(re.sub(r"as of [\d-]+", f"as of {day}", line))
        elif version := theirs.get(canonical(pin["name"])):
            lines.append(pin["before"] + version)
    return "\n".join(lines) + "\n"


def published() -> dict[str, str]:
    """Fetch Colab's list."""
    texts = []
    for name in ("pip-freeze.txt", "os-info.txt"):
        with urlopen(PUBLISHED + name, timeout=60) as answer:
            texts.append(answer.read().decode())
    return versions("\n".join(texts))


def main(arguments: list[str]) -> int:
    """Compare with the published list, or take it over; return the exit status."""
    if arguments not in (["published"], ["update"]):
        print("usage: python tools/colab.py published|update", file=sys.stderr)
        return 2
    text, theirs = LIST.read_text("utf-8"), published()
    if arguments == ["update"]:
        LIST.write_text(updated(text, theirs, date.today()), "utf-8")
        return 0
    used, needed = (versions(part) for part in text.split(IN_TURN))
    changed = differences(used, theirs)
    print("Of what the chapters use:", *(changed or ["nothing changed"]), sep="\n  ")
    also = differences(needed, theirs)
    print("Of what that needs in turn:", *(also or ["nothing changed"]), sep="\n  ")
    return bool(changed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
