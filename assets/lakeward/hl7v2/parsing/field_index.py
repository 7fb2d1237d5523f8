"""The fields and components that segment specs ask for, as look-up tables for `columnar`.

    key    segment * 256 + field      one number for a field of a segment
           |
           v
    first  0 0 1 0 4 0 …              where the components of the field start in `slots`; 0: none
    width  0 0 3 0 1 0 …              how many of its components are looked at
               |   |
               v   v
    slots  0 | 1 0 2 | 3 | …          number of each component that is asked for, 0 for others

Here field 2 has a width of 3: its components 1 and 3 are slots 1 and 2, nobody asks for 2. Field 4
has one component, slot 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lakeward.hl7v2.arrays import Ints
from lakeward.hl7v2.parsing.segments import SegmentSpec

HEADERS = frozenset({"MSH", "FHS", "BHS"})
"""Segments whose first field is the separator itself, so their fields count from one less.

Source: HL7 v2.5.1 chapter 2, section 2.15.9.1 (MSH-1).
"""

FIELDS = 256
"""Fields from here on are not looked for; the longest segment of the standard has 70."""


@dataclass(frozen=True)
class FieldIndex:
    """The components that some specs ask for, as look-up tables.

    Attributes:
        names: Segment names as numbers, sorted.
        first: By key (`segment * 256 + field`) where its components start in `slots`; 0 when no
            spec asks for the field.
        width: By key the highest component that is asked for.
        slots: Number of each component; 0 for one that nobody asks for. 16 bits wide, since NumPy
            sorts such numbers by radix, in one pass over the values and not by comparing them.
        slot_of: Number of each (segment, field, component).
    """

    names: Ints
    first: Ints
    width: Ints
    slots: Ints
    slot_of: dict[tuple[str, int, int], int]

    @classmethod
    def build(cls, specs: Sequence[SegmentSpec]) -> "FieldIndex":
        """Number all components that some specs ask for."""
        ordered = sorted(specs, key=lambda spec: segment_code(spec.segment))
        # one segment more than there are specs: all names without a spec, of which nothing is asked
        first = np.zeros((len(specs) + 1) * FIELDS, np.int32)
        width = np.zeros_like(first)
        slots: list[int] = [0]
        slot_of: dict[tuple[str, int, int], int] = {}
        for index, spec in enumerate(ordered):
            for field, components in sorted(_components(spec).items()):
                separators = field - field_shift(spec.segment)
                if not 0 < separators < FIELDS:
                    continue
                key = index * FIELDS + separators
                first[key], width[key] = len(slots), max(components)
                for component in range(1, max(components) + 1):
                    is_asked = component in components
                    slots.append(len(slot_of) + 1 if is_asked else 0)
                    if is_asked:
                        slot_of[spec.segment, field, component] = len(slot_of) + 1
        names = np.array([segment_code(spec.segment) for spec in ordered], np.int64)
        return cls(names, first, width, np.array(slots, np.uint16), slot_of)


def _components(spec: SegmentSpec) -> dict[int, set[int]]:
    """List the components that a spec asks for, by field."""
    found: dict[int, set[int]] = {}
    for leaf in spec.leaves:
        found.setdefault(leaf.field, set()).add(leaf.component)
    for child in spec.children:
        for field, _ in child.fields:
            found.setdefault(field, set()).update(leaf.component for leaf in child.leaves)
    return found


@lru_cache(maxsize=512)
def segment_code(name: str) -> int:
    """Return a segment name as a number: its three bytes, the first one highest."""
    return int.from_bytes(name.encode("ascii"), "big")


def field_shift(segment: str) -> int:
    """Return how many fields of a segment come before its first separator: 1 in headers, else 0."""
    return 1 if segment in HEADERS else 0
