"""Calls with one argument that does not belong there, and how they end."""

import math
import re
import threading
import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

SECONDS = 30  # much, for a machine may be busy; only what hangs takes them

ARRAY, PAIR = np.ones(3), torch.ones(2)
_INTEGER = {
    "None": None,
    "string": "3",
    "float": 2.5,
    "nan": math.nan,
    "complex": 1j,
    "bool": True,
    "dict": {},
    "array": ARRAY,
    "tensor": PAIR,
    "huge": 10**30,
}
WRONG = {
    "count": _INTEGER | {"list": [2], "zero": 0, "negative": -3, "trillion": 10**12},
    "integer": _INTEGER | {"list": [2], "zero": 0, "negative": -3},
    "sizes": _INTEGER
    | {
        "zero": 0,
        "negative": -3,
        "empty": (),
        "many": (5,) * 7,
        "zeros": (0, 0),
        "negatives": (-4, -4),
        "floats": (2.5, 2.5),
        "strings": ("a", "b"),
        "nested": [[4, 4]],
    },
    "taps": _INTEGER | {"zero": 0, "negative": -3, "thousands": 10**5},
    "number": {
        "None": None,
        "string": "1",
        "nan": math.nan,
        "complex": 1j,
        "list": [1.0],
        "dict": {},
        "array": ARRAY,
        "tensor": PAIR,
        "zero": 0.0,
        "negative": -1.0,
        "infinite": math.inf,
    },
    "share": {
        "None": None,
        "string": "1",
        "nan": math.nan,
        "complex": 1j,
        "list": [1.0],
        "array": ARRAY,
        "tensor": PAIR,
        "negative": -1.0,
        "two": 2.0,
        "infinite": math.inf,
    },
    "pair": {
        "None": None,
        "string": "ab",
        "number": 0.5,
        "empty": (),
        "three": (0.1, 0.2, 0.3),
        "strings": ("a", "b"),
        "nans": (math.nan, math.nan),
        "negatives": (-0.5, -0.5),
        "nones": (None, None),
        "dict": {},
    },
    "flag": {
        "None": None,
        "string": "no",
        "number": 2,
        "nan": math.nan,
        "list": [],
        "array": ARRAY,
        "tensor": PAIR,
    },
    "choice": {
        "None": None,
        "unknown": "nonsense",
        "empty": "",
        "number": 31,
        "nan": math.nan,
        "list": ["zeros"],
        "dict": {},
        "array": ARRAY,
        "tensor": PAIR,
    },
    "dtype": {
        "string": "float32",
        "number": 3,
        "integers": torch.int64,
        "complex": torch.complex64,
        "list": [],
        "tensor": PAIR,
    },
    "device": {"unknown": "nowhere", "empty": "", "float": 2.5, "list": []},
    "module": {
        "None": None,
        "string": "resnet",
        "number": 3,
        "class": nn.Linear,
        "function": abs,
        "tensor": PAIR,
    },
    "callable": {
        "None": None,
        "string": "f",
        "number": 3,
        "list": [],
        "tensor": PAIR,
        "returns none": lambda *_: None,
    },
    "list": {
        "None": None,
        "number": 3,
        "float": 2.5,
        "string": "abc",
        "numbers": [1.5],
        "nones": [None],
    },
    "text": {
        "None": None,
        "number": 3,
        "bytes": b"name",
        "list": [],
        "tensor": PAIR,
        "empty": "",
    },
    "numbers": {
        "None": None,
        "number": 0.5,
        "string": "abc",
        "strings": ["a", "b"],
        "empty": [],
        "dict": {},
        "ragged": [[1.0], [1.0, 2.0]],
        "table": [[1.0, 2.0], [3.0, 4.0]],
        "complex": [1j, 2j],
        "nones": [None, None],
        "infinite": [math.inf, 1.0],
    },
    "bar": {"None": None, "number": 2, "float": 0.5, "list": [], "tensor": PAIR},
    "generator": {"None": None, "string": "cpu", "number": 3, "list": []},
    "path": {"number": 3, "float": 2.5, "list": [], "dict": {}, "tensor": PAIR},
    "record": {"None": None, "string": "data", "number": 3, "list": [], "tensor": PAIR},
}


def wrong_tensors(valid):
    """What does not belong where this tensor does."""
    return {
        "None": None,
        "string": "tensor",
        "number": 3.0,
        "list": valid.tolist(),
        "array": valid.numpy(),
        "scalar": torch.ones((), dtype=valid.dtype),
        "axes": valid[(None,) * 3],
        "complex": valid.to(torch.complex64),
        "bools": valid.bool(),
    }


@dataclass
class Call:
    """A valid call, the kind of each argument, and what else an argument accepts."""

    name: str
    function: object
    base: dict
    kinds: dict
    valid: dict = field(default_factory=dict)
    torchs: tuple = ()
    errors: tuple = (TypeError, ValueError)


def used(kind, *forward):
    """Make a layer from some arguments and call it with the others."""
    forward = forward or ("input",)

    def call(**given):
        inputs = [given.pop(name) for name in forward]
        return kind(**given)(*inputs)

    return call


def wrong_values(call, argument):
    kind = call.kinds[argument]
    values = wrong_tensors(call.base[argument]) if kind == "tensor" else WRONG[kind]
    fine = call.valid.get(argument, ())
    return {label: value for label, value in values.items() if label not in fine}


def outcome(call, arguments, argument):
    """Call with a limit of time; say how it ended, and with which words."""
    said = []

    def run():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                said.append(("silent", repr(call.function(**arguments))[:60]))
        except Exception as error:
            clear = isinstance(error, call.errors)
            named = re.search(rf"\b{argument}\b", str(error))
            how = "named" if clear and named else "unnamed" if clear else "other"
            said.append((how, f"{type(error).__name__}: {str(error)[:90]}"))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return said[0] if said else ("hangs", f"for more than {SECONDS} s")


def ends_of(calls):
    """Every hostile call with its end."""
    found = []
    for call in calls:
        for argument in call.kinds:
            for label, value in wrong_values(call, argument).items():
                arguments = call.base | {argument: value}
                how, words = outcome(call, arguments, argument)
                if argument in call.torchs and how in ("unnamed", "other"):
                    how = "torch's own"
                found.append((call.name, argument, label, how, words))
    return found


def hanging(ends):
    """Those that did not end."""
    return [end for end in ends if end[3] == "hangs"]


def unnamed(ends):
    """Those that name no argument, torch's own apart; printed, with the counts."""
    count = Counter(how for _, _, _, how, _ in ends)
    print(f"\n{len(ends)} hostile calls: {dict(count)}")
    others = [end for end in ends if end[3] not in ("named", "torch's own")]
    for end in others:
        print(*end, sep=" | ")
    return others
