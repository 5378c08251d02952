"""List works as the pages cite them: a Sphinx extension.

``[Liu et al., 2018]`` on a page is ``[Liu et al., 2018]`` in the bibliography, which by
pybtex's own styles would be ``[LLM+18]``. The text of a link is its address without
``https://``: the theme cuts a whole address of GitHub to owner/name, on paper too.
"""

from collections import Counter
from collections.abc import Iterator

from pybtex.database import Entry, Person
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.alpha import Style
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.sorting import BaseSortingStyle
from pybtex.style.template import Node, field, href
from sphinx.application import Sphinx


class AuthorYearLabels(BaseLabelStyle):
    """Labels as sphinxcontrib-bibtex cites by author and year."""

    def format_labels(self, sorted_entries: list[Entry]) -> Iterator[str]:
        """Give each work its label; two that would have the same one get letters."""
        labels = [label(entry) for entry in sorted_entries]
        count, seen = Counter(labels), Counter()
        for one in labels:
            yield one + chr(ord("a") + seen[one]) * (count[one] > 1)
            seen[one] += 1


class AuthorYearSorting(BaseSortingStyle):
    """As the labels go: one author before several, an older work before a newer one."""

    def sorting_key(self, entry: Entry) -> tuple[str, str]:
        """Give what is compared."""
        return label(entry).replace(",", "").lower(), entry.fields["title"]


class AuthorYearStyle(Style):
    """The style ``alpha`` with other labels and shorter addresses."""

    default_label_style = AuthorYearLabels
    default_sorting_style = AuthorYearSorting

    def format_url(self, e: Entry) -> Node:
        """Give an address as a link without its scheme."""
        url = field("url", raw=True)
        shown = field("url", raw=True, apply_func=without_scheme)
        return href(url)[shown]


def label(entry: Entry) -> str:
    """Say by whom a work is, and of which year.

    >>> people = [Person("Liu, Rosanne"), Person("van Hasselt, Hado")]
    >>> label(Entry("misc", {"year": "2018"}, {"author": people}))
    'Liu and van Hasselt, 2018'
    """
    people = entry.persons["author"]
    names = [last_names(person) for person in people[:2]]
    told = f"{names[0]} et al." if len(people) > 2 else " and ".join(names)
    return f"{told}, {entry.fields['year']}"


def last_names(person: Person) -> str:
    """Give the last names of a person, with what stands before them."""
    return str(Text(" ").join(person.rich_prelast_names + person.rich_last_names))


def without_scheme(url: str) -> str:
    """Give an address without ``https://``."""
    return url.partition("://")[2]


def setup(app: Sphinx) -> dict[str, bool]:
    """Name the style to pybtex."""
    register_plugin("pybtex.style.formatting", "author-year", AuthorYearStyle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
