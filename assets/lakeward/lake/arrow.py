"""Small things that Arrow and DuckDB need from everybody who hands them data.

What a table holds is not known here, nor how it is written.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def sql_literal(text: str) -> str:
    """Return a text as an SQL string literal."""
    # views cannot have bound parameters, so paths and values are written into their SQL
    return "'" + text.replace("'", "''") + "'"


def hex_texts(digests: Sequence[bytes]) -> pa.Array:
    """Return digests of equal length as lower-case hexadecimal texts.

    Built from one text of all digits: a Python string for each of a million hashes costs seconds.
    """
    text = b"".join(digests).hex().encode("ascii")
    width = len(text) // max(len(digests), 1)
    # 32-bit offsets reach 2 GiB of digits: the hashes of 33 million records in one array
    offsets = np.arange(len(digests) + 1, dtype=np.int32) * np.int32(width)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), len(digests), buffers)
