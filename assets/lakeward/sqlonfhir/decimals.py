"""Decimals keep the text that they were delivered with, `1.10` or twenty digits.

DuckDB reads JSON numbers as doubles. So where a record holds one that a double would not give back,
the decimals that views read are handed to it as JSON strings, which it takes over as they are.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite
from typing import Any

import pyarrow as pa

from lakeward.sqlonfhir.structure import Node

# A number with a last zero after the point (`7.0` is given back), with an exponent, more than
# fifteen digits or as small as to be given back with an exponent, and minus zero.
_SUSPECT = r"\s*:\s*-?(?:\d+\.\d+0[\s,}\]]|\d+(?:\.\d+)?[eE]|\d[\d.]{16}|0\.000|\d{16}|0[\s,}\]])"
_FUNCTION = "with_decimal_text"
_MAX_DIGITS = 4000
"""Python refuses to read longer whole numbers."""


class _Number(str):
    """The text of a number."""

    __slots__ = ()


TextFunction = Callable[[pa.ChunkedArray], pa.Array]
"""Texts of a chunk of rows to other texts, one for each."""


def exact(
    register: Callable[[str, TextFunction], object], relation: str, used: Node, carried: str = ""
) -> str:
    """Give the SQL of a relation whose records, parsed, have decimals with their text.

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
    # one pattern a name: what begins with a fixed text is found four times as fast
    suspect = " or ".join(f"""regexp_matches(resource, '"{n}"{_SUSPECT}')""" for n in names)
    return (
        f"(select {carried}case when {suspect} then {_FUNCTION}(resource)"
        f" else resource end as resource from {relation})"
    )


def _decimals(node: Node) -> Iterator[str]:
    """Give the names of the elements that are decimals."""
    for name, child in node.children.items():
        if child.type == "decimal":
            yield name
        yield from _decimals(child)


def _rewritten(used: Node, records: pa.ChunkedArray) -> pa.Array:
    return pa.array([decimal_text(text, used) for text in records.to_pylist()], pa.string())


def decimal_text(text: str, used: Node) -> str:
    """Give what is used of a record, its decimals as JSON strings; the record if it cannot be."""
    try:
        record = json.loads(
            text, parse_float=_Number, parse_int=_whole, object_pairs_hook=_first_of_a_name
        )
        return json.dumps(_pruned(record, used))  # as ASCII: a lone surrogate has no UTF-8
    except (ValueError, RecursionError):
        return text


def _whole(text: str) -> int | _Number:
    return _Number(text) if text == "-0" or len(text) > _MAX_DIGITS else int(text)


def _first_of_a_name(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Take the first of several values, as DuckDB does."""
    return dict(reversed(pairs))


def _pruned(value: Any, node: Node) -> Any:
    if isinstance(value, list):
        return [_pruned(item, node) for item in value]
    if isinstance(value, dict) and node.children and not node.as_json:
        children = node.children.items()
        return {name: _pruned(value[name], child) for name, child in children if name in value}
    return str(value) if node.type == "decimal" and _is_number(value) else _as_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, _Number | int) and not isinstance(value, bool)


def _as_number(value: Any) -> Any:
    """Make numbers of texts again, where an element is wanted as JSON or is no decimal."""
    if isinstance(value, list):
        return [_as_number(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_number(item) for name, item in value.items()}
    if isinstance(value, _Number) and isfinite(number := float(value)):
        return number
    return value
