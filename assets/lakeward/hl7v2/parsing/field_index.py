"""The places in messages that segment specs ask for, as look-up tables for `tokens`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakeward.hl7v2.parsing.segments import SegmentSpec

Ints = NDArray[np.integer[Any]]

HEADERS = frozenset({"MSH", "FHS", "BHS"})
"""Segments whose first field is the separator itself, so their fields count from one less."""

FIELDS = 256
"""Fields from here on are not looked for; the longest segment of the standard has 70."""


@dataclass(frozen=True)
class Wanted:
    """The places that some specs ask for, as look-up tables.

    Attributes:
        names: Segment names as numbers, sorted.
        first: For segment and field (`segment * 256 + field`) where its components start in
            `slots`; 0 when no spec asks for the field.
        width: The highest component asked for, by the same index.
        slots: Number of each place; 0 is nowhere.
        places: Number of each (segment, field, component).
    """

    names: Ints
    first: Ints
    width: Ints
    slots: Ints
    places: dict[tuple[str, int, int], int]

    @classmethod
    def of(cls, specs: Sequence[SegmentSpec]) -> "Wanted":
        """Number all places of some specs."""
        ordered = sorted(specs, key=lambda spec: name_code(spec.segment))
        first = np.zeros((len(specs) + 1) * FIELDS, np.int32)
        width = np.zeros_like(first)
        slots: list[int] = [0]
        places: dict[tuple[str, int, int], int] = {}
        for index, spec in enumerate(ordered):
            for field, components in sorted(_components(spec).items()):
                at = index * FIELDS + field - shift(spec.segment)
                if not 0 < field - shift(spec.segment) < FIELDS:
                    continue
                first[at], width[at] = len(slots), max(components)
                for component in range(1, max(components) + 1):
                    wanted = component in components
                    slots.append(len(places) + 1 if wanted else 0)
                    if wanted:
                        places[spec.segment, field, component] = len(places) + 1
        names = np.array([name_code(spec.segment) for spec in ordered], np.int64)
        return cls(names, first, width, np.array(slots, np.uint16), places)


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
def name_code(name: str) -> int:
    """Give a segment name as a number."""
    return int.from_bytes(name.encode("ascii"), "big")


def shift(name: str) -> int:
    """Say by how much the fields of a segment count from less than its separators."""
    return 1 if name in HEADERS else 0
