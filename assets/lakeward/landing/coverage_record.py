"""Table `source_coverage`: what was known of each source when a day was built.

Kept, since a list is issued again from its release: what has arrived since must not make its
sources look better than they were. What the values mean is decided in `coverage`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from lakeward.core.paths import Home, replayed
from lakeward.core.phi import Phi
from lakeward.lake.query import connect
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    arrow_schema,
    ensure_table,
    newest_version,
    write,
)
from lakeward.landing.coverage import DeliveredDay, SourceCoverage, cover
from lakeward.landing.deliveries import Delivery, deliveries
from lakeward.landing.expected_files import EXPORT_FILE
from lakeward.landing.ledger import LEDGER_ENTRY
from lakeward.landing.source_failures import source_failures
from lakeward.landing.sources import Inventory, Source

COVERAGE = TableSpec(
    name="source_coverage",
    description="How far and how whole each source was known when a day was built",
    grain="One row per day, source and time at which it was recorded; the last one counts",
    columns=(
        Column("day", "DATE", Phi.N, "Business day"),
        Column("source", "VARCHAR", Phi.N, "Source"),
        Column("owner", "VARCHAR", Phi.N, "Whom to ask about it"),
        Column("provides", "VARCHAR[]", Phi.N, "Its subjects"),
        Column("state", "VARCHAR", Phi.N, "What became of the delivery that was due"),
        Column(
            "known_until",
            "TIMESTAMP WITH TIME ZONE",
            Phi.N,
            "End of the last day whose delivery is loaded; NULL: nothing ever was",
        ),
        Column("days_behind", "BIGINT", Phi.N, "Days by which that is older than the cadence"),
        Column("delivered_on", "DATE", Phi.N, "Day of the newest complete delivery"),
        Column("found", "BIGINT", Phi.N, "Records of that delivery"),
        Column("kept", "BIGINT", Phi.N, "Records of it in the lake: stored or duplicate"),
        Column("quarantined", "BIGINT", Phi.N, "Records of it that are rejected"),
        Column("waiting", "BIGINT", Phi.N, "Files of it that are not loaded"),
        Column("promised_missing", "BIGINT", Phi.N, "Promised files and records that are missing"),
        Column("expected_at_least", "BIGINT", Phi.N, "Records below which the volume is low"),
        Column("gaps", "DATE[]", Phi.N, "Days of the last week without a loaded delivery"),
        Column("recorded_at", "TIMESTAMP WITH TIME ZONE", Phi.N, "When it was recorded"),
    ),
)
QUARANTINE = "quarantine"
"""Table of rejected records, by its name: the package that owns it stands on this one."""

_NAMES = tuple(each.name for each in fields(SourceCoverage))
_HISTORY = timedelta(days=40)
"""Deliveries that are looked at: enough for volumes of earlier weeks, see `coverage`."""


def coverage_of(lake: Lake, home: Home, inventory: Inventory, day: date) -> list[SourceCoverage]:
    """Decide how far each source is known on a day, from landing and ledger as they are now."""
    files = _ledger_files(lake, day, _open_records(lake))
    promised = _promised_files(lake, day)
    failing: dict[str, date] = {}
    for failure in source_failures(lake):
        failing[failure.source] = min(failure.since, failing.get(failure.source, failure.since))
    return [
        cover(
            source,
            inventory.facility,
            day,
            _delivered(_deliveries(home, source, day), files.get(source.name, []), promised, home),
            failed_since=failing.get(source.name),
        )
        for source in inventory.sources
    ]


def _deliveries(home: Home, source: Source, day: date) -> list[Delivery]:
    """List what a source delivered; nothing is known of one that cannot be read."""
    with suppress(OSError):  # on record in `source_failure`
        return deliveries(home.landing, source.name, day)
    return []


def record_coverage(lake: Lake, coverage: Sequence[SourceCoverage], day: date) -> None:
    """Keep what is known of the sources of a day, unless it is what was kept last."""
    ensure_table(lake, COVERAGE)
    if recorded_coverage(lake, day) == list(coverage):
        return
    now = datetime.now(UTC)
    rows = [
        {
            **{name: getattr(each, name) for name in _NAMES},
            "provides": list(each.provides),
            "gaps": list(each.gaps),
            "recorded_at": now,
        }
        for each in coverage
    ]
    write(lake, COVERAGE, pa.Table.from_pylist(rows, arrow_schema(COVERAGE)), mode="append")


def recorded_coverage(
    lake: Lake, day: date, known_at: datetime | None = None
) -> list[SourceCoverage]:
    """Read what was kept of a day last, or last before an instant; empty: nothing was."""
    if newest_version(lake, COVERAGE.name) is None:
        return []
    with connect(lake, tables=[COVERAGE.name]) as connection:
        rows = connection.execute(
            f"select {', '.join(_NAMES)} from source_coverage where day = $day and recorded_at = ("
            " select max(recorded_at) from source_coverage"
            " where day = $day and ($known_at is null or recorded_at <= $known_at))",
            {"day": day, "known_at": known_at},
        ).fetchall()
    found = [dict(zip(_NAMES, row, strict=True)) for row in rows]
    return [
        SourceCoverage(**each | {n: tuple(each[n]) for n in ("provides", "gaps")}) for each in found
    ]


@dataclass(frozen=True)
class _File:
    """One file as the ledger has it; counts are 0 while it waits."""

    received: int
    day: date
    file: str
    is_waiting: bool
    found: int
    kept: int
    quarantined: int
    promised: int | None
    repeats: int | None
    is_of_export: bool


def _open_records(lake: Lake) -> Mapping[tuple[str, int], int] | None:
    """Count the rejected records that are still open, by source and file; None: no such table."""
    if newest_version(lake, QUARANTINE) is None:
        return None
    with connect(lake, tables=[QUARANTINE]) as connection:
        rows = connection.execute(
            "select source, received, count(*) from quarantine where state = 'open' group by all"
        ).fetchall()
    return {(source, received): count for source, received, count in rows}


def _ledger_files(
    lake: Lake, day: date, still_open: Mapping[tuple[str, int], int] | None
) -> Mapping[str, list[_File]]:
    files: dict[str, list[_File]] = defaultdict(list)
    if newest_version(lake, LEDGER_ENTRY.name) is None:
        return files
    with connect(lake, tables=[LEDGER_ENTRY.name]) as connection:
        rows = connection.execute(
            "select source, received, day, file, state = 'received', coalesce(found, 0),"
            " coalesce(stored, 0) + coalesce(duplicate, 0), coalesce(quarantined, 0),"
            " case when state <> 'ignored' then promised end, repeats,"
            " transaction_time is not null from ("
            " select *, max(step) over (partition by source, received) as last_step"
            " from ledger_entry where day <= ?) where step = last_step order by received",
            [day],
        ).fetchall()
    for source, *row in rows:
        file = _File(*row)
        if still_open is not None:
            # what somebody discarded is decided: it is held against its source no longer
            file = replace(file, quarantined=still_open.get((source, file.received), 0))
        files[source].append(file)
    return files


def _promised_files(lake: Lake, day: date) -> Mapping[date, set[str]]:
    """Return the files that the newest manifests of the last weeks promise, by day."""
    promised: dict[date, set[str]] = defaultdict(set)
    if newest_version(lake, EXPORT_FILE.name) is None:
        return promised
    with connect(lake, tables=[EXPORT_FILE.name]) as connection:
        rows = connection.execute(
            "select day, file from (select *, max(revision) over (partition by source, manifest)"
            " as newest from export_file where day <= ?)"
            " where revision = newest and file is not null and kind <> 'outcome'",
            [day],
        ).fetchall()
    for of, file in rows:
        promised[of].add(file)
    return promised


def _delivered(
    arrived: Sequence[Delivery],
    files: Sequence[_File],
    promised: Mapping[date, set[str]],
    home: Home,
) -> list[DeliveredDay]:
    """Bring landing and ledger of one source together, a delivery a day."""
    folders = {delivery.day: delivery for delivery in arrived}
    by_day: dict[date, list[_File]] = defaultdict(list)
    for file in files:
        by_day[file.day].append(file)
    # of a folder that was cleared away, the ledger still knows what it held
    days = sorted(folders.keys() | by_day.keys())
    # with the first of all: a volume is not compared with it
    recent = [d for d in days if d == days[0] or days[-1] - d <= _HISTORY]
    of = {file.received: file.day for file in files}
    return [_of_day(d, by_day[d], folders.get(d), promised.get(d, set()), of, home) for d in recent]


def _brings_back(replay: _File, file: _File) -> bool:
    origin = replayed(replay.file)
    return origin is not None and origin[1] == file.received and replay.kept > 0


def _of_day(
    day: date,
    files: Sequence[_File],
    folder: Delivery | None,
    promised: set[str],
    days: Mapping[int, date],
    home: Home,
) -> DeliveredDay:
    entered = {f.file for f in files}
    on_disk = {p.relative_to(home.landing).as_posix() for p in (folder.files if folder else ())}
    # rejected records that came again count once, as what became of them then
    first = [f for f in files if not replayed(f.file)]
    again = [f for f in files if replayed(f.file)]
    full = [f for f in first if f.found]
    prefix = folder.source if folder else ""
    lost = {f for f in promised if f.startswith(f"{prefix}/")} - entered if folder else set()
    return DeliveredDay(
        day=day,
        # a file that is in landing and not in the ledger could not even be entered
        waiting=sum(f.is_waiting for f in files) + len(on_disk - entered),
        found=sum(f.found for f in first),
        kept=sum(f.kept for f in files),
        quarantined=sum(f.quarantined for f in first),
        rejected_files=sum(
            # a replay names the file that its records came from
            f.quarantined == f.found > 0 and not any(_brings_back(a, f) for a in again)
            for f in first
        )
        + (len(folder.not_read) + len(folder.refused) if folder else 0),
        promised_missing=sum(max(0, (f.promised or 0) - f.found) for f in first if not f.is_waiting)
        + len(lost),
        is_vouched=any(f.promised == 0 for f in first)
        or bool(folder and any(not m.files for m in folder.manifests.values())),
        is_repeated=bool(full)
        and all(
            f.repeats is not None and days[f.repeats] < day and not f.is_of_export for f in full
        ),
    )
