"""One way to stop and go on, for every kind of training.

What a training must remember is written with ``torch.save`` and read with
``torch.load(weights_only=True)``, which runs no code from the file.
"""

import io
import json
import signal
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from coordlib.lab.data.storage import replace_file
from coordlib.lab.training.device import device_seconds

__all__ = [
    "CheckpointError",
    "Resumable",
    "TimeUp",
    "check_facts",
    "stopping_after_a_step",
]

CHECKPOINT_SECONDS = 30.0
REPORT_SECONDS = 60.0
FORMAT = 2


class CheckpointError(ValueError):
    """A checkpoint that cannot be continued."""


class TimeUp(Exception):
    """A training that was ended, its state kept, because its time was over."""


_interrupted: list[int] = []  # signals that wait for the end of a step
_deadlines: list[float] = []
_reports: list[Callable[[str], None]] = []


@contextmanager
def stopping_after_a_step(
    seconds: float, report: Callable[[str], None] = lambda line: None
) -> Iterator[None]:
    """Let trainings be stopped between two steps only, their state written.

    An interruption (Ctrl-C) waits for the end of the step, and a second one does not.
    What writes no state, because it is no training or has no file, ends as ever.

    Parameters
    ----------
    seconds : float
        After which a training is stopped by :class:`TimeUp`.
    report : callable
        Is told once a minute, in one line, how far a training is.
    """

    def wait(number: int, frame: object) -> None:
        if _interrupted:
            raise KeyboardInterrupt
        _interrupted.append(number)

    before = signal.signal(signal.SIGINT, wait)
    _deadlines.append(perf_counter() + seconds)
    _reports.append(report)
    try:
        yield
        if _interrupted:
            raise KeyboardInterrupt
    finally:
        signal.signal(signal.SIGINT, before)
        _deadlines.pop()
        _reports.pop()
        _interrupted.clear()


class Stateful(Protocol):
    """What says its state and takes it back, as modules and optimizers do."""

    def state_dict(self) -> dict[str, Any]:
        """Give the state: tensors, and what JSON can hold."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Take a state back."""


