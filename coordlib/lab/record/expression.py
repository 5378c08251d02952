"""What a claim asks of numbers: ``low(with - without) >= 0.1``, and nothing but that.

Names stand for numbers, one a seed along the last axis. They may be added, taken away,
multiplied and divided; ``mean``, ``low`` and ``high`` (the ends of the 95 % interval),
``least``, ``most`` and ``spread`` (the standard deviation) take the seeds together;
``log10`` acts on each; ``apart`` takes each seed from its neighbour, two and two,
without the sign; and ``count(x, k)`` says how many of several are at least ``k``.
Python's own parser reads it; anything else is refused before a number is seen.
"""

import ast
import operator
import re
from collections.abc import Mapping

import numpy as np

from coordlib.lab.record.result import interval

_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_WORDS = {ast.Add: "plus", ast.Sub: "minus", ast.Mult: "times", ast.Div: "over"}
_TAKEN = {
    "mean": "the mean of",
    "least": "the least of",
    "most": "the largest of",
    "low": "the lower end of",
    "high": "the upper end of",
    "spread": "the standard deviation of",
    "log10": "log10 of",
    "apart": "the difference of two trainings in",
}
_COMPARISONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
SIGNS = {
    "<=": "at most",
    ">=": "at least",
    "==": "exactly",
    "<": "less than",
    ">": "more than",
}
"""The comparisons, in words."""
_COMPARISON = re.compile(r"(.+?)(<=|>=|==|<|>)\s*([-+]?\d*\.?\d+(?:e[-+]?\d+)?)\s*")
FUNCTIONS = {
    "mean": lambda x: x.mean(-1),
    "least": lambda x: x.min(-1),
    "most": lambda x: x.max(-1),
    "low": lambda x: interval(x)[0],
    "high": lambda x: interval(x)[1],
    "spread": lambda x: x.std(-1, ddof=1),
    "log10": np.log10,
    "apart": lambda x: np.abs(x[..., : x.shape[-1] // 2 * 2 : 2] - x[..., 1::2]),
    "count": lambda x, least: int((np.asarray(x) >= least).sum()),
}


def names(text: str) -> set[str]:
    """The quantities that an expression speaks of.

    Raises
    ------
    ValueError
        If it is none.
    """
    return {
        node.id
        for node in ast.walk(_tree(text))
        if isinstance(node, ast.Name) and node.id not in FUNCTIONS
    }


def value(text: str, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """What an expression is, given the numbers that its names stand for."""
    return np.asarray(_value(_tree(text), numbers), dtype=float)


def split_comparison(text: str) -> tuple[str, str, float]:
    """The expression, the sign and the number of a comparison.

    Raises
    ------
    ValueError
        If the text is not of the form ``expression >= number``.
    """
    if not isinstance(text, str) or not (found := _COMPARISON.fullmatch(text)):
        raise ValueError(f"{text!r} is not of the form 'quantity >= number'")
    expression, sign, number = found.groups()
    names(expression)
    return expression.strip(), sign, float(number)


def holds(text: str, numbers: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether a comparison holds, for each number."""
    expression, sign, number = split_comparison(text)
    return _COMPARISONS[sign](value(expression, numbers), number)


def told_apart(text: str, found: float, least: int = 3) -> str:
    """A number that a comparison is about, with as many digits as its answer needs."""
    _, sign, number = split_comparison(text)
    compare = _COMPARISONS[sign]
    rounded = (f"{found:.{digits}g}" for digits in range(least, 18))
    same = (r for r in rounded if compare(float(r), number) == compare(found, number))
    return next(same, repr(found))


def in_words(text: str) -> str:
    """An expression or a comparison as a sentence can hold it.

    >>> in_words("low(a_b - c) > 0")
    'the lower end of (“a b” minus “c”) is more than 0'
    >>> in_words("count(a, 3) >= 4")
    'at least 4 of “a” are at least 3'
    """
    if isinstance(text, str) and _COMPARISON.fullmatch(text):
        left, sign, number = split_comparison(text)
        match _tree(left):
            case ast.Call(func=ast.Name(id="count"), args=(of, least)):
                some = f"{SIGNS[sign]} {number:g} of {_as_one(of)}"
                return f"{some} are at least {_in_words(least)}"
        return f"{in_words(left)} is {SIGNS[sign]} {number:g}"
    return _in_words(_tree(text))


def _in_words(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=number):
            return f"{number:g}"
        case ast.Name(id=name):
            return f"“{name.replace('_', ' ')}”"
        case ast.UnaryOp(operand=operand):
            return f"minus {_in_words(operand)}"
        case ast.BinOp(left=left, op=op, right=right):
            # A sum is read from the left; within anything else it needs brackets.
            first = _in_words(left)
            if isinstance(left, ast.BinOp) and not isinstance(op, ast.Add | ast.Sub):
                first = f"({first})"
            return f"{first} {_WORDS[type(op)]} {_as_one(right)}"
        case ast.Call(func=ast.Name(id="count"), args=(of, least)):
            return f"the number of {_as_one(of)} that are at least {_in_words(least)}"
        case ast.Call(func=ast.Name(id=name), args=(of,)):
            return f"{_TAKEN[name]} {_as_one(of)}"


def _as_one(node: ast.expr) -> str:
    words = _in_words(node)
    return f"({words})" if isinstance(node, ast.BinOp) else words


def _tree(text: str) -> ast.expr:
    refused = ValueError(f"{text!r} is no sum, difference or quotient of quantities")
    if not isinstance(text, str):
        raise refused
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        raise refused from None
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
                pass
            case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if (
                name in FUNCTIONS
            ):
                if len(given) != (takes := 2 if name == "count" else 1):
                    raise ValueError(f"{name} takes {takes}, got {len(given)}: {text}")
            case ast.UnaryOp(op=ast.USub()) | ast.Name() | ast.Load() | ast.USub():
                pass
            case ast.Constant(value=int() | float() as number) if not isinstance(
                number, bool
            ):
                pass
            case ast.operator() if type(node) in _ARITHMETIC:
                pass
            case _:
                raise refused
    return tree


def _value(node: ast.expr, numbers: Mapping[str, np.ndarray]):
    match node:
        case ast.Constant(value=number):
            return number
        case ast.Name(id=name):
            return numbers[name]
        case ast.UnaryOp(operand=operand):
            return -_value(operand, numbers)
        case ast.BinOp(left=left, op=op, right=right):
            pair = _value(left, numbers), _value(right, numbers)
            seeds = {np.shape(one)[-1] for one in pair if np.ndim(one)}
            if len(seeds) > 1:
                sides = f"{ast.unparse(left)} and {ast.unparse(right)}"
                raise ValueError(
                    f"{sides} must have as many seeds, got {sorted(seeds)}"
                )
            return _ARITHMETIC[type(op)](*pair)
        case ast.Call(func=ast.Name(id=name), args=given):
            return FUNCTIONS[name](*(_value(argument, numbers) for argument in given))
