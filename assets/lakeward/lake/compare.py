"""What differs between two versions of a table: which rows, in which columns.

Rows are told by their key. Nothing is said of why, and whose table it is is not known here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lakeward.core.errors import SpecError
from lakeward.core.phi import Phi
from lakeward.lake.query import connect, snapshot
from lakeward.lake.tables import Lake, TableSpec

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Change:
    """One row that was added, changed or removed.

    Attributes:
        key: Key columns that name nobody: others hold None.
        columns: Columns that differ; of an added or removed row none.
        before, after: The values that differ (PHI); shown by nobody who was not asked to.
    """

    table: str
    change: str
    key: Mapping[str, Any]
    columns: tuple[str, ...]
    before: Mapping[str, Any] = field(repr=False)
    after: Mapping[str, Any] = field(repr=False)


def changes(
    lake: Lake, spec: TableSpec, key: Sequence[str], before: int | None, after: int | None
) -> list[Change]:
    """Compare two versions of a table, in order of the key; None is a table without rows.

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
            f"with gone as (select * from old except all select * from new),"
            f" come as (select * from new except all select * from old)"
            f" select 'before' as side, {listed} from gone"
            f" union all select 'after', {listed} from come order by {keys}"
        ).fetchall()
    return _paired(spec, key, names, rows)


def _select(lake: Lake, table: str, version: int | None, columns: str) -> str:
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
        key={c.name: _harmless(c.phi, row[c.name]) for c in spec.columns if c.name in key},
        columns=tuple(differ) if kind == "changed" else (),
        before={name: before[name] for name in differ if before},
        after={name: after[name] for name in differ if after},
    )


def _harmless(phi: Phi, value: Any) -> Any:
    """Let through what names nobody: values without PHI, and keys that are made by us."""
    made = isinstance(value, str) and _UUID.fullmatch(value)
    return value if phi is Phi.N or made else None
