"""Workflows run what is pinned, and may no more than they must."""

import re

import pytest
import yaml
from repository import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

pytestmark = pytest.mark.parametrize(
    "path", WORKFLOWS, ids=[path.stem for path in WORKFLOWS]
)


def test_actions_are_pinned_by_their_full_hash(path):
    for line in re.findall(r"uses: .*", path.read_text("utf-8")):
        assert re.fullmatch(r"uses: [\w./-]+@[0-9a-f]{40} # v[\d.]+", line), line


def test_permissions_are_to_read_and_jobs_ask_for_more(path):
    workflow = yaml.safe_load(path.read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    more = {
        name: job["permissions"]
        for name, job in workflow["jobs"].items()
        if "permissions" in job
    }
    allowed = {
        "publish": {"deploy": {"pages": "write", "id-token": "write"}},
        "release": {"release": {"contents": "write"}},
    }
    assert more == allowed.get(path.stem, {})


def test_what_they_make_can_be_made(path):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    for command in re.findall(r"\bmake ([a-z ]+)", path.read_text("utf-8")):
        assert set(command.split()) <= targets, command


def test_checkouts_leave_no_credentials(path):
    workflow = yaml.safe_load(path.read_text("utf-8"))
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}
