"""Splits many messages at once into columns of the values that specs ask for.

Messages are split a slice at a time (`slices`). The values found are then copied once, sorted by
slot, so that a column is a stretch of one buffer, and one that is empty costs nothing:

    slots           1    1    1    2    4    4         slot 3 has no value
    values        Doe  Roe  Kim  Ann  MR   SS
    bounds     0    0              3    4  4       6   where slots 0, 1, 2, 3, 4 start, and the end

A whole load with this takes about 25,000 messages in a second of CPU; a parser that takes one after
the other manages some hundreds (docs/performance.md). Decision 7 has ways that were slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from lakeward.hl7v2.arrays import Bools, Ints, text_bytes, text_offsets
from lakeward.hl7v2.parsing.escapes import Separators
from lakeward.hl7v2.parsing.field_index import FieldIndex, segment_code
from lakeward.hl7v2.parsing.slices import MessageSlice, split_slice

SLICE = 1 << 20
"""Bytes that are split at once. The index arrays of larger slices are several megabytes each, which
the allocator takes from the system and gives back every time: page faults were 40 % of the work."""


@dataclass(frozen=True)
class SplitMessages:
    """The values that specs ask for in some messages, and the segments they stand in.

    Attributes:
        index: What was asked for.
        values: Texts that are not empty, by slot and then in order of the messages.
        repetition: For each value, the repetition it stands in.
        bounds: `values[bounds[s]:bounds[s + 1]]` are those of slot `s`.
        segment: For each repetition, its segment.
        field: For each repetition, its field, counted in separators.
        repeat: For each repetition, its number among those of its field, from 1.
        by_name: Segments, by name (as `FieldIndex.names`, those without a spec last) and in order.
        name_bounds: Where each name starts in `by_name`.
        local: For each segment, its number among those of its name, from 0.
        rows: For each segment, its message.
        ordinals: For each segment, its number in its message, from 1.
        groups: For each segment, the number of PID segments in its message up to it.
        has_escape: For each value whether it holds the escape character; None when none does.
        has_subcomponent: The same for the subcomponent separator.
    """

    index: FieldIndex
    values: pa.Array
    repetition: Ints
    bounds: Ints
    segment: Ints
    field: Ints
    repeat: Ints
    by_name: Ints
    name_bounds: Ints
    local: Ints
    rows: Ints
    ordinals: Ints
    groups: Ints
    has_escape: Bools | None
    has_subcomponent: Bools | None

    def segments(self, name: str) -> Ints:
        """Return the segments of a name that has a spec, in order."""
        at = int(np.searchsorted(self.index.names, segment_code(name)))
        return self.by_name[self.name_bounds[at] : self.name_bounds[at + 1]]

    def find(self, name: str, field: int, component: int) -> slice:
        """Return which of the values stand in a component of a field."""
        slot = self.index.slot_of.get((name, field, component), 0)
        return slice(int(self.bounds[slot]), int(self.bounds[slot + 1])) if slot else slice(0, 0)

    def column(self, span: slice, at: Ints, count: int) -> pa.Array:
        """Build a column of `count` texts out of a span of the values, without copying a byte.

        Args:
            span: Which values.
            at: Row of each; ascending.
            count: Length of the column; other rows are NULL.
        """
        if len(at) == count:
            return self.values[span]
        # an empty row has the offset of the row before it, so the bytes stay where they are
        offsets = text_offsets(self.values)
        filled = np.zeros(count + 1, np.int32)
        filled[at + 1] = np.diff(offsets[span.start : span.stop + 1])
        filled[0] = int(offsets[span.start])
        valid = np.zeros(count, bool)
        valid[at] = True
        buffers = [
            pa.py_buffer(np.packbits(valid, bitorder="little")),
            pa.py_buffer(np.cumsum(filled, dtype=np.int32)),
            self.values.buffers()[2],
        ]
        return pa.Array.from_buffers(pa.string(), count, buffers)


def split_messages(bodies: pa.Array, separators: Separators, index: FieldIndex) -> SplitMessages:
    """Split messages that share their separators; each body ends with CR."""
    offsets, data = text_offsets(bodies), text_bytes(bodies)
    cuts = _cuts(offsets)
    # slices end between two messages, so each can be split without the others
    slices = [split_slice(data, offsets[a : b + 1], separators, index) for a, b in pairwise(cuts)]
    whole = MessageSlice(
        *(np.concatenate(each) for each in zip(*_renumber(slices, cuts), strict=True))
    )
    # stable, so values of a slot stay in order; slots and names have 16 bits, so this is a radix
    # sort, linear in the number of values
    order = np.argsort(whole.slot, kind="stable")
    values = _gather(bodies.buffers()[2], whole.start, whole.end, order)
    # the same for segments: those of one name, in order, are the rows of its table
    by_name = np.argsort(whole.names, kind="stable")
    name_bounds = _bounds(whole.names, len(index.names) + 1)
    local = np.empty(len(by_name), np.int64)
    local[by_name] = np.arange(len(by_name)) - name_bounds[whole.names[by_name]]
    return SplitMessages(
        index=index,
        values=values,
        repetition=whole.repetition.take(order),
        bounds=_bounds(whole.slot, len(index.slot_of) + 1),
        segment=whole.segment,
        field=whole.field,
        repeat=whole.repeat,
        by_name=by_name,
        name_bounds=name_bounds,
        local=local,
        rows=whole.rows,
        ordinals=whole.ordinals,
        groups=whole.groups,
        has_escape=_holding(values, separators.escape),
        has_subcomponent=_holding(values, separators.subcomponent),
    )


def _cuts(offsets: Ints) -> list[int]:
    """Cut messages into slices of bounded size: the first of each, and how many there are."""
    number = (offsets[1:] - offsets[0]) // SLICE
    return [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(offsets) - 1]


def _renumber(slices: Sequence[MessageSlice], cuts: Sequence[int]) -> list[MessageSlice]:
    """Number the repetitions, segments and messages of all slices through."""
    repetitions = segments = 0
    renumbered = []
    for each, first in zip(slices, cuts, strict=False):
        renumbered.append(
            each._replace(
                repetition=each.repetition + repetitions,
                segment=each.segment + segments,
                rows=each.rows + first,
            )
        )
        repetitions, segments = repetitions + len(each.segment), segments + len(each.rows)
    return renumbered


def _gather(data: pa.Buffer | None, starts: Ints, ends: Ints, order: Ints) -> pa.Array:
    """Copy some stretches of text that follow each other into another order.

    Arrow has no kernel that copies by start and end. But starts and ends by turns are the offsets
    of a column in which every other text is what lies between two values:

        start end start end        offsets of  value, between, value
    """
    if not len(order):
        return pa.array([], pa.string())
    edges = np.empty(2 * len(starts), np.int32)
    edges[0::2], edges[1::2] = starts, ends
    buffers = [None, pa.py_buffer(edges), data]
    return pa.Array.from_buffers(pa.string(), len(edges) - 1, buffers).take(pa.array(order * 2))


def _bounds(numbers: Ints, count: int) -> Ints:
    """Return where each of `count` numbers starts when they are sorted, and where the last ends."""
    return np.append(0, np.cumsum(np.bincount(numbers, minlength=count)))


def _holding(values: pa.Array, character: str) -> Bools | None:
    """Mark the values that hold a character; None when none does, which is the usual case."""
    data = text_bytes(values)
    if not character or not len(data):
        return None
    found = np.flatnonzero(data == ord(character))
    if not len(found):
        return None
    marked = np.zeros(len(values), bool)
    offsets = text_offsets(values)
    marked[np.searchsorted(offsets, found[found < offsets[-1]], side="right") - 1] = True
    return marked
