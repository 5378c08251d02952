"""The gallery: every snippet stands alone, is short, and runs, as its index says."""

import re
from importlib.util import find_spec

import nbformat
import pytest
from repository import BOOK

TEXT = (BOOK / "gallery.md").read_text("utf-8")
SNIPPETS = {
    title: code
    for title, code in re.findall(
        r"^## (.+?)\n.*?^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE
    )
}
SHOWN = {
    title: printed
    for title, printed in re.findall(
        r"^## ([^\n]+)\n(?:(?!^## ).)*?^```text\n(.*?)^```", TEXT, re.DOTALL | re.M
    )
}
INDEX = re.findall(r"^- \[(.+?)\]\(#(.+?)\): (.+)$", TEXT, re.MULTILINE)
LINES, WIDTH = 15, 72


def test_there_are_eleven_places():
    assert len(SNIPPETS) == TEXT.count("\n## ") == TEXT.count("```python") == 11
    assert "Eleven uses of these layers" in TEXT


@pytest.mark.parametrize("title", SNIPPETS)
def test_a_snippet_is_short(title):
    lines = [line for line in SNIPPETS[title].splitlines() if line]
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("title", SNIPPETS)
def test_a_snippet_runs_alone_and_shapes_and_prints_what_it_states(
    title, tmp_path, monkeypatch, capsys
):
    code = SNIPPETS[title]
    for package in ("timm", "onnxruntime"):
        if f"import {package}" in code and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, title, "exec"), names)
    assert capsys.readouterr().out == SHOWN.get(title, "")
    stated = re.findall(r"^(\w+) = .*?# (\([\d, ]+\))", code, re.MULTILINE)
    for name, shape in stated:
        assert tuple(names[name].shape) == tuple(map(int, re.findall(r"\d+", shape)))
    assert stated or "assert" in code or "print" in code or "load_state" in code


def test_the_index_leads_to_every_snippet():
    labels = dict(re.findall(r"^\((.+)\)=\n## (.+)$", TEXT, re.MULTILINE))
    assert {label: title for title, label, _ in INDEX} == labels
    assert {title for title, *_ in INDEX} == set(SNIPPETS)


def printed_on(page):
    cells = nbformat.read(BOOK / page, as_version=4).cells
    texts = [
        output.get("text", "") + "".join(map(str, output.get("data", {}).values()))
        for cell in cells
        for output in cell.get("outputs", ())
    ]
    return " ".join(texts)


@pytest.mark.parametrize("gain", [gain for *_, gain in INDEX])
def test_a_gain_of_the_index_is_printed_on_the_page_it_links_to(gain):
    told, _, pages = gain.partition("([")
    for number in re.findall(r"[+-]?\d[\d.]*", told):
        [page] = re.findall(r"\((.+?\.ipynb)\)", pages)
        whole = rf"(?<![\d.]){re.escape(number)}(?![\d.]*\d)"
        assert re.search(whole, printed_on(page)), number


def test_an_interval_is_printed_on_a_page_that_the_gallery_links_to():
    pages = " ".join(map(printed_on, set(re.findall(r"\((\w[\w-]+\.ipynb)\)", TEXT))))
    intervals = re.findall(r"\S+ points \[.+?\]", TEXT)
    assert intervals and all(interval in pages for interval in intervals)
