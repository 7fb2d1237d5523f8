"""NumPy arrays over bytes and over columns of text: their types, and a column's bytes and offsets.

What is read from the bytes belongs to the module that reads them.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

CR = ord("\r")


def text_offsets(texts: pa.Array) -> Ints:
    """Return where each text of a column starts in its bytes, and last where the last one ends."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)
    return offsets[texts.offset :][: len(texts) + 1]


def text_bytes(texts: pa.Array) -> Bytes:
    """Return the bytes that `text_offsets` counts; a slice of a column has those of the whole."""
    return np.frombuffer(texts.buffers()[2] or b"", np.uint8)
