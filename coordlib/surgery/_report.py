"""What a change of a network says about itself."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Change:
    """One entry of a :class:`Report`.

    Attributes
    ----------
    name : str
        Of the module, as in ``model.named_modules()``.
    what : str
        The module as it was, in short.
    how : str
        What became of it, or why it stayed.
    """

    name: str
    what: str
    how: str

    def __str__(self) -> str:
        return f"{self.name or '(the model)'}: {self.what}: {self.how}"


@dataclass(frozen=True)
class Report:
    """What was changed in a model, and what stayed and why. Print it.

    Attributes
    ----------
    changed : tuple of Change
    unchanged : tuple of Change
        What would have been changed, had it been possible or asked for.
    """

    changed: tuple[Change, ...]
    unchanged: tuple[Change, ...]

    def __str__(self) -> str:
        lines = [f"changed: {len(self.changed)}"]
        lines += [f"  {entry}" for entry in self.changed]
        lines += [f"unchanged: {len(self.unchanged)}"]
        lines += [f"  {entry}" for entry in self.unchanged]
        return "\n".join(lines)


def finish(
    model: nn.Module, changed: list[Change], unchanged: list[Change], purpose: str
) -> tuple[nn.Module, Report]:
    if not changed:
        reasons = "".join(f"\n  {entry}" for entry in unchanged)
        raise ValueError(f"there is nothing {purpose} in this model{reasons}")
    return model, Report(tuple(changed), tuple(unchanged))
