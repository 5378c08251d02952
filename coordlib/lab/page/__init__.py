"""What every page of the book needs: who ran it, results, verdicts, exercises."""

from collections.abc import Callable, Sequence
from datetime import date
from html import escape
from typing import Any

from coordlib.arguments import check_callable, check_instance, check_sequence
from coordlib.lab.record import ledger, results
from coordlib.lab.record.device import best_device, spare_cpu
from coordlib.lab.record.result import Result


class Html:
    """A piece of a page; notebooks show it, and need no package for that."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        # The usual one holds an address, which is another one in every run.
        return f"<{type(self).__name__}>"

    def _repr_html_(self) -> str:
        return self.text


def about() -> None:
    """Print the versions and the device in use, and today's date, on one line.

    It is the first call of every page, so it also readies the CPU for what follows;
    see :func:`coordlib.lab.training.device.spare_cpu`.

    Examples
    --------
    >>> about()  # doctest: +SKIP
    coordlib 1.0.0 · Python 3.11.7 · torch 2.13.0 · numpy 2.4.6 · cpu · 2026-11-28
    """
    spare_cpu()
    used = results.versions()
    print(
        f"coordlib {used['coordlib']} · Python {used['python']}"
        f" · torch {used['torch'].split('+')[0]}"
        f" · numpy {used['numpy']} · {best_device()} · {date.today()}"
    )


def read(name: str, *, arms: Sequence[str] = ()) -> Result:
    """Give the largest result of an experiment that has these arms, and say which."""
    check_instance("name", name, str, "a text")
    result = results.best(name, arms=arms)
    if result is None:
        raise ValueError(f"{name} was not measured: '{results.command(name)}'")
    seeds = len(result.seeds)
    print(f"{name}: {result.preset} size, {seeds} seed{'s' * (seeds > 1)}")
    return result


def together(*names: str) -> list[Result]:
    """The results of experiments at the largest preset that each has a seed of.

    For what is compared across experiments, such as an arm and its control.

    Raises
    ------
    FileNotFoundError
        If there is no such preset.
    """
    for preset in reversed(results.PRESETS):
        places = [results.path(name, preset) for name in names]
        there = [results.load(place) for place in places if place.exists()]
        if len(there) == len(places) and all(result.seeds for result in there):
            return there
    raise FileNotFoundError(f"no preset at which all have a seed: {', '.join(names)}")


_WORDS = (
    "δ is the smallest effect that matters. A <i>gate</i> is what must hold before "
    "there is anything to judge, such as a baseline that has learned its task. A "
    "<i>clause</i> is one of the things that a claim says; the weakest decides. The "
    "page of the ledger explains the other words."
)


def verdicts(*claims: str) -> Html:
    """Show the rows of the ledger with these ids, folded, and what their words mean.

    Raises
    ------
    TypeError, ValueError
        If there is no such row.
    """
    check_sequence("claims", claims, str, "ids")
    entries = ledger.ledger()
    if unknown := set(claims) - {entry.claim.id for entry in entries}:
        raise ValueError(f"claims must be ids of the ledger, got {sorted(unknown)}")
    rows = ledger.folded([e for e in entries if e.claim.id in claims])
    return Html(f'<div class="claims">{rows}<p><small>{_WORDS}</small></p></div>')


def check(
    answer: Any, is_right: Callable[[Any], bool], hint: str | Callable[[Any], str]
) -> None:
    """Say whether the answer to an exercise is right, and help if it is not.

    Parameters
    ----------
    answer : object
        None until the reader has answered.
    is_right : callable
        Takes the answer.
    hint : str or callable
        What to say of a wrong answer; a callable takes it.
    """
    check_callable("is_right", is_right)
    if not callable(hint):
        check_instance("hint", hint, str, "a text or a function")
    if answer is None:
        print("Not answered yet.")
    elif is_right(answer):
        print("Correct.")
    else:
        print(f"Not yet. {hint(answer) if callable(hint) else hint}")


def table(caption: str, head: list[str], rows: list[list]) -> Html:
    """Show a table with a caption; the first cell of a row is its heading."""
    check_instance("caption", caption, str, "a text")
    check_sequence("head", head, str, "names")
    check_sequence("rows", rows, list | tuple, "rows")
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(str(first))}</th>'
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return Html(
        f'<table class="dataframe"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    )
