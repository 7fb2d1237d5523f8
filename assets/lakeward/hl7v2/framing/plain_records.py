"""Finds the records of a block that are stored as delivered, and copies them in stretches.

A record is plain when its stored text is its own bytes: CR ends each segment, nothing but CR and
tab is below 0x20, no line continues a field, no character set is switched. Nearly all records are;
they are copied many at a time, never one by one. What becomes of the others is decided in
`raw.messages`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lakeward.hl7v2.arrays import CR, Bools, Bytes, Ints
from lakeward.hl7v2.framing.batch import RecordBlock
from lakeward.hl7v2.framing.charsets import SWITCH

_TAB = ord("\t")
_SHORTEST = len(b"MSH|\r")


@dataclass(frozen=True)
class PlainRecords:
    """For each record of a block: whether it is plain, and whether it goes beyond ASCII."""

    is_plain: Bools
    beyond_ascii: Bools


def find_plain_records(block: RecordBlock) -> PlainRecords:
    """Look at the bytes of a block a few times, as arrays."""
    data = np.frombuffer(block.piece, np.uint8)
    starts, ends = block.starts, block.ends
    plain = (ends - starts >= _SHORTEST) & (ends <= len(data))
    if not len(starts) or not plain.any():
        return PlainRecords(np.zeros(len(starts), bool), np.zeros(len(starts), bool))
    plain &= data[np.minimum(ends, len(data)) - 1] == CR
    # control characters are few: one pass finds them, the questions below look at them alone
    low = np.flatnonzero(data < 0x20)
    kinds = data[low]
    returns = low[kinds == CR]
    _exclude(plain, starts, low[(kinds != CR) & (kinds != _TAB)])
    _exclude(plain, starts, _continued(data, returns, starts, ends))
    # the regular expression costs more than two searches, and hardly any block has such an escape
    if b"\\C" in block.piece or b"\\M" in block.piece:
        switches = [match.start() for match in SWITCH.finditer(block.piece)]
        _exclude(plain, starts, np.array(switches, np.int64))
    beyond = np.zeros(len(starts), bool)
    high = np.flatnonzero(data >= 0x80)
    if len(high):
        owner = np.searchsorted(starts, high, side="right") - 1
        beyond[owner[owner >= 0]] = True
        plain &= ~(beyond & _charset_in_doubt(block.piece, high, owner, returns, starts))
    return PlainRecords(plain, beyond)


def join_bodies(block: RecordBlock, kept: Ints, texts: Mapping[int, bytes]) -> pa.Array:
    """Join messages to one column of text: the text of a record where one is given, else its bytes.

    Args:
        block: The records.
        kept: Indices of the messages within the block, ascending.
        texts: By index, texts in UTF-8 that are not the record's own bytes.
    """
    lengths = (block.ends - block.starts)[kept]
    stretches = _stretches(block, kept, texts)
    for index in np.flatnonzero(np.isin(kept, list(texts))).tolist() if texts else ():
        lengths[index] = len(texts[int(kept[index])])
    if len(stretches) == 1 and stretches[0][1] >= 0:
        # all plain and one after the other: the column shares the bytes that were read from disk
        start, end = stretches[0]
        whole = pa.py_buffer(block.piece).slice(start, end - start)
    else:
        view = memoryview(block.piece)
        whole = pa.py_buffer(
            b"".join(texts[start] if end < 0 else view[start:end] for start, end in stretches)
        )
    offsets = np.zeros(len(kept) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(kept), [None, pa.py_buffer(offsets), whole])


def _stretches(block: RecordBlock, kept: Ints, texts: Mapping[int, bytes]) -> list[tuple[int, int]]:
    """List the bytes to copy as (start, end), or a record with a text of its own as (index, -1)."""
    if not len(kept):
        return []
    replaced = np.isin(kept, list(texts)) if texts else np.zeros(len(kept), bool)
    starts, ends = block.starts[kept], block.ends[kept]
    # a stretch ends before and after a replaced record, and where the next one does not follow
    is_cut = replaced[1:] | replaced[:-1] | (ends[:-1] != starts[1:])
    first = np.append(0, np.flatnonzero(is_cut) + 1)
    last = np.append(first[1:], len(kept)) - 1
    return [
        (int(kept[a]), -1) if replaced[a] else (int(starts[a]), int(ends[b]))
        for a, b in zip(first.tolist(), last.tolist(), strict=True)
    ]


def _exclude(plain: Bools, starts: Ints, positions: Ints) -> None:
    """Mark the records that hold some positions as not plain."""
    owner = np.searchsorted(starts, positions, side="right") - 1
    plain[owner[owner >= 0]] = False


def _continued(data: Bytes, returns: Ints, starts: Ints, ends: Ints) -> Ints:
    """Find the terminators after which the record goes on with something that is no segment.

    Such a line continues the field before it (`normalise`), so the text is not the record's bytes.
    """
    owner = np.searchsorted(starts, returns, side="right") - 1
    inside = (owner >= 0) & (returns + 1 < ends[owner])
    at, owner = returns[inside], owner[inside]
    limit = len(data) - 1  # the last byte, read in place of those past it, is a CR and no letter
    a, b, c, follows = (data[np.minimum(at + k, limit)] for k in range(1, 5))
    separator = data[np.minimum(starts[owner] + 3, limit)]
    segment = _is_letter(a) & (_is_letter(b) | _is_digit(b)) & (_is_letter(c) | _is_digit(c))
    segment &= (follows == separator) | (follows == CR)
    return at[~segment]


def _is_letter(byte: Bytes) -> Bools:
    return (byte >= ord("A")) & (byte <= ord("Z"))


def _is_digit(byte: Bytes) -> Bools:
    return (byte >= ord("0")) & (byte <= ord("9"))


def _charset_in_doubt(piece: bytes, high: Ints, owner: Ints, returns: Ints, starts: Ints) -> Bools:
    """Mark records beyond ASCII whose character set the header may not name as it looks.

    All of them when the block is no UTF-8. Else those with such bytes in the header: there the
    second byte of a character can look like the separator, so MSH-18 may not be where it seems.

    Args:
        piece: Bytes of the block.
        high: Positions of the bytes beyond ASCII.
        owner: Record of each of them, -1 for none.
        returns: Positions of all CR.
        starts: First byte of each record.
    """
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError:
        return np.ones(len(starts), bool)
    doubtful = np.zeros(len(starts), bool)
    if len(returns):
        at = np.searchsorted(returns, starts[np.maximum(owner, 0)])
        in_header = (owner >= 0) & (high < returns[np.minimum(at, len(returns) - 1)])
        doubtful[owner[in_header]] = True
    return doubtful
