"""SQL text that the checks of `rule_types` share. Nothing here runs it."""

from collections.abc import Callable

from lakeward.contracts.model import Aggregates, Contract, ContractColumn
from lakeward.core.errors import SpecError


def quoted(name: str) -> str:
    """Return an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | float | bool) -> str:  # noqa: FBT001  a YAML scalar
    """Return a scalar of a contract as SQL."""
    # before numbers: a bool is an int in Python, and `True` no literal of SQL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("'", "''") + "'"


def count_values(column: str, condition: str) -> Aggregates:
    """Count the values of a column, NULL being none, and the rows on which a condition is true."""
    return Aggregates(f"count({quoted(column)})", f"count(*) filter (where {condition})", condition)


def count_rows(condition: str) -> Aggregates:
    """Count all rows, and those on which a condition is true."""
    return Aggregates("count(*)", f"count(*) filter (where {condition})", condition)


def any_element(column: ContractColumn, condition: Callable[[str], str]) -> str:
    """Apply a condition to the value of a column, or to each element when it is a list."""
    if column.logical_type != "array":
        return condition(quoted(column.name))
    found = f"list_filter({quoted(column.name)}, lambda element: {condition('element')})"
    return f"len({found}) > 0"


def column_of(contract: Contract, name: str) -> ContractColumn:
    """Return a column that a check names.

    Raises:
        SpecError: The contract does not promise it; `rules` rejects such a contract first.
    """
    column = contract.column(name)
    if column is None:
        raise SpecError(
            f"contract {contract.name}", f"has no column {name}", "a column of the contract"
        )
    return column
