"""JSON that somebody else wrote: reading it fails in one way only, however it is made.

What the values mean, and which are expected, is decided where they are read.
"""

import json
from typing import Any


def read_json(text: str | bytes) -> Any:
    """Read JSON.

    Raises:
        ValueError: It is no JSON, or nested deeper than Python's reader goes.
    """
    try:
        return json.loads(text)
    except RecursionError:
        # no ValueError to Python: 200 KB of `[` ended a night in which everything else was fine
        raise ValueError("nested too deeply") from None
