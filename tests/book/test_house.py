"""The house: files and functions that one can read in one go."""

import ast
import re
import subprocess
from pathlib import Path

import pytest
from repository import ROOT

FILE_LINES, FUNCTION_LINES = 450, 80
REASON = re.compile(r"^# Long because ", re.M)


def python_files() -> list[Path]:
    """List the Python files that git knows or would take."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "*.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [path for name in done.stdout.split() if (path := ROOT / name).is_file()]


def functions(tree: ast.AST):
    """Give every function with its length, its docstring not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, *_ = node.body
            told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            docstring = first.end_lineno - first.lineno + 1 if told else 0
            yield node.name, node.end_lineno - node.lineno + 1 - docstring


def test_a_long_file_says_why_it_is_long():
    for path in python_files():
        text = path.read_text("utf-8")
        long = len(text.splitlines()) > FILE_LINES
        assert long == bool(REASON.search(text)), path.relative_to(ROOT)


def test_a_long_function_stands_in_a_file_that_says_why():
    for path in python_files():
        text = path.read_text("utf-8")
        if REASON.search(text):
            continue
        for name, lines in functions(ast.parse(text)):
            assert lines <= FUNCTION_LINES, f"{path.relative_to(ROOT)}: {name} {lines}"


def test_a_docstring_does_not_count():
    code = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert list(functions(ast.parse(code))) == [("f", 2)]


def test_only_the_fixture_asks_which_devices_there_are():
    asking = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"(cuda|mps)\.is_available\(\)", path.read_text("utf-8"))
    ]
    assert asking == ["tests/conftest.py"]
