"""A layer whose buffer no state dict brings."""

from collections.abc import Callable
from typing import ClassVar, Self

from torch import Tensor, nn


class Fixed(nn.Module):
    """Writes its buffer anew when it gets memory, having been on the meta device."""

    fixed: ClassVar[str]
    """The name of that buffer, which need not be there."""

    def reset_parameters(self) -> None:
        """Write the buffer."""
        raise NotImplementedError

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        before = self._buffers.get(self.fixed)
        was_meta = before is not None and before.is_meta
        super()._apply(fn, recurse)
        after = self._buffers.get(self.fixed)
        if was_meta and after is not None and not after.is_meta:
            self.reset_parameters()
        return self
