"""The repository's address stands in its places only and moves in one step."""

import re
import shutil
import subprocess
import tomllib

import nbformat
import pytest
from markdown_it import MarkdownIt
from repository import BOOK, HOLDERS, ROOT, address, move, owner_and_name, setup_cell

CLONE_BYTES = 40_000_000
README = ROOT / "README.md"
NEW = "https://github.com/Somebody-Else/where-is-it-2"


def written_in(text: str) -> bool:
    return owner_and_name(address()) in text


def test_every_holder_writes_the_address():
    assert all(written_in((ROOT / name).read_text("utf-8")) for name in HOLDERS)


def test_nothing_else_writes_the_address():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if name in HOLDERS or not path.is_file():
            continue
        if path.parent == BOOK and path.suffix == ".ipynb":
            # Counted in the cells' sources: an output may not show it either.
            notebook = nbformat.read(path, as_version=4)
            sources = [cell.source for cell in notebook.cells]
            outputs = [str(cell.get("outputs", "")) for cell in notebook.cells]
            others = [source for source in sources if source != setup_cell()]
            assert not any(map(written_in, others + outputs)), name
        else:
            assert not written_in(path.read_text("utf-8", errors="ignore")), name


def test_the_readme_is_a_page_elsewhere_too():
    """A package index shows it without the files around it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["readme"] == "README.md"
    html = MarkdownIt("commonmark").enable("table").render(README.read_text("utf-8"))
    links = re.findall(r'(?:href|src)="([^"]+)"', html)
    assert [link for link in links if not re.match("https?://", link)] == []
    own = [re.match(rf"{address()}/(blob|raw)/main/(.+)", link) for link in links]
    named = [match[2] for match in own if match]
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []
    text = re.sub("<(?:code|pre).*?</(?:code|pre)>", "", html, flags=re.DOTALL)
    assert "][" not in text and "](" not in text  # no link without its address


def test_a_clone_is_small():
    """Count what a clone fetches, however this checkout stores it."""
    command = ["git", "pack-objects", "--revs", "--stdout", "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, input=b"HEAD\n")
    if done.returncode:
        pytest.skip("not a git checkout")
    assert 0 < len(done.stdout) <= CLONE_BYTES


@pytest.fixture
def copy(tmp_path):
    """Copy all that may write the address."""
    (tmp_path / "book").mkdir()
    for path in [*(ROOT / name for name in HOLDERS), *BOOK.glob("*.ipynb")]:
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    return tmp_path


@pytest.mark.parametrize("url", [NEW, f"{NEW}/", f"{NEW}.git", f"{address()}-too"])
def test_move_changes_every_place(copy, url):
    changed = {path.name for path in move(url, copy)}
    new = url.rstrip("/").removesuffix(".git")
    assert changed >= set(HOLDERS)
    for path in copy.rglob("*.*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert new in text, path
            assert not written_in(text.replace(owner_and_name(new), "")), path


def test_move_there_and_back_leaves_no_trace(copy, monkeypatch):
    before = {path: path.read_bytes() for path in copy.rglob("*.*") if path.is_file()}
    old = address()
    move(NEW, copy)
    monkeypatch.setattr("repository.address", lambda: NEW)
    move(old, copy)
    assert before == {path: path.read_bytes() for path in before}


@pytest.mark.parametrize("url", ["", "github.com/a/b", "https://github.com/a", "x y"])
def test_move_refuses_what_is_no_address(copy, url):
    before = (copy / "README.md").read_bytes()
    with pytest.raises(ValueError, match="expected https://HOST/OWNER/NAME"):
        move(url, copy)
    assert (copy / "README.md").read_bytes() == before


def test_set_up_cell_is_short_and_names_the_address():
    lines = setup_cell().splitlines()
    assert len(lines) <= 16
    assert max(map(len, lines)) <= 72
    assert address() in setup_cell()