class Resumable:
    """Everything that a training must remember to go on as if it had not stopped.

    Made after its parts and before the first step: if the file is there, the parts are
    given back what it holds. From then on it counts the seconds of the training.

    Parameters
    ----------
    file : str or Path, optional
        Where to keep the state; if not given, nothing is read or written.
    facts : dict
        What JSON can hold, or tensors: what the training belongs to. Of a tensor a sum
        over its bytes is kept. The shapes of the modules are added. A file with other
        facts is refused.
    device : torch.device
        Whose clock to read.
    **parts : nn.Module, optimizer or other Stateful, Tensor, or list
        What changes in the training, each under a name. Tensors and lists are filled
        in place; lists hold what JSON can hold.

    Attributes
    ----------
    step : int
        How many steps are done.
    seconds : float
        Spent on them, up to the latest pause.
    steps : int
        How many there are in all, once they are counted; 0 before.

    Raises
    ------
    CheckpointError
        If the file is damaged, or belongs to other facts or another format. The
        message names the file, what differs and the remedy.
    """

    def __init__(
        self,
        file: str | Path | None,
        facts: dict,
        device: torch.device,
        **parts: Stateful | Tensor | list,
    ) -> None:
        self.device = device
        self.parts = parts
        self.step = 0
        self.seconds = 0.0
        self.steps = 0
        self.file = None
        if file is not None:
            self.file = Path(file)
            told = {name: _told(fact) for name, fact in facts.items()}
            self.facts = _plain({"format": FORMAT, "shapes": _shapes(parts), **told})
            if self.file.exists():
                self._restore(_read(self.file, self.facts))
        self._saved = self._said = perf_counter()
        self._from = self.step
        self._start = device_seconds(device)

    def remaining(self, steps: int, progress: str | bool = False) -> Iterable[int]:
        """Count the steps that are left, from 1, with a bar if one is wanted.

        Parameters
        ----------
        steps : int
            How many there are in all.
        progress : bool or str
            Show a bar, if tqdm is installed; a string names it.
        """
        self.steps = steps
        left = range(self.step + 1, steps + 1)
        if not progress:
            return left
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return left
        name = progress if isinstance(progress, str) else None
        return tqdm(
            left, name, initial=self.step, total=steps, unit="step", leave=False
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Bring the seconds up to date, and do not count what is done meanwhile."""
        self.seconds += device_seconds(self.device) - self._start
        try:
            yield
        finally:
            self._start = device_seconds(self.device)

    def keep(self, step: int) -> None:
        """Note that a step is done, and write the state if that was long ago.

        Raises
        ------
        KeyboardInterrupt, TimeUp
            Inside :func:`stopping_after_a_step`, the state written.
        """
        self.step = step
        if _reports and perf_counter() - self._said > REPORT_SECONDS:
            self._say()
        if _interrupted or (_deadlines and perf_counter() > _deadlines[-1]):
            if self.file is not None:
                with self.paused():
                    self.save()
            raise KeyboardInterrupt if _interrupted else TimeUp
        due = perf_counter() - self._saved > CHECKPOINT_SECONDS
        if due and self.file is not None:
            with self.paused():
                self.save()

    def _say(self) -> None:
        """Report the steps since the last report, their rate and the time left."""
        now = perf_counter()
        rate = (self.step - self._from) / (now - self._said)
        _reports[-1](
            f"  step {self.step} of {self.steps}, {rate:.3g} a second, "
            f"{(self.steps - self.step) / rate:.0f} s are left"
        )
        self._from, self._said = self.step, now

    def finish(self) -> None:
        """Stop the clock, and write the state."""
        with self.paused():
            if self.file is not None:
                self.save()

    def save(self) -> None:
        """Write the state in place of an older one; see :func:`replace_file`."""
        content = io.BytesIO()
        state = {"facts": self.facts, "step": self.step, "seconds": self.seconds}
        state["parts"] = {name: _state(part) for name, part in self.parts.items()}
        torch.save(state, content)
        replace_file(self.file, content.getvalue())
        self._saved = perf_counter()

    @torch.no_grad()
    def _restore(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = state["step"], state["seconds"]
        for name, part in self.parts.items():
            saved = state["parts"][name]
            if isinstance(part, Tensor):
                part.copy_(saved)
            elif isinstance(part, list):
                part[:] = saved
            else:
                part.load_state_dict(saved)


def check_facts(file: Path, found: dict, wanted: dict) -> None:
    """Refuse a file that belongs to other facts.

    Raises
    ------
    CheckpointError
        If they differ. The message names the file, what differs and the remedy.
    """
    differing = sorted(
        name
        for name in found.keys() | wanted.keys()
        if found.get(name) != wanted.get(name)
    )
    if differing:
        raise CheckpointError(
            f"{file} belongs to another run; it differs in {', '.join(differing)}; "
            f"delete {file} to start anew"
        )


def _read(file: Path, facts: dict) -> dict[str, Any]:
    content = io.BytesIO(file.read_bytes())
    try:
        # The sums that the file carries, which torch does not look at.
        if (broken := zipfile.ZipFile(content).testzip()) is not None:
            raise zipfile.BadZipFile(broken)
        content.seek(0)
        state = torch.load(content, map_location="cpu", weights_only=True)
        found = dict(state["facts"])
    # Bytes that are no checkpoint make the reader stumble in more ways than it tells,
    # and over some it advises to read the file without care.
    except Exception as error:
        raise CheckpointError(
            f"{file} is no checkpoint, or a damaged one ({type(error).__name__}); "
            f"delete {file} to start anew"
        ) from None
    check_facts(file, found, facts)
    return state


def _state(part: Stateful | Tensor | list) -> Any:
    if isinstance(part, Tensor):
        return part
    if isinstance(part, list):
        return _plain(part)
    state = part.state_dict()
    if isinstance(part, torch.optim.Optimizer):
        state["param_groups"] = _plain(state["param_groups"])
    return state


def _plain(value: Any) -> Any:
    """Turn numbers of NumPy into Python's own, which alone may be read back."""
    return json.loads(json.dumps(value, default=float))


def _told(fact: Any) -> Any:
    """A fact as a file tells it: of a tensor a sum over its bytes."""
    if not isinstance(fact, Tensor):
        return fact
    numbers = fact.detach().cpu().contiguous().flatten()
    return zlib.crc32(numbers.view(torch.uint8).numpy())


def _shapes(parts: dict[str, Any]) -> dict[str, dict[str, list[int]]]:
    return {
        part: {name: list(value.shape) for name, value in module.state_dict().items()}
        for part, module in parts.items()
        if isinstance(module, nn.Module)
    }
