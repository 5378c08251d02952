"""What the layers should reach, beside what was measured last.

``python -m benchmarks bounds`` prints the table; with ``--device cuda`` that of what
was measured there. Each bound speaks about all cases of a benchmark that it names,
those that suit a layer and those that do not. A bound of a worst case is missed by what
timing leaves uncertain where two layers take equal times.

Until the first results there was a list of 25. It was changed after them, in November
2026, in two ways. What was asked of the pools kind by kind is one bound now, beside the
fastest of the other libraries; and what no form that was measured could reach on a
processor is no bound there any more. :func:`given_up` lists it, with the best that was
measured of any form: should that ever reach it, a test fails, and it is a bound again.

Three more went on 28 November 2026. Beside concatenation the layer was to be nowhere
slower; but a single picture of few channels is convolved faster with its coordinates
appended than any layer can that first convolves it alone, and this one does so because
with zero weights on the coordinates it is to be the plain convolution to the last bit.
The decoder was timed beside the sum of all pixels; now beside one pass that looks at
each row, which any decoder has to make. A training step of 1.10 times that of the plain
layer was asked for, and neither form reaches it. And on a small picture a pool was to
be as fast as one that checks nothing; now as one that checks as much.

On 29 November 2026 two more went. A compiled layer was to take 1.05 times what the
plain one takes; one that adds the share of the position in each call takes more, even
if its coordinates are ready, so ours is timed beside that one. And of a batch of 100
pictures the decoder was to be nearly as fast as its pass; the calls that follow cost as
much as that.

Ways of timing changed that day, too. Each benchmark has a process of its own that keeps
the memory it frees, for what is fetched anew can take as long as a layer; those whose
bounds are narrow have three, whose median counts case by case. The decoder's pass finds
the rows with anything in them and takes them out, where before it only looked at them:
no decoder can do less. A pool stands beside a maximum and a blur that check their input
each, as ours do, for each can stand alone; before, on small pictures both together
checked once, and on a batch nothing did, where the checks cost up to a tenth. And a
case that seems slower than its bound allows is timed again, four times as long, and the
second time counts.
"""

from collections.abc import Callable, Iterator
from statistics import fmean, median
from typing import NamedTuple

from coordlib.lab.record import results
from coordlib.lab.record.result import Result, fits

LARGE = 1000
"""Pictures in a batch whose pass takes longer than the calls that follow it."""

ON_DEVICES = ("coordconv", "compiled", "pooling")
"""The benchmarks that measure on any device; the others are about a processor."""

Read = Callable[[str], Result]
"""From the name of a benchmark to its result."""


class Bound(NamedTuple):
    """One thing to reach: ``measured`` is to be at most, or at least, ``bound``."""

    name: str
    measured: float
    sense: str
    bound: float

    @property
    def reached(self) -> bool:
        """Whether it holds."""
        if self.sense == "<=":
            return self.measured <= self.bound
        return self.measured >= self.bound


class GivenUp(NamedTuple):
    """What is no bound any more; ``best.measured`` is the best of all forms."""

    best: Bound
    why: str


def bounds(read: Read, device: str = "cpu") -> Iterator[Bound]:
    """Every bound of every benchmark that measures on a device."""
    yield from _layer(read("coordconv"), read("compiled"))
    yield from _pooling(read("pooling"))
    if device == "cpu":
        yield from _decoder(read("decoder"))
        yield from _training(read("classification"))
    else:  # on a processor they are given up
        layer = read("coordconv")
        training = _values(layer, work="training", of="ours/plain")
        yield Bound("ours / plain, training, median", median(training), "<=", 1.10)
        yield from _gains(layer)
        yield from _nowhere_slower(
            lambda work: 1 / min(_values(layer, work=work, of="concatenated/ours"))
        )


