"""What a layer must be under torch's compiler and its exporter."""

import torch
from torch.testing import assert_close


def assert_compiles_and_exports_once_for_all_sizes(layer):
    torch.compiler.reset()
    compiled = torch.compile(layer, backend="eager", fullgraph=True, dynamic=True)
    axes = {axis: torch.export.Dim.DYNAMIC for axis in (0, 2, 3)}
    example = torch.randn(2, 4, 8, 9)
    exported = torch.export.export(layer, (example,), dynamic_shapes=(axes,)).module()
    for shape in [(2, 4, 8, 9), (3, 4, 5, 12)]:
        x = torch.randn(shape)
        assert_close(compiled(x), layer(x))
        assert_close(exported(x), layer(x))
