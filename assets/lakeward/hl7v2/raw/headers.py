"""Takes the MSH columns out of messages, before anything else of them is looked at.

What follows from them (rejections, character sets) is decided in `messages`.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pyarrow as pa

from lakeward.hl7v2.arrays import CR, text_bytes, text_offsets
from lakeward.hl7v2.parsing.parse import Messages, parse
from lakeward.hl7v2.parsing.segments import ChildSpec, SegmentSpec, packaged_specs

_SETS = "several_charsets"


@lru_cache(maxsize=1)
def _header_spec() -> SegmentSpec:
    """Return the spec of MSH, with all of MSH-18 as a child table besides."""
    (spec,) = (spec for spec in packaged_specs() if spec.segment == "MSH")
    # two leaves: one for the name, one that has a value only where it is a coded element (`a^b`)
    part = spec.leaves[0]
    leaves = tuple(replace(part, name=f"part_{n}", field=18, component=n) for n in (1, 2))
    return replace(spec, children=(ChildSpec(_SETS, "All of MSH-18", ((18, None),), leaves),))


def headers_of(bodies: pa.Array, zone: str) -> pa.Table:
    """Parse the MSH segments of messages.

    Grain: one row per message, in order. Columns:

        row               int64   index of the message; NULL when its separators are not usable
        ...                       columns of specs/MSH.yaml: text, `sent_at` a timestamp in UTC; all
                                  NULLs of type string where no message has a value
        several_charsets  bool    whether MSH-18 holds more than one plain name

    Args:
        bodies: Texts of the messages, CR after each segment.
        zone: IANA zone of times without an offset.
    """
    # `utf-8` for all: the texts are decoded, whatever set they came in
    found = parse(
        Messages(_first_segments(bodies), ["utf-8"] * len(bodies), zone), [_header_spec()]
    )
    table = _complete(found.get("hl7v2__msh"))
    # messages without usable separators have no row: put one of NULLs in its position
    if table.num_rows != len(bodies):
        row_of = np.full(len(bodies), -1, np.int64)
        row_of[np.asarray(table["row"])] = np.arange(table.num_rows)
        table = table.take(pa.array(row_of, mask=row_of < 0))
    several = np.zeros(len(bodies), bool)
    sets = found.get(f"hl7v2__{_SETS}")
    if sets is not None:
        more = np.asarray(sets["repeat"]) > 1
        if "part_2" in sets.column_names:
            more |= np.asarray(sets["part_2"].is_valid())
        several[np.asarray(sets["row"])[more]] = True
    return table.append_column(_SETS, pa.array(several))


def _first_segments(bodies: pa.Array) -> pa.Array:
    """Cut each message after its first segment, so that the others are not split for nothing."""
    if not len(bodies):
        return bodies
    offsets, data = text_offsets(bodies), text_bytes(bodies)
    returns = np.flatnonzero(data == CR)
    # there is always one: every text ends with CR
    ends = returns[np.searchsorted(returns, offsets[:-1])] + 1
    lengths = np.zeros(len(bodies) + 1, np.int32)
    np.cumsum(ends - offsets[:-1], out=lengths[1:])
    view = memoryview(bodies.buffers()[2])
    spans = zip(offsets[:-1].tolist(), ends.tolist(), strict=True)
    texts = pa.py_buffer(b"".join([view[start:end] for start, end in spans]))
    return pa.Array.from_buffers(pa.string(), len(bodies), [None, pa.py_buffer(lengths), texts])


def _complete(found: pa.Table | None) -> pa.Table:
    """Add the columns that hold nothing."""
    names = [column.name for leaf in _header_spec().leaves for column in leaf.columns()]
    schema = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in names)])
    table = schema.empty_table() if found is None else found
    lacking = {n: pa.nulls(table.num_rows, pa.string()) for n in names}
    return pa.table({**lacking, **{n: table[n] for n in table.column_names}})
