"""What differs between two versions of a table: which rows, in which columns.

Rows are matched by their key. Why they differ, and whose table it is, is not known here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakeward.core.errors import SpecError
from lakeward.core.phi import Phi
from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import Lake, TableSpec

# Keys that we make are UUIDv5 in a namespace that only the deployment knows, so they name nobody;
# an identifier of a source in a key column could be a medical record number.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Change:
    """One row that was added, changed or removed.

    Attributes:
        table: The table.
        change: `added`, `changed` or `removed`.
        key: Key columns; one that could identify a person holds None.
        columns: Columns that differ; none of an added or removed row.
        before: The values that differ, as they were (PHI): show them only where asked to.
        after: The values that differ, as they are (PHI): show them only where asked to.
    """

    table: str
    change: str
    key: Mapping[str, Any]
    columns: tuple[str, ...]
    before: Mapping[str, Any] = field(repr=False)  # no value in a log by accident
    after: Mapping[str, Any] = field(repr=False)


def changes(
    lake: Lake, spec: TableSpec, key: Sequence[str], before: int | None, after: int | None
) -> list[Change]:
    """Return the rows that differ between two versions of a table, in order of the key.

    Args:
        lake: Where the table lives.
        spec: Its columns.
        key: Columns that are unique in each version.
        before: The older version; None stands for a table without rows.
        after: The newer version; None likewise.

    Raises:
        SpecError: The versions have other columns than the spec.
    """
    if before == after:
        return []
    names = [column.name for column in spec.columns]
    listed = ", ".join(f'"{name}"' for name in names)
    keys = ", ".join(f'"{name}"' for name in key)
    old, new = (_select(lake, spec.name, version, listed) for version in (before, after))
    with connect() as connection:
        connection.execute(f"create temp table old as {old}")
        connection.execute(f"create temp table new as {new}")
        rows = connection.sql(
            f"with only_old as (select * from old except all select * from new),"
            f" only_new as (select * from new except all select * from old)"
            f" select 'before' as side, {listed} from only_old"
            f" union all select 'after', {listed} from only_new order by {keys}"
        ).fetchall()
    return _paired(spec, key, names, rows)


def _select(lake: Lake, table: str, version: int | None, columns: str) -> str:
    # a table that did not exist yet is shown as it is now, without its rows: it needs columns
    shown = snapshot(lake, table, version) if version is not None else snapshot(lake, table)
    if shown is None:
        raise SpecError(f"table {table}", "does not exist in this version", "a version of its log")
    return f"select {columns} from ({shown.select()})" + (" where false" if version is None else "")


def _paired(
    spec: TableSpec, key: Sequence[str], names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> list[Change]:
    sides: dict[tuple[Any, ...], dict[str, Mapping[str, Any]]] = {}
    for side, *values in rows:
        row = dict(zip(names, values, strict=True))
        sides.setdefault(tuple(row[name] for name in key), {})[side] = row
    return [
        _change(spec, key, pair.get("before", {}), pair.get("after", {})) for pair in sides.values()
    ]


def _change(
    spec: TableSpec, key: Sequence[str], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Change:
    kind = "changed" if before and after else "added" if after else "removed"
    row = after or before
    differ = [name for name in row if before.get(name) != after.get(name)]
    return Change(
        table=spec.name,
        change=kind,
        key={c.name: _without_phi(c.phi, row[c.name]) for c in spec.columns if c.name in key},
        columns=tuple(differ) if kind == "changed" else (),
        before={name: before[name] for name in differ if before},
        after={name: after[name] for name in differ if after},
    )


def _without_phi(phi: Phi, value: Any) -> Any:
    """Return a value that identifies nobody, None for others: keys that we made are UUIDs."""
    is_uuid = isinstance(value, str) and _UUID.fullmatch(value)
    return value if phi is Phi.N or is_uuid else None
