"""The recipes of CONTRIBUTING.md, followed from the text alone."""

import re
import sys
import textwrap
from importlib.util import module_from_spec, spec_from_file_location

import yaml
from repository import ROOT

from coordlib.lab import experiments
from coordlib.lab.record import ledger

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def block(section: str, language: str) -> str:
    """Give the first block of code in a section, without the list's indent."""
    _, _, after = TEXT.partition(f"## {section}\n")
    found = re.search(rf"^( *)```{language}\n(.*?)^\1```$", after, re.M | re.S)
    return textwrap.dedent(found[2])


def test_the_experiment_and_the_claim_of_the_recipes_work(tmp_path, monkeypatch):
    file = tmp_path / "mean_shift.py"
    file.write_text(block("Add an experiment", "python"))
    name = "coordlib.lab.experiments.mean_shift"
    spec = spec_from_file_location(name, file)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(experiments.MODULES, "mean-shift", "mean_shift")
    quiet = {"device": "cpu", "where": tmp_path, "report": lambda line: None}
    result = experiments.run("mean-shift", "quick", seeds=range(5), **quiet)
    assert result.mean("difference", direction="down") < 1e-6

    claims = tmp_path / "claims.yml"
    claims.write_text(block("Add a claim", "yaml"))
    assert yaml.safe_load(claims.read_text())
    [entry] = ledger.ledger(claims, tmp_path)
    assert entry.verdict == "reproduced at smaller size"
