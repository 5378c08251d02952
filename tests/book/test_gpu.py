"""What `make gpu` says about notebooks, and that it says what is missing."""

import os
import subprocess
import sys

import gpu
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from repository import ROOT

SETUP = "coordlib 0.1.0 · Python 3.{} · torch 2.{} · numpy 2.4.6 · {} · 2026-11-27\n"


def code(source, *outputs, **metadata):
    return new_code_cell(source, outputs=list(outputs), metadata=metadata)


def printed(text):
    return new_output("stream", name="stdout", text=text)


def failed(name="AssertionError", value=""):
    return new_output("error", ename=name, evalue=value, traceback=["where"])


def test_without_site_packages_each_missing_package_is_named():
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    command = [sys.executable, "-S", ROOT / "tools" / "gpu.py"]
    done = subprocess.run(command, env=keep, capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.split() == ["Missing", "here:", *gpu.NEEDED.values()]


def test_one_missing_package_is_named_and_nothing_runs(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "find_spec", lambda name: name != "yaml" or None)
    monkeypatch.setattr(gpu, "tests", lambda *args: pytest.fail("something ran"))
    assert gpu.main(["--device", "cpu"]) == 2
    assert capsys.readouterr().err == "Missing here: PyYAML\n"


def test_all_that_is_needed_is_pinned_for_the_book():
    pins = (ROOT / "requirements.txt").read_text("utf-8")
    assert all(f"\n{name}==" in pins for name in gpu.NEEDED.values())


def test_versions_days_and_times_are_no_difference():
    old = [code("about()", printed(SETUP.format(11, 13, "cpu") + "took 3.2 s\n"))]
    new = [code("about()", printed(SETUP.format(12, 11, "cuda") + "took 14 ms\n"))]
    assert gpu.compare(old, new) == ([], [])


def test_a_difference_is_told_with_its_cell_and_line():
    old = [new_markdown_cell("# A"), code("a"), code("f()", printed("1\nheld out 1\n"))]
    new = [new_markdown_cell("# A"), code("a"), code("f()", printed("1\nheld out 0\n"))]
    (line,) = gpu.compare(old, new)[1]
    assert line == "cell 2, 'f()': 'held out 1' became 'held out 0'"
    new[2].outputs = []
    assert gpu.compare(old, new)[1] == [
        "cell 2, 'f()': more or fewer lines than before"
    ]


def test_pictures_and_the_names_of_widgets_are_no_difference():
    def shown(what):
        data = {"text/plain": "A(i=1)", "image/png": what, gpu.VIEW: {"model_id": what}}
        return [code("a", new_output("display_data", data=data))]

    assert gpu.compare(shown("one"), shown("two")) == ([], [])


def test_streams_are_compared_however_they_were_cut():
    old, new = [printed("one\ntwo\n")], [printed("one\n"), printed("two\n")]
    assert gpu.compare([code("f()", *old)], [code("f()", *new)]) == ([], [])


def test_cells_that_nbval_leaves_out_are_left_out_but_their_errors_are_not():
    ignored = {"tags": ["nbval-ignore-output"]}
    old, new = (
        code("f()", printed("1"), **ignored),
        code("f()", printed("2"), **ignored),
    )
    assert gpu.compare([old], [new]) == ([], [])
    new.outputs = [failed(value="too far off")]
    assert gpu.compare([old], [new])[0] == [
        "cell 1, 'f()': AssertionError: too far off"
    ]


def test_an_error_that_is_meant_is_none_unless_it_says_something_else():
    meant = {"tags": ["raises-exception"]}
    old = [code("f()", failed(value="no"), **meant)]
    assert gpu.compare(old, old) == ([], [])
    errors, differing = gpu.compare(old, [code("f()", failed(value="yes"), **meant)])
    assert not errors and "'AssertionError: no' became" in differing[0]


def test_a_test_that_fails_makes_a_row_that_is_not_good(capsys, tmp_path):
    (tmp_path / "test_x.py").write_text("def test_x():\n    assert 1 == 2\n")
    row = gpu.tests([str(tmp_path), "-p", "no:cacheprovider"], 1)
    assert not row.good and row.result.startswith("1 failed")
    assert "assert 1 == 2" in capsys.readouterr().out


def test_the_table_marks_what_is_not_good():
    rows = [gpu.Row("tests", "9 passed", 3), gpu.Row("a", "1 errors", 5, good=False)]
    first, second = gpu.table(rows).splitlines()
    assert first.startswith("  tests") and second.startswith("! a")
