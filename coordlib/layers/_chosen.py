"""Which coordinates a layer sees, and what its state says of them."""

from typing import Any

from torch import nn

from coordlib.grid import WithR, wanted_axes

_ENTRY = "coordinates"


class Chosen(nn.Module):
    """A layer whose weights belong to a choice of coordinates.

    Two choices may have weights of one shape. So a state has the choice among its
    metadata, beside the version that torch keeps there, and a layer of another choice
    refuses it. A state that says nothing, of an older layer or a plain one, is taken.
    """

    with_r: WithR
    axes: tuple[int, ...] | None = None  # where a layer was stored without them
    kernel_size: tuple[int, ...]

    @property
    def coordinate_channels(self) -> int:
        """Number of coordinate channels: one an axis, and one for r."""
        return len(self._wanted()) + bool(self.with_r)

    def _wanted(self) -> tuple[int, ...]:
        return wanted_axes(self.axes, len(self.kernel_size), self.with_r)

    def _choice(self) -> dict[str, Any]:
        return {"axes": list(self._wanted()), "with_r": self.with_r}

    def _save_to_state_dict(
        self, destination: Any, prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]][_ENTRY] = self._choice()

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        own, stored = self._choice(), local_metadata.get(_ENTRY)
        if stored is not None and stored != own:
            error_msgs.append(
                f"{prefix}weight must be for coordinates {own}, got one for {stored}"
            )
        super()._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            strict,
            missing_keys,
            unexpected_keys,
            error_msgs,
        )
