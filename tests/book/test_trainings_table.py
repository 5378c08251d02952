"""The table of chapter 2 that says how long and at which rate its networks trained."""

import re

import nbformat
import pytest
from repository import BOOK

from coordlib.lab.experiments.normalisation import mechanism
from coordlib.lab.record import results

TEXT = "\n".join(
    cell.source
    for cell in nbformat.read(BOOK / "coordinate-failure.ipynb", as_version=4).cells
)
TABLE = [
    tuple(part.strip() for part in line.strip("|").split("|"))
    for line in re.findall(r"^\| .* \|$", TEXT, re.M)
][1:]

# By what a row is called and its size, the experiment that it is about.
SWEEPS = {
    ("the line-up", "half"): "normalisation-suspects",
    ("the nine sizes", "half"): "normalisation-sizes",
    ("rates, left", "half"): "normalisation-rates",
    ("rates, right", "full"): "normalisation-tuning",
    ("long trainings", "half"): "normalisation-extremes",
    ("four painters, transposed", "full"): "normalisation",
    ("four painters, CoordConv", "full"): "normalisation",
    ("other layers, transposed", "half"): "normalisation-company",
    ("other layers, CoordConv", "half"): "normalisation-company",
    ("other layers, transposed", "full"): "normalisation-full-size",
    ("squares", "half"): "normalisation-rendering",
    ("regressors", "full"): "coordinate-regression",
}


def told(name: str, size: str) -> tuple[str, str, str]:
    """Give epochs, rate and seeds as the table has them."""
    [row] = [row for row in TABLE if row[:2] == (name, size)]
    return row[2:]


def numbers(text: str) -> set[float]:
    return {float(n) for n in re.findall(r"\d[\d.]*", text.replace(",", ""))}


def test_the_table_has_a_row_for_each_sweep():
    names = "trained on this page", "company, transposed", "company, CoordConv"
    others = {(name, "half") for name in names}
    assert {row[:2] for row in TABLE} == SWEEPS.keys() | others


@pytest.mark.parametrize(("name", "size"), SWEEPS)
def test_a_row_is_as_its_experiment_was_run(name, size):
    found = results.best(SWEEPS[name, size])
    epochs, rate, seeds = told(name, size)
    assert found.config["size"] == {"half": 32, "full": 64}[size]
    assert int(seeds) == len(found.seeds)
    # What these results hold besides is not what the row is about.
    shown = [
        run
        for run in found.runs
        if run["arm"].startswith("coordconv") == name.endswith("CoordConv")
        and not (name == "long trainings" and run["training"]["epochs"] != 1000)
    ]
    # One that counts its updates has no epochs.
    trained = {run["training"]["epochs"] for run in shown} - {None}
    assert numbers(epochs) == trained
    rates = {run["lr"] for run in shown}
    if "seven" in rate:
        assert len(rates) == 7
    elif "its best" not in rate and rate != "the same" and name != "the line-up":
        assert rates >= numbers(rate) != set()


@pytest.mark.parametrize("painter", ["transposed", "CoordConv"])
def test_the_company_is_exchanged_as_the_other_layers_train(painter):
    """The experiment trains by the recipe of half size, and once by a high rate."""
    epochs, rate, seeds = told(f"company, {painter}", "half")
    others = told(f"other layers, {painter}", "half")
    found = results.best("normalisation-mechanism")
    assert found.config["size"] == 32 and len(found.seeds) == int(seeds)
    assert epochs == others[0]
    high = mechanism.FAST["deconv" if painter == "transposed" else "coordconv"]
    assert numbers(rate) == numbers(others[1]) | {high}
