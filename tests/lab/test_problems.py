"""What is asked of each student can be answered from the text, and is so."""

import re
from math import sqrt

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from coordlib.lab.data.boxes import box_iou
from coordlib.lab.data.squares import quadrant_split, squares
from coordlib.lab.data.storage import in_checkout
from coordlib.lab.page.problems import PROBLEMS, draw
from coordlib.lab.record.result import interval
from coordlib.layers import AddCoords

SEEDS = range(20)


def numbers(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"[-+]?\d+(?:\.\d+)?", text.replace("×", " "))]


def count(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text)]


def inland_by_convolving(question: str) -> float:
    size, _, _, *stack = count(question)
    x = torch.ones(1, 1, size, size, dtype=torch.float64)
    largest = 1
    for side, _, dilation in zip(*[iter(stack)] * 3, strict=True):
        reach = dilation * (side - 1) // 2
        weight = torch.ones(1, 1, side, side, dtype=torch.float64)
        x = nn.functional.conv2d(x, weight, padding=reach, dilation=dilation)
        largest *= side**2
    return (x == largest).sum().item()


def shifts_that_survive(ring: int, strides: list[int]) -> int:
    random = np.random.default_rng(0)
    kernels = [random.normal(size=3) for _ in strides]

    def f(x: np.ndarray) -> np.ndarray:
        for kernel, stride in zip(kernels, strides, strict=True):
            x = sum(w * np.roll(x, k) for k, w in enumerate(kernel))[::stride]
        return x

    x = random.normal(size=ring)
    answer = f(x)
    moved = [np.roll(answer, k) for k in range(len(answer))]
    return sum(
        any(np.allclose(f(np.roll(x, by)), other) for other in moved)
        for by in range(ring)
    )


def surviving(question: str) -> float:
    *strides, ring, _, again = count(question)
    assert ring == again
    return shifts_that_survive(ring, strides)


def surviving_both(question: str) -> float:
    ring, first, second, _ = count(question)
    return sum(by % first == 0 and by % second == 0 for by in range(ring))


def trained_on(question: str) -> float:
    side, _, size, *_ = count(question)
    return len(quadrant_split(squares(size, side))[0])


def centre_of_light(question: str) -> float:
    a, row_a, b, row_b, *_ = count(question)
    column = np.zeros(40)
    column[row_a], column[row_b] = a, b
    return (column * np.arange(40)).sum() / column.sum()


def weights_gained(question: str) -> float:
    channels, outputs, kernel = count(question)
    axes = 3 if "volumes" in question else 2
    with_r = " with the distance" in question
    added = AddCoords(with_r=with_r)
    read = added(torch.zeros(1, channels, *(4,) * axes)).shape[1]
    return (read - channels) * outputs * kernel**axes


def lowest_wave(question: str) -> float:
    wave, ring, kept = count(question)
    x = np.cos(2 * np.pi * wave * np.arange(ring) / ring)[:: ring // kept]
    return np.abs(np.fft.rfft(x)).argmax()


def height_left(question: str) -> float:
    wave, ring, *weights, total, _ = count(question.replace("(Two decimals)", "0"))
    x = np.exp(2j * np.pi * wave * np.arange(ring) / ring)
    blurred = sum(w / total * np.roll(x, k) for k, w in enumerate(weights))
    return np.abs(blurred).max()


def iou_of_two(question: str) -> float:
    side, down, right = count(question)[:3]
    boxes = torch.tensor(
        [[50.0, 50, side, side], [50.0 + down, 50 + right, side, side]]
    )
    return box_iou(boxes[:1], boxes[1:]).item()


def luck(question: str) -> float:
    games, wins = count(question)
    return 100 * stats.binom.sf(wins - 1, games, 0.5)


def lower_end(question: str) -> float:
    pairs, *rest = numbers(question)
    return interval(np.array(rest[: int(pairs)]))[0]


def fewest_pairs(question: str) -> float:
    deviation, gained, *_ = numbers(question)
    power = (stats.norm.cdf(gained * sqrt(n) / deviation - 1.96) for n in range(1, 999))
    return 1 + next(n for n, p in enumerate(power) if p >= 0.8)


BY_OTHER_MEANS = {
    "shoreline": inland_by_convolving,
    "exact-shifts": surviving,
    "held-out": trained_on,
    "two-dots": centre_of_light,
    "more-weights": weights_gained,
    "alias": lowest_wave,
    "blurred-wave": height_left,
    "overlap": iou_of_two,
    "lucky-games": luck,
    "gain": lower_end,
    "how-many-trainings": fewest_pairs,
    "same-answers": surviving_both,
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_answer_is_what_another_way_finds_from_the_text_alone(name):
    for seed in SEEDS:
        problem = draw(name, seed)
        found = BY_OTHER_MEANS[name](problem.question)
        assert abs(problem.answer - found) <= problem.tolerance, problem.question


@pytest.mark.parametrize("name", PROBLEMS)
def test_students_have_numbers_of_their_own_and_keep_them(name):
    questions = [draw(name, seed).question for seed in SEEDS]
    assert len(set(questions)) > len(SEEDS) / 2
    assert questions == [draw(name, seed).question for seed in SEEDS]


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_solution_ends_with_an_answer_that_is_right(name, capsys):
    for seed in SEEDS:
        problem = draw(name, seed)
        said = numbers(problem.solution.split("would say")[0])
        assert any(abs(n - problem.answer) <= problem.tolerance for n in said)
        problem.check(problem.answer)
        problem.check(problem.answer + 1)
        assert capsys.readouterr().out.startswith("Correct.\nNot yet.")


def test_numbers_are_the_same_on_every_machine():
    assert draw("two-dots", 4711).question == (
        "A picture holds a dot of brightness 3 in row 9 and one of brightness 4 in row "
        "37; all else is 0. Which row does the decoder name that *averages* the row "
        "numbers by their light? (Two decimals)"
    )


def test_no_answer_yet_is_none(capsys):
    draw("alias", 1).check(None)
    assert capsys.readouterr().out == "Not answered yet.\n"


def test_every_problem_belongs_to_a_page():
    pages = {draw(name, 0).chapter for name in PROBLEMS}
    assert all(in_checkout(f"book/{page}.ipynb").exists() for page in pages)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("nonsense", 1), "name must be one of"),
        ((["alias"], 1), "name must be one of"),
        (("alias", True), "seed must be an integer"),
        (("alias", 2.5), "seed must be an integer"),
        (("alias", -1), "seed must be at least 0"),
        (("alias", 2**32), "seed must be at most 4294967295"),
    ],
)
def test_what_is_no_problem_and_no_number_is_refused(call, told):
    with pytest.raises((TypeError, ValueError), match=told):
        draw(*call)


def test_an_answer_is_a_number():
    with pytest.raises(TypeError, match="answer must be a number, got 'ten'"):
        draw("alias", 1).check("ten")
