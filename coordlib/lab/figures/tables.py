"""Tables and trees that read well on the page, in a terminal and aloud.

Written out, because pandas, which nothing else here needs, would give headers without
a scope, links as escaped text, and another text in the terminal than this one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import mean, stdev

from coordlib.arguments import check_integer


def spread_note(trainings: int) -> str:
    """What ± means, for below a table of :func:`mean_and_spread`.

    Parameters
    ----------
    trainings : int
        How many the mean is over, at least 2.
    """
    check_integer("trainings", trainings, at_least=2)
    return f"Mean ± standard deviation of {trainings} trainings."


def mean_and_spread(values: Sequence[float], digits: int = 2) -> str:
    """Write the mean over seeds, and after it their standard deviation.

    Parameters
    ----------
    values : sequence of float
        One for each seed. A single one has no spread, and none is written.
    digits : int
        After the point.

    Examples
    --------
    >>> mean_and_spread([1.0, 3.0])
    '2.00 ± 1.41'
    >>> mean_and_spread([0.25], digits=1)
    '0.2'
    """
    if len(values) == 0:
        raise ValueError("values is empty: give one for each seed")
    text = f"{mean(values):.{digits}f}"
    return f"{text} ± {stdev(values):.{digits}f}" if len(values) > 1 else text


@dataclass(frozen=True)
class Linked:
    """A cell of a table that leads to the page where it comes from.

    Parameters
    ----------
    text : str
    page : str
        A page of the book, such as ``"coordconv"``.
    """

    text: str
    page: str

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.page)}.html">{escape(self.text)}</a>'


@dataclass(frozen=True)
class Table:
    """A table that a notebook shows, as HTML where it can and as text elsewhere.

    Parameters
    ----------
    head : sequence of str
        The names of the columns. The first column names the rows.
    rows : sequence of sequences of str or Linked
        Each as long as ``head``, with a string first.
    note : str
        What stands below, such as what a cell holds.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str | Linked]]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"{len(self.head)} columns, but a row is {row}")

    def __repr__(self) -> str:
        lines = [self.head, *([str(cell) for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = "\n".join(
            "  ".join(
                [line[0].ljust(widths[0])]
                + [c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True)]
            ).rstrip()
            for line in lines
        )
        return f"{text}\n{self.note}" if self.note else text

    def _repr_html_(self) -> str:
        note = f'<p class="table-note">{escape(self.note)}</p>' if self.note else ""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.head)
        body = "".join(
            f'<tr><th scope="row">{_unbroken(escape(row[0]))}</th>'
            + "".join(f"<td>{_unbroken(_html(cell))}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        return (
            f'<table class="dataframe"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table>{note}"
        )


@dataclass(frozen=True)
class Tree:
    """A tree of decisions that a notebook shows, as nested lists where it can.

    Parameters
    ----------
    question : str
    branches : mapping of str to Tree or sequence of (str or Linked)
        By answer the next question, or what to do, in lines.
    """

    question: str
    branches: Mapping[str, "Tree | Sequence[str | Linked]"]

    def __post_init__(self) -> None:
        if not self.branches:
            raise ValueError(f"branches of {self.question!r} must not be empty")

    def __repr__(self) -> str:
        lines = [self.question]
        for answer, then in self.branches.items():
            below = repr(then).splitlines() if isinstance(then, Tree) else then
            lines += [f"- {answer}", *(f"    {line}" for line in below)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f'<div class="tree">{self._nested()}</div>'

    def _nested(self) -> str:
        items = ""
        for answer, then in self.branches.items():
            if isinstance(then, Tree):
                below = then._nested()
            else:
                below = "".join(f"<p>{_html(line)}</p>" for line in then)
            items += f"<li><strong>{escape(answer)}</strong>{below}</li>"
        return f"<p>{escape(self.question)}</p><ul>{items}</ul>"


def _unbroken(cell: str) -> str:
    """Keep what belongs to a number on its line: its unit, its spread, its interval.

    >>> print(_unbroken("after 0.5 ± 0.1 px").replace("\N{NO-BREAK SPACE}", "_"))
    after 0.5_±_0.1_px
    """
    for held in (
        r"[(\[][^()\[\]]{,20}\d[)\]]",
        r"(?<=[\d±→]) (?![(\[])| (?=[±→])",
    ):
        cell = re.sub(held, _without_breaks, cell)
    return cell


def _without_breaks(found: re.Match) -> str:
    return found[0].replace(" ", "\N{NO-BREAK SPACE}")


def _html(cell: str | Linked) -> str:
    return cell._repr_html_() if isinstance(cell, Linked) else escape(cell)
