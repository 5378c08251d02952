"""What Python imports by itself when it starts, if this folder is on its path."""

import no_way_out  # noqa: F401
