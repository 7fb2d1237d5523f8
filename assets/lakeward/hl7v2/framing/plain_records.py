"""Tells which records of a block need no care, and puts messages together as one column of text.

A record is ordinary when what is stored of it is what was delivered: CR ends each segment, nothing
but CR and tab is below 0x20, no line continues a field, no character set is switched. Ordinary
records are copied in stretches, never one by one. What becomes of the others, `messages` decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakeward.hl7v2.framing.batch import Block
from lakeward.hl7v2.framing.charsets import SWITCH

Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

_CR, _TAB = 13, 9
_SHORTEST = len(b"MSH|\r")


@dataclass(frozen=True)
class Ordinary:
    """For each record of a block: whether it is ordinary, and whether it goes beyond ASCII."""

    yes: Bools
    beyond_ascii: Bools


def find_ordinary(block: Block) -> Ordinary:
    """Look at the bytes of a block a few times, as arrays."""
    data = np.frombuffer(block.piece, np.uint8)
    starts, ends = block.starts, block.ends
    yes = (ends - starts >= _SHORTEST) & (ends <= len(data))
    if not len(starts) or not yes.any():
        return Ordinary(np.zeros(len(starts), bool), np.zeros(len(starts), bool))
    yes &= data[np.minimum(ends, len(data)) - 1] == _CR
    low = np.flatnonzero(data < 0x20)
    kinds = data[low]
    returns = low[kinds == _CR]
    _exclude(yes, starts, low[(kinds != _CR) & (kinds != _TAB)])
    _exclude(yes, starts, _continued(data, returns, starts, ends))
    if b"\\C" in block.piece or b"\\M" in block.piece:
        switches = [match.start() for match in SWITCH.finditer(block.piece)]
        _exclude(yes, starts, np.array(switches, np.int64))
    beyond = np.zeros(len(starts), bool)
    high = np.flatnonzero(data >= 0x80)
    if len(high):
        owner = np.searchsorted(starts, high, side="right") - 1
        beyond[owner[owner >= 0]] = True
        yes &= ~(beyond & _odd_beyond(block.piece, high, owner, returns, starts))
    return Ordinary(yes, beyond)


def join(block: Block, kept: Ints, own: Mapping[int, bytes]) -> pa.Array:
    """Put messages together: the text given for a record, else the record as it stands.

    Args:
        block: The records.
        kept: Which of them, ascending.
        own: Texts that are not the record's bytes.
    """
    lengths = (block.ends - block.starts)[kept]
    stretches = _stretches(block, kept, own)
    for place in np.flatnonzero(np.isin(kept, list(own))).tolist() if own else ():
        lengths[place] = len(own[int(kept[place])])
    if len(stretches) == 1 and stretches[0][1] >= 0:
        start, end = stretches[0]
        whole = pa.py_buffer(block.piece).slice(start, end - start)
    else:
        view = memoryview(block.piece)
        whole = pa.py_buffer(
            b"".join(own[start] if end < 0 else view[start:end] for start, end in stretches)
        )
    offsets = np.zeros(len(kept) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(kept), [None, pa.py_buffer(offsets), whole])


def _stretches(block: Block, kept: Ints, own: Mapping[int, bytes]) -> list[tuple[int, int]]:
    """List the bytes to copy as (start, end), or a record with a text of its own as (index, -1)."""
    if not len(kept):
        return []
    special = np.isin(kept, list(own)) if own else np.zeros(len(kept), bool)
    starts, ends = block.starts[kept], block.ends[kept]
    cut = special[1:] | special[:-1] | (ends[:-1] != starts[1:])
    first = np.append(0, np.flatnonzero(cut) + 1)
    last = np.append(first[1:], len(kept)) - 1
    return [
        (int(kept[a]), -1) if special[a] else (int(starts[a]), int(ends[b]))
        for a, b in zip(first.tolist(), last.tolist(), strict=True)
    ]


def _exclude(yes: Bools, starts: Ints, positions: Ints) -> None:
    """Mark the records that hold some positions as not ordinary."""
    owner = np.searchsorted(starts, positions, side="right") - 1
    yes[owner[owner >= 0]] = False


def _continued(data: NDArray[np.uint8], returns: Ints, starts: Ints, ends: Ints) -> Ints:
    """Find the terminators after which no segment starts, where the record goes on."""
    owner = np.searchsorted(starts, returns, side="right") - 1
    inside = (owner >= 0) & (returns + 1 < ends[owner])
    at, owner = returns[inside], owner[inside]
    limit = len(data) - 1
    a, b, c, follows = (data[np.minimum(at + k, limit)] for k in range(1, 5))
    separator = data[np.minimum(starts[owner] + 3, limit)]
    segment = _letter(a) & (_letter(b) | _digit(b)) & (_letter(c) | _digit(c))
    segment &= (follows == separator) | (follows == _CR)
    return at[~segment]


def _letter(byte: NDArray[np.uint8]) -> Bools:
    return (byte >= ord("A")) & (byte <= ord("Z"))


def _digit(byte: NDArray[np.uint8]) -> Bools:
    return (byte >= ord("0")) & (byte <= ord("9"))


def _odd_beyond(piece: bytes, high: Ints, owner: Ints, returns: Ints, starts: Ints) -> Bools:
    """Mark records beyond ASCII whose set cannot be told from the header: all, if no UTF-8."""
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError:
        return np.ones(len(starts), bool)
    odd = np.zeros(len(starts), bool)
    if len(returns):
        at = np.searchsorted(returns, starts[np.maximum(owner, 0)])
        in_header = (owner >= 0) & (high < returns[np.minimum(at, len(returns) - 1)])
        odd[owner[in_header]] = True
    return odd