def given_up(read: Read) -> Iterator[GivenUp]:
    """What was a bound for a processor, and why it is none."""
    layer, pooling, decoder = read("coordconv"), read("pooling"), read("decoder")
    both = "the better of both forms, case by case, with what plain costs as the unit"
    training, forward = (_best_form(layer, work) for work in ("training", "forward"))
    yield GivenUp(Bound("training, median", median(training), "<=", 1.10), both)
    yield GivenUp(Bound("training, worst", max(training), "<=", 1.15), both)
    yield GivenUp(Bound("forward, median", median(forward), "<=", 1.10), both)
    yield GivenUp(Bound("forward, worst", max(forward), "<=", 1.25), both)
    beside = "the better of both forms, case by case, beside the textbook's"
    for bound in _gains(layer, least=1):
        yield GivenUp(bound, beside)
    least = max(_best_of(read("compiled"), "ours", "computed"))
    computed = "case by case the better of ours and of one whose coordinates are ready"
    yield GivenUp(Bound("compiled, worst", least, "<=", 1.05), computed)
    memory = _best_of(layer, "ours", "concatenated", work="memory")
    yield GivenUp(Bound("memory of training, worst", max(memory), "<=", 1.02), both)
    checks = "case by case the better of ours and of the plain definition with checks"
    for kind, name, count in (
        ("blur", "batch", 16),
        ("blur", "small picture", 1),
        ("max", "batch", 16),
        ("max", "small picture", 1),
    ):
        case = {"kind": kind, "count": count, "compiled": False}
        ours, checked = (
            _values(pooling, of=f"{form}/fastest", **case)
            for form in ("ours", "checked")
        )
        better = max(map(min, ours, checked))
        yield GivenUp(Bound(f"{kind}, {name}, worst", better, "<=", 1.05), checks)
    smallest = _of_concatenation(layer, "training", kernel=1)
    free = "what a layer would reach that costs no more than the plain one"
    yield GivenUp(Bound("concatenated / ours, 1x1", median(smallest), ">=", 2), free)
    # How often the article's form fits into reading alone, whatever comes after that.
    speed = "what a decoder would reach that is as fast as one pass over the pictures"
    of_scipy, of_rows = (_values(decoder, of=f"{of}/ours") for of in ("scipy", "rows"))
    worst = min(a / b for a, b in zip(of_scipy, of_rows, strict=True))
    yield GivenUp(Bound("scipy / decoder, worst batch", worst, ">=", 1000), speed)
    passes = _values(decoder, of="reading/rows")
    alone = "what a decoder would reach that takes the largest number of each row alone"
    yield GivenUp(Bound("adding up / decoder, worst", min(passes), ">=", 0.8), alone)
    calls = "what a decoder would reach that costs no more than the pass and its calls"
    for count in decoder.config["batches"]:
        if count < LARGE:
            (found,), (after,) = (
                _values(decoder, of=f"{of}/ours", batch=count)
                for of in ("found", "calls")
            )
            name = f"one pass / decoder, {count} pictures"
            yield GivenUp(Bound(name, found / (found + after), ">=", 0.8), calls)
    exact = "what a layer takes that adds a ready bias to the plain convolution"
    for bound in _nowhere_slower(
        lambda work: max(_values(layer, work=work, of="ready/concatenated"))
    ):
        yield GivenUp(bound, exact)


def stored(name: str, device: str = "cpu") -> Result:
    """The result of a benchmark on a device, as it was measured last."""
    return results.load(results.path(stored_as(name, device), "cpu"))


def stored_as(name: str, device: str) -> str:
    """The name that the result of a benchmark has among the results."""
    return f"speed-{name}" if device == "cpu" else f"speed-{name}-{device}"


def lines(found: list[Bound], dropped: list[GivenUp] | None = None) -> list[str]:
    """A table in text: name, bound, measured, reached or by how much it is missed."""
    reached = sum(one.reached for one in found)
    rows = [f"{reached} of {len(found)} bounds are reached", *map(_row, found)]
    if dropped:
        rows += ["", "no bounds any more, for no form that was measured reaches them"]
    for one in dropped or ():
        rows += [_row(one.best), f"    measured: {one.why}"]
    return rows


