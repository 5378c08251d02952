"""What the bibliography lists, the pages cite."""

import re

from author_years import AuthorYearLabels, AuthorYearStyle
from pybtex.database import Entry, Person, parse_file
from pybtex.plugin import find_plugin
from repository import BOOK


def test_each_work_is_cited_on_a_page():
    listed = re.findall(
        r"^@\w+\{(.+),", (BOOK / "references.bib").read_text("utf-8"), re.M
    )
    pages = [*BOOK.glob("*.ipynb"), *BOOK.glob("*.md")]
    text = "".join(path.read_text("utf-8") for path in pages)
    cited = {
        key.strip()
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
        for key in keys.split(",")
    }
    assert len(listed) == len(set(listed)) > 0
    assert set(listed) - cited == set()


def test_a_work_is_listed_as_it_is_cited():
    style = AuthorYearStyle()
    works = parse_file(str(BOOK / "references.bib"))
    listed = {one.key: one for one in style.format_bibliography(works)}
    labels = [one.label for one in listed.values()]
    assert len(set(labels)) == len(labels) == len(works.entries)
    order = [label.replace(",", "").lower() for label in labels]
    assert order == sorted(order)
    told = {
        "liu2018coordconv": "Liu et al., 2018",
        "azulay2019": "Azulay and Weiss, 2019",
        "pfrendl2022": "pfrendl, 2022",
    }
    assert {key: listed[key].label for key in told} == told
    for one in listed.values():
        shown = one.text.render(find_plugin("pybtex.backends", "html")())
        assert shown.count("arxiv.org") <= 1 and ">https://" not in shown, one.key
    shown = listed["pfrendl2022"].text.render(find_plugin("pybtex.backends", "html")())
    assert '"https://github.com/pfrendl/coord_conv">github.com/pfrendl/' in shown


def test_works_of_the_same_authors_and_year_are_told_apart():
    fields, people = {"year": "2018"}, {"author": [Person("Liu, Rosanne")]}
    works = [Entry("misc", fields, people), Entry("misc", fields, people)]
    told = ["Liu, 2018a", "Liu, 2018b"]
    assert list(AuthorYearLabels().format_labels(works)) == told
