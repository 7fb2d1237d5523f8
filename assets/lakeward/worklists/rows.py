"""Rows of a released worklist as plain values, and their action since the day's last export.

Only columns of the contract's allow-list are ever selected. File formats belong to
`output_formats`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from lakeward.contracts import Contract
from lakeward.core.errors import SpecError
from lakeward.lake.query import connect, register_table, snapshot
from lakeward.lake.release import Release, current
from lakeward.lake.tables import Lake

Plain = str | int | float | bool | None
Row = Mapping[str, Plain]
"""One row of a list by column name: those of `export_columns`, grain as the contract says."""

ACTION, STALE_SINCE, KEY, RANK = "action", "stale_since", "row_id", "rank"
COMPUTED = (ACTION, STALE_SINCE)
NOT_COMPARED = frozenset({ACTION, STALE_SINCE, RANK, "data_as_of"})
"""Columns whose change alone does not make a row `changed`: a row may move up a list untouched."""

SUPPRESSION = "worklist__suppression"


def export_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns of the files, in order; a list that may be stale says so in each row."""
    columns = [name for name in contract.export_columns if name not in COMPUTED]
    if KEY not in columns or RANK not in columns:
        raise SpecError(
            f"contract {contract.id}", "exportColumns lack row_id or rank", "both", "add them"
        )
    added = [ACTION] if contract.staleness == "block" else [ACTION, STALE_SINCE]
    after = columns.index(KEY) + 1
    return (*columns[:after], *added, *columns[after:])


def read_rows(
    lake: Lake, contract: Contract, release: Release, zone: ZoneInfo, stale_since: str | None
) -> list[Row]:
    """Read the pinned version of a list, by rank.

    Each row has the columns of `export_columns` but `action`, which `with_actions` adds; instants
    are ISO text in `zone`, and `stale_since` (an instant as text) is the same in every row.

    A column that an older version does not have is empty: a rollback may pin a version from before
    the contract grew.
    """
    version = release.pins[contract.name]
    pinned = snapshot(lake, contract.name, version)
    present = {name for name, _ in pinned.columns} if pinned else set()
    exported = [name for name in export_columns(contract) if name not in COMPUTED]
    select = ", ".join(f'"{n}"' if n in present else f'null as "{n}"' for n in exported)
    with connect() as connection:
        register_table(connection, lake, contract.name, version)
        # by key within a rank: the order of ties would be the engine's, and the bytes with it
        sql = f'select {select} from "{contract.name}" order by "{RANK}", "{KEY}"'
        found = connection.sql(sql).to_arrow_table().to_pylist()
    stale: dict[str, Plain] = {} if contract.staleness == "block" else {STALE_SINCE: stale_since}
    return [{name: plain(value, zone) for name, value in row.items()} | stale for row in found]


def count_suppressed(lake: Lake, worklist: str, day: date) -> dict[str, int]:
    """Count the candidates that a list left out on a day, by reason."""
    release = current(lake, SUPPRESSION, day=day)
    if release is None:
        return {}  # counts of another day would not add up with this list
    with connect() as connection:
        register_table(connection, lake, SUPPRESSION, release.pins[SUPPRESSION])
        found = connection.execute(
            f"select reason, count(*) from {SUPPRESSION} where worklist = ?"
            " group by reason order by reason",
            [worklist],
        ).fetchall()
    return {str(reason): int(count) for reason, count in found}


def plain(value: object, zone: ZoneInfo) -> Plain:
    """Turn a value into what JSON can say; instants become ISO text in the facility's zone."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    # before `date`: a datetime is a date, too
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        # JSON has no decimals: 3 stays 3, not 3.0
        return int(value) if value == value.to_integral_value() else float(value)
    raise SpecError("worklist column", f"type {type(value).__name__}", "a plain value", "cast it")


def with_actions(rows: Iterable[Row], before: Sequence[Row], columns: Sequence[str]) -> list[Row]:
    """Add to each row whether it is new, changed or unchanged, and list removed rows once.

    Only exports of one day are compared: a `row_id` is made of the day, so that rows of two days
    never match.

    Args:
        rows: The list as it is now.
        before: The same day's list as exported last, tombstones included; empty before the first.
        columns: Columns of the result, in order.

    Returns:
        The rows in their order, then one tombstone per row that is gone, by row_id.
    """
    # a row that was removed before and comes back is new to whoever follows the actions
    remaining = {row[KEY]: row for row in before if row[ACTION] != "removed"}
    listed: list[Row] = []
    for row in rows:
        old = remaining.pop(row[KEY], None)
        action = "new" if old is None else "unchanged" if _same(row, old) else "changed"
        listed.append({name: action if name == ACTION else row[name] for name in columns})
    for key in sorted(remaining, key=str):
        # key and action only: what need not leave does not leave
        gone: dict[str, Plain] = {KEY: key, ACTION: "removed"}
        listed.append({name: gone.get(name) for name in columns})
    return listed


def is_same_list(rows: Sequence[Row], before: Sequence[Row], columns: Sequence[str]) -> bool:
    """Return whether a list says exactly what was exported last, but for actions and tombstones."""
    names = [name for name in columns if name != ACTION]
    # tombstones are listed once; without this a list with tombstones would never be unchanged
    live = [row for row in before if row[ACTION] != "removed"]
    return [{n: r[n] for n in names} for r in rows] == [
        {n: value for n, value in r.items() if n != ACTION} for r in live
    ]


def _same(row: Row, old: Row) -> bool:
    names = (row.keys() | old.keys()) - NOT_COMPARED
    return all(row.get(name) == old.get(name) for name in names)