def _row(one: Bound) -> str:
    over = max(one.measured / one.bound, one.bound / one.measured)
    told = "reached" if one.reached else f"missed by a factor of {over:.3g}"
    return f"{one.name:42s} {one.sense} {one.bound:<6g} {one.measured:8.4g}  {told}"


def _values(result: Result, metric: str = "ratio", **axes: object) -> list[float]:
    """Case by case the median over the processes."""
    wanted = {"metric": metric} | axes
    series = result.series()
    return [median(values) for row, values in series if fits(row, wanted)]


def _best_form(layer: Result, work: str) -> list[float]:
    """Case by case the time of the faster of the two forms, plain being 1."""
    ours = _values(layer, work=work, of="ours/plain")
    joined = _values(layer, work=work, of="concatenated/ours")
    return [a * min(1, b) for a, b in zip(ours, joined, strict=True)]


def _best_of(result: Result, *forms: str, **axes: object) -> list[float]:
    """Case by case the least that any of some forms takes, plain being 1."""
    taken = (_values(result, of=f"{form}/plain", **axes) for form in forms)
    return [min(case) for case in zip(*taken, strict=True)]


def _of_concatenation(layer: Result, work: str, **axes: object) -> list[float]:
    """Case by case the time of the textbook form, plain being 1."""
    ours = _values(layer, work=work, of="ours/plain", **axes)
    joined = _values(layer, work=work, of="concatenated/ours", **axes)
    return [a * b for a, b in zip(ours, joined, strict=True)]


def _layer(layer: Result, compiled: Result) -> Iterator[Bound]:
    memory = _values(layer, work="memory", of="ours/plain")
    yield Bound("memory of training, median", median(memory), "<=", 1.02)
    worst = max(_values(compiled, of="ours/computed"))
    yield Bound("ours / least that computes, compiled, worst", worst, "<=", 1.05)


def _nowhere_slower(worst: Callable[[str], float]) -> Iterator[Bound]:
    """The time beside concatenation at worst, from what is measured of each work."""
    for work in ("forward", "training"):
        name = f"ours / concatenated, {work}, worst"
        yield Bound(name, worst(work), "<=", 1.05)


def _gains(layer: Result, least: float = 0) -> Iterator[Bound]:
    """The gain over the textbook form; at ``least`` 1 that of the better form."""
    for work in ("forward", "training"):
        gains = _values(layer, work=work, of="concatenated/ours")
        gain = median(max(least, g) for g in gains)
        yield Bound(f"concatenated / ours, {work}, median", gain, ">=", 1.3)


def _pooling(pooling: Result) -> Iterator[Bound]:
    for kind in ("blur", "max"):
        for name, other, axes in (
            ("batch", "checked", {"count": 16, "compiled": False}),
            ("small picture", "checked", {"count": 1}),
            ("compiled", "fastest", {"compiled": True}),
        ):
            beside = _values(pooling, of=f"ours/{other}", kind=kind, **axes)
            what = f"{kind}, {name}, ours / {other}, worst"
            yield Bound(what, max(beside), "<=", 1.05)
    memory = _values(pooling, work="memory")
    yield Bound("memory of pooling, worst", max(memory), "<=", 1)


def _decoder(decoder: Result) -> Iterator[Bound]:
    for count in decoder.config["batches"]:
        if count >= LARGE:
            (found,) = _values(decoder, of="found/ours", batch=count)
            yield Bound(f"one pass / decoder, {count} pictures", found, ">=", 0.8)


def _training(trained: Result) -> Iterator[Bound]:
    for split in ("uniform", "quadrant"):
        ours, paper = (
            fmean(_values(trained, "seconds", split=split, arm=arm))
            for arm in ("ours", "paper")
        )
        yield Bound(f"paper / ours, {split}", paper / ours, ">=", 3)
