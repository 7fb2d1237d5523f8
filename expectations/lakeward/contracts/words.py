"""Sentences for rules that carry none of their own, fit for people who run a ward."""

from lakeward.contracts.model import (
    Check,
    ColumnsAsPromised,
    Duplicates,
    Missing,
    Nulls,
    OffPattern,
    OutsideLength,
    OutsideRange,
    OutsideSet,
    RowCount,
    Unreferenced,
)

_ACRONYMS = {"id": "ID", "npi": "NPI", "mrn": "MRN", "fhir": "FHIR", "utc": "UTC", "at": "time"}


def humane(name: str) -> str:
    """Turn a column or table name into words: `admit_at` becomes `admit time`."""
    words = name.rpartition("__")[2].split("_")
    return " ".join(_ACRONYMS.get(word, word) for word in words)


def sentence(check: Check) -> str:
    """Say what holds when the check finds nothing."""
    match check:
        case ColumnsAsPromised():
            return "Every column is there and has the agreed type."
        case RowCount():
            return "The number of rows is as expected."
        case Nulls(column) | Missing(column, _):
            return f"Every row has a value for {humane(column)}."
        case Duplicates(columns):
            return f"No two rows share the same {_together(columns)}."
        case OutsideSet(column, _):
            return f"Every {humane(column)} is one of the agreed values."
        case OffPattern(column, _):
            return f"Every {humane(column)} is written in the agreed form."
        case OutsideRange() | OutsideLength():
            return f"Every {humane(check.column)} is {_limits(check)}."
        case Unreferenced(columns, table, _):
            return f"Every {_together(columns)} is known in {humane(table)}."
        case _:
            return "The agreed condition holds."


def _together(columns: tuple[str, ...]) -> str:
    words = [humane(column) for column in columns]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _limits(check: OutsideRange | OutsideLength) -> str:
    unit = " characters long" if isinstance(check, OutsideLength) else ""
    open_below = isinstance(check, OutsideRange) and check.above_minimum
    open_above = isinstance(check, OutsideRange) and check.below_maximum
    parts = []
    if check.minimum is not None:
        parts.append(f"{'more than' if open_below else 'at least'} {check.minimum}")
    if check.maximum is not None:
        parts.append(f"{'less than' if open_above else 'at most'} {check.maximum}")
    return " and ".join(parts) + unit
