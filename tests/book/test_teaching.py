"""What the page for teachers says of chapters and problems is what they say."""

import re

import nbformat
import pytest
from repository import BOOK

from coordlib.lab.page.problems import PROBLEMS, draw

PAGE = (BOOK / "teaching.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \[(.+)\]\((.+)\.ipynb\) \| (\d+) \| (.+?) \|", PAGE, re.M)
WRONG = re.findall(r"^\| (\d+) \| .+ \| \[(.+?)\]\((.+)\.ipynb\): .+ \|$", PAGE, re.M)
LAST = 11  # behind it stands the evidence, whose pages open in another way


def opening(name: str) -> str:
    source = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells[0].source
    return " ".join(source.split())


def is_shown(cell: nbformat.NotebookNode) -> bool:
    folded = {"hide-input", "hide-cell"} & set(cell.metadata.get("tags", ()))
    return cell.cell_type == "code" and not folded


def code_lines(cell: nbformat.NotebookNode) -> int:
    return sum(1 for line in cell.source.splitlines() if line.strip())


@pytest.mark.parametrize(("number", "title", "name", "minutes", "needs"), ROWS)
def test_a_chapter_is_as_its_own_opening_says(number, title, name, minutes, needs):
    text = opening(name)
    assert text.startswith(f"# {title} ")
    if int(number) > LAST:
        return
    assert f"Reading: {minutes} minutes" in text
    asked = text[text.index("You need ") :]
    for other in needs.replace("none", "").split(", "):
        assert not other or re.search(rf"\b{other}\b", asked)


@pytest.mark.parametrize(("number", "title", "name", "minutes", "needs"), ROWS)
def test_the_minutes_are_those_of_its_words_and_lines(
    number, title, name, minutes, needs
):
    cells = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells
    text = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    words = text.partition("\n## Exercises")[0].split()
    lines = sum(map(code_lines, filter(is_shown, cells)))
    # Within five, so that the page may grow by a paragraph.
    assert int(minutes) == pytest.approx(len(words) / 100 + lines / 30, abs=5)


def test_every_chapter_and_every_problem_is_listed():
    assert [int(row[0]) for row in ROWS] == list(range(1, 14))
    listed = re.findall(r"^\| `(.+)` \| (\d+) \|", PAGE, re.M)
    chapters = {row[0]: row[2] for row in ROWS}
    assert {name for name, _ in listed} == set(PROBLEMS)
    assert all(draw(name, 0).chapter == chapters[number] for name, number in listed)


def test_each_wrong_answer_is_refuted_in_a_section_that_is_there():
    chapters = {row[0]: row[2] for row in ROWS}
    assert [int(number) for number, *_ in WRONG] == list(range(1, LAST + 1))
    for number, section, name in WRONG:
        assert name == chapters[number]
        cells = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells
        text = "\n".join(c.source for c in cells if c.cell_type == "markdown")
        assert re.search(rf"^##+ {re.escape(section)}$", text, re.M), section


def test_the_rows_for_projects_cost_what_the_ledger_prints():
    text = " ".join(PAGE[PAGE.index("## Projects") :].split())
    told = re.findall(r"([LPZ]\d\d)\b[^.;]*?: (\d+) seeds, (\d+) h", text)
    cells = nbformat.read(BOOK / "ledger.ipynb", as_version=4).cells
    outputs = [o for c in cells for o in c.get("outputs", ())]
    html = "".join(o.get("data", {}).get("text/html", "") for o in outputs)
    printed = " ".join(re.sub(r"<[^>]+>", " ", html.replace("&nbsp;", " ")).split())
    assert {row for row, *_ in told} == {"P05", "Z10", "L15"}
    for row, seeds, hours in told:
        assert re.search(rf"\b{row} \d+ {seeds} seeds, {hours} h\b", printed), row
