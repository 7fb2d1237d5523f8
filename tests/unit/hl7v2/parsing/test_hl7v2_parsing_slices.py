"""The index arrays of a slice are those that are drawn in its module."""

import numpy as np

from lakeward.hl7v2.parsing.escapes import Separators
from lakeward.hl7v2.parsing.field_index import FieldIndex
from lakeward.hl7v2.parsing.segments import packaged_specs
from lakeward.hl7v2.parsing.slices import _find_separators, split_slice

SEGMENT = b"PID|1|7^MR~8\r"


def test_separators_are_found_as_drawn() -> None:
    marks = _find_separators(np.frombuffer(SEGMENT, np.uint8), Separators())
    assert marks.positions.tolist() == [3, 5, 7, 10, 12]
    assert marks.stops.tolist() == [0, 1, 3, 4]
    assert bytes(marks.stop_kinds) == b"||~\r"
    assert marks.closing.tolist() == [3]
    assert marks.sizes.tolist() == [4]
    assert list(zip(marks.begins.tolist(), marks.ends.tolist(), strict=True)) == [
        (0, 3), (4, 5), (6, 10), (11, 12),
    ]  # fmt: skip


def test_values_are_found_by_field_component_and_repetition() -> None:
    """PID-1 and the identifier of PID-2 are asked for; that of its second repetition too."""
    index = FieldIndex.build(packaged_specs())
    data, offsets = np.frombuffer(SEGMENT, np.uint8), np.array([0, len(SEGMENT)], np.int32)
    found = split_slice(data, offsets, Separators(), index)
    texts = [SEGMENT[a:b] for a, b in zip(found.start.tolist(), found.end.tolist(), strict=True)]
    slots = [index.slot_of["PID", 1, 1], *[index.slot_of["PID", 2, 1]] * 2]
    assert texts == [b"1", b"7", b"8"]
    assert found.slot.tolist() == slots
    assert found.field[found.repetition].tolist() == [1, 2, 2]
    assert found.repeat[found.repetition].tolist() == [1, 1, 2]
