"""Rows of a released worklist as plain values.

Only columns of the contract's allow-list leave. What became of a row since the consumer saw it
belongs to `changes`, file formats to `output_formats`.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from lakeward.contracts import Contract
from lakeward.contracts.list_terms import LISTED_UNTIL
from lakeward.core.errors import SpecError
from lakeward.lake.query import connect, register_table, snapshot
from lakeward.lake.release import Release, current
from lakeward.lake.tables import Lake

Plain = str | int | float | bool | None
Row = Mapping[str, Plain]
"""One row of a list by column name: those of `export_columns`, grain as the contract says."""

ACTION, STALE_SINCE, KEY, RANK = "action", "stale_since", "row_id", "rank"
NOTICE = "source_notice"
COMPUTED = (ACTION, STALE_SINCE, NOTICE)
SUPPRESSION, ALREADY_PAST = "worklist__suppression", "already_past"


def export_columns(contract: Contract) -> tuple[str, ...]:
    """Return the columns of the files, in order; what marks a list as a whole is in each row."""
    columns = [name for name in contract.export_columns if name not in COMPUTED]
    if KEY not in columns or RANK not in columns:
        raise SpecError(
            f"contract {contract.id}", "exportColumns lack row_id or rank", "both", "add them"
        )
    added = [ACTION] if contract.staleness == "block" else [ACTION, STALE_SINCE]
    after = columns.index(KEY) + 1
    # last: a row is read for what is to be done, and the notice is the same in each
    return (*columns[:after], *added, *columns[after:], NOTICE)


def read_rows(
    lake: Lake,
    contract: Contract,
    release: Release,
    zone: ZoneInfo,
    stale_since: str | None,
    notice: str | None = None,
) -> list[Row]:
    """Read the pinned version of a list, by rank.

    Each row has the columns of `export_columns` but `action`, which `changes` adds, and for a list
    whose rows leave once `listed_until`, which does not leave; instants are ISO text in `zone`, and
    `stale_since` (an instant as text) and `notice` are the same in every row.

    A column that an older version does not have is empty: a rollback may pin a version from before
    the contract grew.
    """
    version = release.pins[contract.name]
    pinned = snapshot(lake, contract.name, version)
    present = {name for name, _ in pinned.columns} if pinned else set()
    exported = [name for name in export_columns(contract) if name not in COMPUTED]
    exported += [LISTED_UNTIL] if contract.terms.is_sent_once else []
    select = ", ".join(f'"{n}"' if n in present else f'null as "{n}"' for n in exported)
    with connect() as connection:
        register_table(connection, lake, contract.name, version)
        # by key within a rank: the order of ties would be the engine's, and the bytes with it
        sql = f'select {select} from "{contract.name}" order by "{RANK}", "{KEY}"'
        found = connection.sql(sql).to_arrow_table().to_pylist()
    stale: dict[str, Plain] = {} if contract.staleness == "block" else {STALE_SINCE: stale_since}
    stale[NOTICE] = notice
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


def past_keys(lake: Lake, worklist: str, day: date) -> frozenset[str]:
    """Return the row_id of each candidate that a list of a day left out because it had begun."""
    release = current(lake, SUPPRESSION, day=day)
    if release is None:
        return frozenset()
    with connect() as connection:
        register_table(connection, lake, SUPPRESSION, release.pins[SUPPRESSION])
        found = connection.execute(
            f"select row_id from {SUPPRESSION} where worklist = ? and reason = ?",
            [worklist, ALREADY_PAST],
        ).fetchall()
    return frozenset(str(key) for (key,) in found)


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
