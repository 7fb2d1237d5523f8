"""Decimals keep the text that they were delivered with, `1.10` or twenty digits.

DuckDB reads JSON numbers as doubles, and a dose of `1.10` would become `1.1`: FHIR says that the
precision is part of the value. So in a record that holds a number which a double would not return
as it was, the decimals that views read are rewritten as JSON strings, which DuckDB keeps:

    {"valueQuantity": {"value": 1.10, "unit": "mg"}}   as delivered
    {"valueQuantity": {"value": "1.10"}}               as parsed, if the view reads only the value

Rewriting a record costs Python; few need it, and a pattern finds them.

Source: FHIR R4, "decimal" (hl7.org/fhir/R4/datatypes.html#decimal).
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite
from typing import Any

import pyarrow as pa

from lakeward.sqlonfhir.structure import Node

_LOSES_TEXT = "|".join(
    (
        r"\d+\.\d+0[\s,}\]]",  # 1.10 would become 1.1; 7.0 stays 7.0 and is not matched
        r"\d+(?:\.\d+)?[eE]",  # 1e2 would become 100.0
        r"\d[\d.]{16}",  # 0.1234567890123456 has more digits than a double is sure of
        r"0\.000",  # 0.00001 would become 1e-05
        r"\d{16}",  # 1234567890123456, the same without a point
        r"0[\s,}\]]",  # -0 would become 0; plain 0 matches too, which costs time only
    )
)
_SUSPECT = rf"\s*:\s*-?(?:{_LOSES_TEXT})"
"""What follows the name of a decimal, in quotes, if a double may not return its text."""

_FUNCTION = "with_decimal_text"
_MAX_DIGITS = 4000
"""Digits of a whole number that Python reads for certain; it rejects those beyond 4300."""


class _Number(str):
    """The text of a number; a type of its own, since a JSON string in its position is no number."""

    __slots__ = ()


TextFunction = Callable[[pa.ChunkedArray], pa.Array]
"""Maps the texts of a chunk of rows to other texts, one for each."""


def exact(
    register: Callable[[str, TextFunction], object], relation: str, used: Node, carried: str = ""
) -> str:
    """Return the SQL of a relation whose records, parsed, have decimals with their text.

    Args:
        register: Makes a function known, by name, to the connection that runs the SQL; the next
            call replaces it.
        relation: Has a column `resource`.
        used: What is read of a resource.
        carried: Names of other columns to keep, each with a comma behind it.
    """
    names = sorted(set(_decimals(used)))
    if not names:
        return relation
    register(_FUNCTION, partial(_rewritten, used))
    # one pattern for each name: what begins with a fixed text is found four times as fast
    suspect = " or ".join(f"""regexp_matches(resource, '"{n}"{_SUSPECT}')""" for n in names)
    return (
        f"(select {carried}case when {suspect} then {_FUNCTION}(resource)"
        f" else resource end as resource from {relation})"
    )


def _decimals(node: Node) -> Iterator[str]:
    """Yield the names of the elements that are decimals."""
    for name, child in node.children.items():
        if child.type == "decimal":
            yield name
        yield from _decimals(child)


def _rewritten(used: Node, records: pa.ChunkedArray) -> pa.Array:
    return pa.array([decimal_text(text, used) for text in records.to_pylist()], pa.string())


def decimal_text(text: str, used: Node) -> str:
    """Return what is used of a record, its decimals as JSON strings.

    A record that Python cannot read is returned as it is: DuckDB then decides about it.
    """
    try:
        record = json.loads(
            text, parse_float=_Number, parse_int=_whole, object_pairs_hook=_first_of_a_name
        )
        return json.dumps(_pruned(record, used))  # as ASCII: a lone surrogate has no UTF-8
    except (ValueError, RecursionError):
        return text


def _whole(text: str) -> int | _Number:
    # an int has no -0
    return _Number(text) if text == "-0" or len(text) > _MAX_DIGITS else int(text)


def _first_of_a_name(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keep the first of several values of a name, as DuckDB does; Python would keep the last."""
    return dict(reversed(pairs))


def _pruned(value: Any, node: Node) -> Any:
    """Return the elements that are used; others need not be written and parsed again."""
    if isinstance(value, list):
        return [_pruned(item, node) for item in value]
    if isinstance(value, dict) and node.children and not node.as_json:
        children = node.children.items()
        return {name: _pruned(value[name], child) for name, child in children if name in value}
    return str(value) if node.type == "decimal" and _is_number(value) else _as_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, _Number | int) and not isinstance(value, bool)


def _as_number(value: Any) -> Any:
    """Turn texts of numbers back into numbers, for what is read as JSON or is no decimal."""
    if isinstance(value, list):
        return [_as_number(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_number(item) for name, item in value.items()}
    if isinstance(value, _Number) and isfinite(number := float(value)):
        return number  # 1e400 is infinite, for which JSON has no number: it stays a text
    return value
