"""The list of what Colab has, beside what Colab publishes."""

from datetime import date

import colab
import pytest
from colab import differences, updated, versions

OURS = """\
# What Colab has, as of 2026-08-19.
# python==3.13.15
# torch==2.11.0
# What the chapters use:
ipywidgets==7.7.1
PyYAML==6.0.3
# What those need in turn, and torch:
backcall==0.2.0
"""
PUBLISHED = """\
# This is how it looks there.
backcall==0.2.0
google-colab @ file:///colabtools/dist/google_colab-1.0.0.tar.gz
ipywidgets==8.1.9
pyyaml==6.0.3
torch @ https://example.org/whl/cpu/torch-2.11.0%2Bcpu-cp313-manylinux_2_28_x86_64.whl
torchvision @ https://example.org/whl/torchvision-0.26.0%2Bcpu-cp313-linux.whl
Ubuntu 22.04.5 LTS
Python 3.13.15
"""


@pytest.fixture
def listed(monkeypatch, tmp_path):
    """Let the tool have this list, and Colab publish that one."""
    path = tmp_path / "list"
    path.write_text(OURS)
    monkeypatch.setattr(colab, "LIST", path)
    monkeypatch.setattr(colab, "published", lambda: versions(PUBLISHED))
    return path


def test_our_own_list_names_what_the_chapters_stand_on():
    found = versions(colab.LIST.read_text("utf-8"))
    named = {"python", "torch", "numpy", "ipython", "ipykernel", "ipywidgets"}
    assert named | {"anywidget", "matplotlib", "scipy", "traitlets"} <= set(found)


def test_torch_and_python_are_read_as_colab_publishes_them():
    found = versions(PUBLISHED)
    assert (found["torch"], found["python"]) == ("2.11.0", "3.13.15")
    assert "torchvision" not in found and "google-colab" not in found


def test_another_version_and_a_missing_package_are_told_and_no_spelling():
    assert differences(versions(OURS), versions(PUBLISHED)) == [
        "ipywidgets: 7.7.1 here, 8.1.9 on Colab"
    ]
    gone = PUBLISHED.replace("backcall==0.2.0\n", "")
    assert "backcall: 0.2.0 here, none on Colab" in differences(
        versions(OURS), versions(gone)
    )


def test_a_change_in_what_chapters_use_fails(listed, capsys):
    assert colab.main(["published"]) == 1
    assert "ipywidgets: 7.7.1 here, 8.1.9 on Colab" in capsys.readouterr().out


def test_a_change_in_what_that_needs_is_told_and_does_not_fail(listed, capsys):
    listed.write_text(OURS.replace("7.7.1", "8.1.9").replace("0.2.0", "0.1.0"))
    assert colab.main(["published"]) == 0
    assert "backcall: 0.1.0 here, 0.2.0 on Colab" in capsys.readouterr().out


def test_an_update_leaves_no_difference_and_tells_its_day(listed):
    gone = versions(PUBLISHED.replace("backcall==0.2.0\n", ""))
    new = updated(OURS, gone, date(2026, 11, 27))
    assert not differences(versions(new), gone)
    assert "as of 2026-11-27" in new and "PyYAML==6.0.3" in new
    assert colab.main(["update"]) == 0
    assert colab.main(["published"]) == 0


def test_other_words_are_refused(capsys):
    assert colab.main([]) == colab.main(["publish"]) == 2
    assert "published|update" in capsys.readouterr().err
