"""The recipes of CONTRIBUTING.md, followed from the text alone."""

import re
import sys
import textwrap
from importlib.util import module_from_spec, spec_from_file_location

import pytest
import torch
import yaml
from browsing import computed
from repository import ROOT
from torch import fx

from coordlib import shift
from coordlib.lab import experiments
from coordlib.lab.record import ledger

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def block(section: str, language: str) -> str:
    """Give the first block of code in a section, without the list's indent."""
    _, _, after = TEXT.partition(f"## {section}\n")
    found = re.search(rf"^( *)```{language}\n(.*?)^\1```$", after, re.M | re.S)
    return textwrap.dedent(found[2])


def loaded(name, file, monkeypatch):
    """Give what a file defines, as the module that it would be in its place."""
    spec = spec_from_file_location(name, file)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_experiment_and_the_claim_of_the_recipes_work(tmp_path, monkeypatch):
    file = tmp_path / "mean_shift.py"
    file.write_text(block("Add an experiment", "python"))
    loaded("coordlib.lab.experiments.mean_shift", file, monkeypatch)
    monkeypatch.setitem(experiments.MODULES, "mean-shift", "mean_shift")
    quiet = {"device": "cpu", "where": tmp_path, "report": lambda line: None}
    result = experiments.run("mean-shift", "cpu", seeds=range(5), **quiet)
    assert result.mean("difference", direction="down") < 1e-6

    claims = tmp_path / "claims.yml"
    claims.write_text(block("Add a claim", "yaml"))
    assert yaml.safe_load(claims.read_text())
    [entry] = ledger.ledger(claims, tmp_path)
    assert entry.verdict == "supported"


def test_the_figure_of_the_recipe_computes_what_a_shift_does(
    tmp_path, monkeypatch, browser
):
    for ending, language in (("js", "js"), ("py", "python")):
        file = tmp_path / f"rolled_row.{ending}"
        file.write_text(block("Add a figure", language))
    name = "coordlib.lab.figures.interactive.rolled_row"
    values = [0.0, 0.25, 0.5, 1.0]
    figure = loaded(name, file, monkeypatch).RolledRow(values=values, by=1)
    assert repr(figure) == "RolledRow(by=1)"
    page = browser.new_page()
    page.goto("about:blank")
    assert computed(page, figure) == {"moved": shift(torch.tensor(values), 1).tolist()}
    page.close()


def test_the_layer_of_the_recipe_is_what_it_says(tmp_path, monkeypatch):
    file = tmp_path / "roll.py"
    file.write_text(block("Add a layer", "python"))
    kind = loaded("coordlib.layers.roll", file, monkeypatch).Roll2d
    x = torch.rand(2, 3, 5, 4)
    assert torch.equal(kind(1, -2)(x), shift(x, (1, -2)))
    assert torch.equal(fx.symbolic_trace(kind(1, -2))(x), shift(x, (1, -2)))
    with pytest.raises(TypeError, match="right must be an integer"):
        kind(right=0.5)
    with pytest.raises(ValueError, match="input must have 2 spatial axes"):
        kind()(x[0, 0])
