"""The gallery: every snippet stands alone, is short, and runs."""

import re
from importlib.util import find_spec

import pytest
from repository import BOOK

TEXT = (BOOK / "gallery.md").read_text("utf-8")
SNIPPETS = {
    title: code
    for title, code in re.findall(
        r"^## (.+?)\n.*?^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE
    )
}
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
def test_a_snippet_runs_alone_and_its_shapes_are_those_it_states(
    title, tmp_path, monkeypatch
):
    code = SNIPPETS[title]
    for package in ("timm", "onnxruntime"):
        if f"import {package}" in code and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code, title, "exec"), names)
    stated = re.findall(r"^(\w+) = .*?# (\([\d, ]+\))", code, re.MULTILINE)
    for name, shape in stated:
        assert tuple(names[name].shape) == tuple(map(int, re.findall(r"\d+", shape)))
    assert stated or "assert" in code or "print" in code or "load_state" in code
