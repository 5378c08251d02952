"""Problems whose numbers are each student's own.

A problem is drawn from a seed, such as a student's number, so that solutions may stay
public: the way is the same for everybody, the numbers are not. Answers are numbers.
``draw("shoreline", seed=4711)`` shows the question in a notebook, ``.check(answer)``
says whether an answer is right, and ``.solution`` tells the way with its numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, gcd, lcm, sqrt

import numpy as np
from scipy import stats

from coordlib.arguments import check_choice, check_integer, check_number
from coordlib.lab.page import check


@dataclass(frozen=True)
class Problem:
    """A question with the numbers of one student.

    Attributes
    ----------
    chapter : str
        The page of the book that it belongs to.
    question : str
        In Markdown.
    solution : str
        In Markdown; it ends with the answer.
    answer : float
    tolerance : float
        How far an answer may be from it; 0 where the answer is a count.
    """

    chapter: str
    question: str
    solution: str
    answer: float
    tolerance: float = 0.0

    def _repr_markdown_(self) -> str:
        return self.question

    def check(self, answer: float | None) -> None:
        """Say whether an answer is right; None is no answer yet.

        Raises
        ------
        TypeError, ValueError
            If the answer is no number.
        """
        if answer is not None:
            check_number("answer", answer)
        check(answer, self._is_right, f"Read {self.chapter} again, and count anew.")

    def _is_right(self, answer: float) -> bool:
        return abs(answer - self.answer) <= self.tolerance


def draw(name: str, seed: int) -> Problem:
    """Give a problem with the numbers of a seed.

    Parameters
    ----------
    name : str
        One of :data:`PROBLEMS`.
    seed : int
        From 0 to 2**32 - 1; a student's number. It gives the same numbers on every
        machine.

    Returns
    -------
    Problem

    Raises
    ------
    TypeError, ValueError
        If there is no such problem, or the seed is no such integer.
    """
    check_choice("name", name, PROBLEMS)
    seed = check_integer("seed", seed, at_least=0, at_most=2**32 - 1)
    # Streams of default_rng may change with numpy; those of RandomState do not.
    return PROBLEMS[name](np.random.RandomState(seed))


def shoreline(random: np.random.RandomState) -> Problem:
    """How far the border reaches into the answer of a stack of convolutions."""
    kernels = random.choice([3, 5, 7], 3).tolist()
    dilations = random.choice([1, 2, 3], 3).tolist()
    reach = [d * (k - 1) // 2 for k, d in zip(kernels, dilations, strict=True)]
    size = int(random.randint(60, 100))
    stack = ", then ".join(
        f"{k}×{k} with dilation {d}" for k, d in zip(kernels, dilations, strict=True)
    )
    inland = (size - 2 * sum(reach)) ** 2
    return Problem(
        "translation-equivariance",
        f"A picture of {size}×{size} pixels goes through three convolutions with "
        "stride "
        f"1 that keep its size by padding: {stack}. At how many pixels of the result "
        "has "
        "no padded value any say?",
        f"A layer lets the border reach dilation · (kernel - 1) / 2 pixels further: "
        f"{' + '.join(map(str, reach))} = {sum(reach)} pixels from each side. What is "
        f"left is a square of side {size} - 2 · {sum(reach)}: {inland} pixels.",
        inland,
    )


def exact_shifts(random: np.random.RandomState) -> Problem:
    """To how many shifts of a ring a stack of strides is equivariant."""
    strides = random.choice([1, 2, 3, 4], 3).tolist()
    steps = int(np.prod(strides))
    ring = steps * int(random.randint(4, 13))
    return Problem(
        "antialiased-pooling",
        f"Three circular convolutions with strides {strides[0]}, {strides[1]} and "
        f"{strides[2]} take a ring of {ring} samples to one of {ring // steps}. Their "
        f"weights are arbitrary. For how many of the {ring} shifts of the input is the "
        "answer sure to be the old one, moved by whole samples?",
        f"Strides multiply: {steps} samples of the input are one of the answer. The "
        f"multiples of {steps} are {ring} / {steps} = {ring // steps} shifts.",
        ring // steps,
    )


def held_out(random: np.random.RandomState) -> Problem:
    """How many positions a world has, and how many of them a quadrant hides."""
    size = 2 * int(random.randint(20, 50))
    side = int(random.choice([5, 7, 9, 11]))
    places = size - side + 1
    hidden = size - 1 - side // 2 - size // 2
    return Problem(
        "coordinate-failure",
        f"A square of {side}×{side} pixels lies anywhere on a canvas of {size}×{size}, "
        f"wholly inside. Rows and columns count from 0. Held out is every square whose "
        f"middle pixel has both a row and a column above {size // 2}. How many squares "
        "is a network trained on?",
        f"The middle pixel has {size} - {side} + 1 = {places} rows and as many "
        "columns; "
        f"{hidden} of the rows are above {size // 2}. {places}² - {hidden}² = "
        f"{places**2 - hidden**2}.",
        places**2 - hidden**2,
    )


def two_dots(random: np.random.RandomState) -> Problem:
    """What the decoder that divides by the light says of two dots."""
    rows = sorted(random.choice(40, 2, replace=False).tolist())
    light = random.choice([1, 2, 3, 4], 2).tolist()
    total = sum(light)
    row = (light[0] * rows[0] + light[1] * rows[1]) / total
    return Problem(
        "handmade-decoder",
        f"A picture holds a dot of brightness {light[0]} in row {rows[0]} and one of "
        f"brightness {light[1]} in row {rows[1]}; all else is 0. Which row does the "
        "decoder name that *averages* the row numbers by their light? (Two decimals)",
        f"({light[0]} · {rows[0]} + {light[1]} · {rows[1]}) / {total} = {row:.2f}. The "
        "sum without division would say "
        f"{light[0] * rows[0] + light[1] * rows[1]}, which may be no row at all.",
        row,
        0.006,
    )


def more_weights(random: np.random.RandomState) -> Problem:
    """How many weights coordinates add to a convolution."""
    channels, outputs = (int(2 ** random.randint(3, 8)) for _ in range(2))
    kernel = int(random.choice([1, 3, 5]))
    axes = int(random.choice([2, 3]))
    radius = bool(random.randint(2))
    extra = axes + radius
    added = extra * outputs * kernel**axes
    world = "pictures" if axes == 2 else "volumes"
    return Problem(
        "coordconv",
        f"A convolution of {world} takes {channels} channels to {outputs} with a "
        "kernel "
        f"of side {kernel}. How many weights does it gain when it becomes a CoordConv "
        f"layer {'with' if radius else 'without'} the distance from the centre?",
        f"It reads {extra} more channels: {axes} coordinates"
        f"{' and the distance' if radius else ''}. Each has one weight for each output "
        f"and each of the {kernel}^{axes} places of the kernel: {extra} · {outputs} · "
        f"{kernel**axes} = {added}. (The {channels} channels play no part.)",
        added,
    )


def alias(random: np.random.RandomState) -> Problem:
    """Which wave a stride makes of a wave."""
    stride = int(random.choice([2, 3, 4]))
    kept = 2 * int(random.randint(6, 13))
    ring = stride * kept
    # Above the limit of the coarse grid, and on none of its multiples of one half.
    waves = [w for w in range(kept // 2 + 1, ring // 2) if w % (kept // 2)]
    wave = int(random.choice(waves))
    folded = min(wave % kept, -wave % kept)
    return Problem(
        "antialiased-pooling",
        f"A cosine goes {wave} times around a ring of {ring} samples. Every "
        f"{_ordinal(stride)} sample is kept. How many times does what is left seem to "
        "go "
        f"around the ring of {kept}? (The smallest number that explains it)",
        f"On {kept} samples a cosine that goes w times around takes the values of one "
        f"that goes w + {kept} times, and of one that goes {kept} - w times. From "
        f"{wave} these lead down to {folded}.",
        folded,
    )


def blurred_wave(random: np.random.RandomState) -> Problem:
    """What a binomial blur leaves of a wave."""
    taps = int(random.choice([2, 3, 4, 5]))
    ring = int(random.choice([12, 16, 20, 24]))
    wave = int(random.randint(1, ring // 2))
    left = float(np.cos(np.pi * wave / ring) ** (taps - 1))
    weights = [comb(taps - 1, k) for k in range(taps)]
    return Problem(
        "antialiased-pooling",
        f"A wave goes {wave} times around a ring of {ring} samples. It is blurred with "
        f"the weights {weights}, divided by {sum(weights)}. What share of its height "
        "is "
        "left? (Two decimals)",
        f"The blur is {taps - 1} times the mean of two neighbours, and such a mean "
        f"leaves cos(π · {wave} / {ring}). So {left:.2f} is left.",
        left,
        0.006,
    )


def overlap(random: np.random.RandomState) -> Problem:
    """The intersection over union of two boxes."""
    side = int(random.randint(6, 20))
    down, right = (int(n) for n in random.randint(1, side, 2))
    common = (side - down) * (side - right)
    union = 2 * side**2 - common
    return Problem(
        "detection",
        f"Two boxes are squares of side {side}. One lies {down} pixels lower and "
        f"{right} "
        "further to the right than the other. What is their intersection over union? "
        "(Two decimals)",
        f"They share ({side} - {down}) · ({side} - {right}) = {common} pixels; "
        "together "
        f"they cover 2 · {side}² - {common} = {union}. {common} / {union} = "
        f"{common / union:.2f}.",
        common / union,
        0.006,
    )


def lucky_games(random: np.random.RandomState) -> Problem:
    """How often a coin does as well as a layer."""
    games = int(random.randint(6, 14))
    wins = games // 2 + int(random.randint(1, games // 2 + 1))
    ways = sum(comb(games, k) for k in range(wins, games + 1))
    return Problem(
        "reinforcement-learning",
        f"In {games} games two agents differ by a layer that does nothing. Each game "
        "is "
        "won by either with equal chance. How likely does the layer win at least "
        f"{wins} of them? (In per cent, one decimal)",
        f"Of 2^{games} = {2**games} outcomes {ways} have at least {wins} wins: "
        f"{100 * ways / 2**games:.1f} %.",
        100 * ways / 2**games,
        0.06,
    )


def gain(random: np.random.RandomState) -> Problem:
    """The interval of a mean difference."""
    seeds = int(random.randint(4, 9))
    points = np.round(random.normal(0.5, 0.8, seeds), 1)
    half = float(stats.t.ppf(0.975, seeds - 1) * points.std(ddof=1) / sqrt(seeds))
    low = float(points.mean() - half)
    shown = ", ".join(f"{p:+.1f}" for p in points)
    return Problem(
        "classification",
        f"A layer was compared in {seeds} pairs of trainings, both of a pair from the "
        f"same seed. It gained {shown} points of accuracy. What is the lower end of "
        "the "
        "95 % interval of the mean gain, by Student's t? (Two decimals)",
        f"The mean is {points.mean():.3f}, the standard deviation "
        f"{points.std(ddof=1):.3f}, and t for {seeds - 1} degrees of freedom "
        f"{stats.t.ppf(0.975, seeds - 1):.3f}. {points.mean():.3f} - {half:.3f} = "
        f"{low:.2f}.",
        low,
        0.011,
    )


def how_many_trainings(random: np.random.RandomState) -> Problem:
    """How many pairs a gain of a given size asks for."""
    gained = float(random.choice([0.1, 0.2, 0.25, 0.5]))
    deviation = gained * float(random.choice([1.0, 1.5, 2.0, 3.0, 4.0]))
    reach = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    pairs = int(np.ceil((reach * deviation / gained) ** 2))
    return Problem(
        "classification",
        "The gain of a layer differs from one pair of trainings to the next with a "
        f"standard deviation of {deviation:g} points. How many pairs does it take to "
        f"see a true gain of {gained:g} points four times in five, at 95 %? (By the "
        "normal curve, rounded up)",
        "1.960 for the 95 % and .842 for four times in five make 2.802 standard "
        "errors. "
        f"(2.802 · {deviation:g} / {gained:g})² = "
        f"{(reach * deviation / gained) ** 2:.1f}, so {pairs}.",
        pairs,
    )


def same_answers(random: np.random.RandomState) -> Problem:
    """On how many shifts two strided networks both keep their answers."""
    first, second = (int(n) for n in random.choice([2, 3, 4, 6, 8], 2, replace=False))
    ring = lcm(first, second) * int(random.randint(2, 7))
    both = ring // lcm(first, second)
    return Problem(
        "choosing",
        f"One network lessens a ring of {ring} samples by a stride of {first}, another "
        f"by {second}. For how many of the {ring} shifts are both sure to give their "
        "old "
        "answer, moved by whole samples?",
        f"Shifts that are multiples of {first} and of {second}: of their least common "
        f"multiple {first} · {second} / {gcd(first, second)} = {lcm(first, second)}. "
        f"{ring} / {lcm(first, second)} = {both}.",
        both,
    )


PROBLEMS: dict[str, Callable[[np.random.RandomState], Problem]] = {
    one.__name__.replace("_", "-"): one
    for one in (
        shoreline,
        exact_shifts,
        held_out,
        two_dots,
        more_weights,
        alias,
        blurred_wave,
        overlap,
        lucky_games,
        gain,
        how_many_trainings,
        same_answers,
    )
}
"""By name, in the order of the chapters."""


def _ordinal(n: int) -> str:
    return {2: "second", 3: "third", 4: "fourth"}[n]
