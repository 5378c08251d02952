"""Speed and memory beside other ways of doing the same, as ratios in one run.

``python -m benchmarks`` (or ``make bench``) measures all of :data:`NAMES`, ``python -m
benchmarks coordconv`` one. Each is a module here with a dictionary ``CONFIG`` and a
function ``measure(**CONFIG)`` that gives rows. They go to ``results/``, as
what experiments find does, and the page ``book/speed.ipynb`` shows them.

``python -m benchmarks.engine`` stores nothing: it prints what the steps of a sweep ask
of a device, or how long networks take here side by side.
"""

NAMES = ("coordconv", "compiled", "decoder", "pooling", "classification")
"""The benchmarks, by module."""
