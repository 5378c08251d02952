"""A claim about an experiment, and what it measured, made by hand."""

import numpy as np
from made import result_rows

from coordlib.lab.record.claims import Claim, Clause, Reading
from coordlib.lab.record.judging import decide
from coordlib.lab.record.result import Result

QUANTITIES = {"a": {"metric": "a"}, "b": {"metric": "b"}}
MATTERS = {"delta": 1, "reason": "r"}


def claim(*clauses, gates=None, **more):
    """A claim about the experiment "trial"."""
    told = {
        "experiment": "trial",
        "scale": "reduced",
        "design": "5 seeds, paired",
        "decided": "before",
        "quantities": QUANTITIES,
        "measured": "{a:.1f}",
        "reading": Reading(gates or {}, clauses),
    }
    return Claim("X1", "source", "t", "c", "1", "somewhere", "page", **(told | more))


def result(a, b=0.0):
    """What the experiment "trial" measured: a and b of each seed."""
    both = zip(a, np.broadcast_to(b, len(a)), strict=True)
    found = result_rows({n: {"a": x, "b": float(y)} for n, (x, y) in enumerate(both)})
    run = {"date": "2026-01-02", "seconds": 360.0}
    provenance = {str(n): run for n in range(len(a))}
    return Result("trial", "cpu", {}, found, provenance)


def judge(a, b=0.0, **more):
    more.setdefault("clauses", (Clause("more", "difference", "a - b", MATTERS),))
    return decide(claim(*more.pop("clauses"), **more), {"trial": result(a, b)})


FIVE = (2.0, 2.1, 2.2, 2.3, 2.4)
