"""Parses messages one by one: the exact path, for the few that have separators of their own.

Written to be read beside the standard; `columnar` does the same for many messages at once, and a
property test holds the two equal.

Source: HL7 v2.5.1 chapter 2, sections 2.5.3 and 2.5.4 (fields, message delimiters), 2.6 (message
construction rules) and 2.7 (escape sequences).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from lakeward.hl7v2.parsing.escapes import Separators, decode_escapes
from lakeward.hl7v2.parsing.field_index import field_shift
from lakeward.hl7v2.parsing.segments import ChildSpec, Leaf, SegmentSpec

Columns = dict[str, list[Any]]


def parse_one_by_one(
    messages: Iterable[tuple[int, str, str]],
    separators: Separators,
    specs: Sequence[SegmentSpec],
) -> dict[str, Columns]:
    """Parse messages into the texts of every flat table that gets rows, by column.

    Grain: one entry per segment, in child tables one per repeat of their fields that holds a value.
    Columns: `row`, `segment`, `patient_group`, for child tables `repeat` (and `kind`), and a text
    for each leaf of the spec.

    Args:
        messages: Row, body and codec (of bytes in hex escapes) of each.
        separators: Those of all these messages.
        specs: What to look for.
    """
    by_name = {spec.segment: spec for spec in specs}
    found: dict[str, Columns] = {}
    for row, body, codec in messages:
        patients = 0
        for number, segment in enumerate(body.split("\r")[:-1], start=1):
            name, *fields = segment.split(separators.field)
            patients += name == "PID"
            spec = by_name.get(name)
            if spec is not None:
                origin = {"row": row, "segment": number, "patient_group": patients}
                _enter(found, spec, origin, _Fields(fields, field_shift(name), separators, codec))
    return found


class _Fields:
    """The fields of one segment, by their numbers in the standard."""

    def __init__(self, fields: list[str], shift: int, separators: Separators, codec: str) -> None:
        # index 0 is the segment's name; MSH-1 is the separator itself and is in no list of fields
        self._fields = [""] * (shift + 1) + fields
        self._separators = separators
        self._codec = codec

    def repeats(self, number: int) -> list[str]:
        """Split a field into its repeats; none when the segment is shorter."""
        if number >= len(self._fields):
            return []
        field = self._fields[number]
        return field.split(self._separators.repeat) if self._separators.repeat else [field]

    def value(self, repeat: str, leaf: Leaf) -> str | None:
        """Take one value out of a repeat; empty is None.

        Escapes are decoded last: a separator that was escaped belongs to the value and must not
        split it.
        """
        separators = self._separators
        parts = repeat.split(separators.component)
        text = parts[leaf.component - 1] if leaf.component <= len(parts) else ""
        if leaf.subcomponent:
            inner = text.split(separators.subcomponent) if separators.subcomponent else [text]
            text = inner[leaf.subcomponent - 1] if leaf.subcomponent <= len(inner) else ""
        return decode_escapes(text, separators, self._codec) if text else None


def _enter(
    found: dict[str, Columns], spec: SegmentSpec, origin: dict[str, int], fields: _Fields
) -> None:
    """Append the row of a segment, and those of its child tables."""
    row: dict[str, Any] = dict(origin)
    for leaf in spec.leaves:
        repeats = fields.repeats(leaf.field)
        row[leaf.name] = fields.value(repeats[0], leaf) if repeats else None
    _append(found.setdefault(spec.table, {}), row)
    for child in spec.children:
        _enter_children(found, child, origin, fields)


def _enter_children(
    found: dict[str, Columns], child: ChildSpec, origin: dict[str, int], fields: _Fields
) -> None:
    for number, kind in sorted(child.fields, key=lambda pair: pair[0]):
        for at, repeat in enumerate(fields.repeats(number), start=1):
            values = {leaf.name: fields.value(repeat, leaf) for leaf in child.leaves}
            if any(value is not None for value in values.values()):
                head = {**origin, "repeat": at} | ({"kind": kind} if child.has_kind else {})
                _append(found.setdefault(f"hl7v2__{child.table}", {}), head | values)


def _append(columns: Columns, row: dict[str, Any]) -> None:
    for name, value in row.items():
        columns.setdefault(name, []).append(value)
