"""Takes the MSH columns out of messages, before anything else of them is looked at.

What follows from them (refusals, character sets) `messages` decides.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pyarrow as pa

from lakeward.hl7v2.parsing.parse import Messages, parse
from lakeward.hl7v2.parsing.segments import ChildSpec, SegmentSpec, packaged_specs

_SETS = "several_charsets"


@lru_cache(maxsize=1)
def _header_spec() -> SegmentSpec:
    """Take the spec of MSH, and look at all of MSH-18 besides."""
    (spec,) = (spec for spec in packaged_specs() if spec.segment == "MSH")
    part = spec.leaves[0]
    leaves = tuple(replace(part, name=f"part_{n}", field=18, component=n) for n in (1, 2))
    return replace(spec, children=(ChildSpec(_SETS, "All of MSH-18", ((18, None),), leaves),))


def headers_of(bodies: pa.Array, zone: str) -> pa.Table:
    """Give the MSH columns of messages; one without usable separators has row NULL.

    `several_charsets` says whether MSH-18 holds more than one plain name.
    """
    found = parse(
        Messages(_first_segments(bodies), ["utf-8"] * len(bodies), zone), [_header_spec()]
    )
    table = _complete(found.get("hl7v2__msh"))
    if table.num_rows != len(bodies):
        at = np.full(len(bodies), -1, np.int64)
        at[np.asarray(table["row"])] = np.arange(table.num_rows)
        table = table.take(pa.array(at, mask=at < 0))
    several = np.zeros(len(bodies), bool)
    sets = found.get(f"hl7v2__{_SETS}")
    if sets is not None:
        more = np.asarray(sets["repeat"]) > 1
        if "part_2" in sets.column_names:
            more |= np.asarray(sets["part_2"].is_valid())
        several[np.asarray(sets["row"])[more]] = True
    return table.append_column(_SETS, pa.array(several))


def _first_segments(bodies: pa.Array) -> pa.Array:
    """Cut each message after its first segment."""
    offsets_buffer, data_buffer = bodies.buffers()[1:]
    if not len(bodies):
        return bodies
    offsets = np.frombuffer(offsets_buffer, np.int32)
    returns = np.flatnonzero(np.frombuffer(data_buffer, np.uint8) == ord("\r"))
    ends = returns[np.searchsorted(returns, offsets[:-1])] + 1
    lengths = np.zeros(len(bodies) + 1, np.int32)
    np.cumsum(ends - offsets[:-1], out=lengths[1:])
    data = memoryview(data_buffer)
    spans = zip(offsets[:-1].tolist(), ends.tolist(), strict=True)
    texts = pa.py_buffer(b"".join([data[start:end] for start, end in spans]))
    return pa.Array.from_buffers(pa.string(), len(bodies), [None, pa.py_buffer(lengths), texts])


def _complete(found: pa.Table | None) -> pa.Table:
    """Add the columns that hold nothing."""
    names = [column.name for leaf in _header_spec().leaves for column in leaf.columns()]
    schema = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in names)])
    table = schema.empty_table() if found is None else found
    lacking = {n: pa.nulls(table.num_rows, pa.string()) for n in names}
    return pa.table({**lacking, **{n: table[n] for n in table.column_names}})
