"""SQL conditions that find the rows which break a row-wise rule."""

from collections.abc import Callable

from lakeward.contracts.model import (
    Check,
    ContractColumn,
    Missing,
    Nulls,
    OffPattern,
    OutsideLength,
    OutsideRange,
    OutsideSet,
)
from lakeward.core.errors import SpecError


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | float | bool) -> str:  # noqa: FBT001  a YAML scalar
    """Write a scalar of a contract as SQL."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("'", "''") + "'"


def breaking(check: Check, column: ContractColumn) -> str:
    """Give the condition that is true on a row which breaks the rule."""
    name = quoted(column.name)
    match check:
        case Nulls():
            return f"{name} is null"
        case Missing(_, values):
            return _missing(name, values)
        case OutsideSet(_, values):
            known = ", ".join(literal(value) for value in values)
            return _any_element(column, lambda value: f"{value} not in ({known})")
        case OffPattern(_, pattern):
            text = literal(pattern)
            return _any_element(
                column, lambda value: f"not regexp_matches(cast({value} as varchar), {text})"
            )
        case OutsideRange():
            return _outside(check, name, column.physical_type)
        case OutsideLength(_, minimum, maximum):
            size = f"length({name})"
            parts = [f"{size} < {minimum}"] if minimum is not None else []
            parts += [f"{size} > {maximum}"] if maximum is not None else []
            return " or ".join(parts)
        case _:
            raise SpecError(f"column {column.name}", "the rule is not row-wise", "a row-wise rule")


def _any_element(column: ContractColumn, condition: Callable[[str], str]) -> str:
    """Apply a condition to a value, or to each element of a list."""
    if column.logical_type != "array":
        return condition(quoted(column.name))
    found = f"list_filter({quoted(column.name)}, lambda element: {condition('element')})"
    return f"len({found}) > 0"


def _missing(name: str, values: tuple[str | None, ...]) -> str:
    words = ", ".join(literal(value) for value in values if value is not None)
    parts = [f"{name} is null"] if None in values else []
    parts += [f"coalesce(cast({name} as varchar) in ({words}), false)"] if words else []
    return " or ".join(parts) or "false"


def _outside(check: OutsideRange, name: str, kind: str) -> str:
    parts = []
    for bound, strict, sign in (
        (check.minimum, check.above_minimum, "<"),
        (check.maximum, check.below_maximum, ">"),
    ):
        if bound is not None:
            value = literal(bound)
            value = f"cast({value} as {kind})" if isinstance(bound, str) else value
            parts.append(f"{name} {sign}{'=' if strict else ''} {value}")
    return " or ".join(parts)
