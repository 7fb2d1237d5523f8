"""From a worklist row back to the file and the message or line behind it.

Names files and positions, never their content: no name, no time of a visit, no value of a record.
The other way, from a record to its effect, is in `record_trace`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lakeward.contracts import Contract, load_contracts
from lakeward.core.errors import UsageError
from lakeward.core.paths import Home
from lakeward.lake.query import DatabaseError, connect, register_table, snapshot
from lakeward.lake.release import Release, history
from lakeward.lake.tables import Lake
from lakeward.landing.stored_records import StoredRecords
from lakeward.worklists.documents import short_name
from lakeward.worklists.record_origin import (
    Origin,
    Step,
    found_rows,
    origin_of,
    records_of,
    steps_of_row,
)


@dataclass(frozen=True)
class Trace:
    """A worklist row's way back: the change behind it, and all that led to it."""

    row_id: str
    worklist: str
    day: date
    table_version: int
    release_id: str | None
    origin: Origin
    steps: tuple[Step, ...]

    def lines(self) -> list[str]:
        """Render the trace as text for a terminal."""
        row = f"{self.worklist} of {self.day}, table version {self.table_version}"
        release = f", release {self.release_id}" if self.release_id else ", not released"
        steps = [f"  {step}: {step.origin}" for step in self.steps]
        return [row + release, f"change: {self.origin}", "events:", *(steps or ["  none"])]


def trace(lake: Lake, home: Home, row_id: str, formats: Sequence[StoredRecords]) -> Trace:
    """Find a row in any worklist, current or earlier, and follow it back.

    Args:
        lake: Holds worklists and raw records.
        home: Its `landing` holds the files.
        row_id: As it stands in an exported file.
        formats: In whose raw tables the records behind the row may be.

    Raises:
        UsageError: No worklist holds or held such a row.
    """
    found = find_row(lake, row_id)
    if found is None:
        raise UsageError(
            "trace",
            "no worklist holds this row",
            "a row_id of an exported list",
            "copy it from a file",
        )
    return follow_row(lake, home, found, formats)


@dataclass(frozen=True)
class FoundRow:
    """A row, the version of the worklist that it stands in, and the release of that."""

    contract: Contract
    version: int
    release: Release | None
    row: Mapping[str, Any]


def find_row(lake: Lake, row_id: str, known_at: datetime | None = None) -> FoundRow | None:
    """Find a row in any worklist, current or earlier; or in what was released by an instant."""
    # a row_id does not say which list it is of, so all are searched
    for contract in load_contracts().values():
        if contract.consumer:
            for version, release in _versions(lake, contract, known_at):
                row = _row(lake, contract.name, version, row_id)
                if row is not None:
                    return FoundRow(contract, version, release, row)
    return None


def follow_row(
    lake: Lake,
    home: Home,
    found: FoundRow,
    formats: Sequence[StoredRecords],
    known_at: datetime | None = None,
) -> Trace:
    """Follow a row back to its records."""
    row, release = found.row, found.release
    with connect() as connection:
        records = records_of(connection, lake, home, formats, known_at=known_at)
        return Trace(
            row_id=row["row_id"],
            worklist=short_name(found.contract),
            day=row["day"],
            table_version=found.version,
            release_id=release.release_id if release else None,
            origin=origin_of(records, row["source_ref"]),
            steps=steps_of_row(records, row),
        )


def _versions(
    lake: Lake, contract: Contract, known_at: datetime | None
) -> Iterator[tuple[int, Release | None]]:
    """Yield a table's versions: released ones first, newest first, then the others."""
    newest = snapshot(lake, contract.name)
    released: dict[int, Release] = {}
    for decision in history(lake, contract.unit):
        known = known_at is None or decision.created_at <= known_at
        if decision.state == "released" and contract.name in decision.pins and known:
            released.setdefault(decision.pins[contract.name], decision)
    yield from released.items()
    if known_at is not None:
        return
    # held versions, too: whoever looks into a hold has the row_id of a candidate
    for version in range(newest.version if newest else -1, -1, -1):
        if version not in released:
            yield version, None


def _row(lake: Lake, table: str, version: int, row_id: str) -> dict[str, Any] | None:
    with connect() as connection:
        try:
            register_table(connection, lake, table, version)
            found = found_rows(connection, f'select * from "{table}" where row_id = ?', [row_id])
        except DatabaseError:  # the files of an old version may be vacuumed
            return None
    return found[0] if found else None
