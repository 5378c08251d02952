"""Number the figures of a page that has no number from 1: a Sphinx extension.

Sphinx counts on from page to page, so that the only figure of one was "Fig. 3".
"""

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def from_one(app: Sphinx, env: BuildEnvironment) -> None:
    """Count the figures of each page without a number by themselves."""
    for kinds in env.toc_fignumbers.values():
        for numbers in kinds.values():
            alone = [name for name, number in numbers.items() if len(number) == 1]
            for n, name in enumerate(alone, 1):
                numbers[name] = (n,)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx, behind its own counting."""
    app.connect("env-check-consistency", from_one)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
