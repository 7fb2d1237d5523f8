"""Exports one worklist of one day from its release to its consumer's folder.

Reads the pinned Delta version, nothing else; only columns on the contract's allow-list leave.
Actions compare with the list that the consumer got last, of this day or an earlier one.

When the list was held, or its sources are stale, its contract's `staleness` decides. `block`: the
folder holds `_BLOCKED.json` and no row; a revision of that day that was out already is withdrawn,
since newer data could not be vouched for. `previous_day`: the last good rows go out again as a
revision marked stale, in the manifest and in every row. `mark`: where only sources are stale, the
day's rows go out so marked. Once a release heals, a fresh revision replaces any of these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from lakeward.contracts import Contract
from lakeward.core.errors import SpecError
from lakeward.core.files import sha256_of
from lakeward.core.paths import Home
from lakeward.lake.tables import Lake
from lakeward.landing.coverage import SourceCoverage
from lakeward.landing.sources import Facility
from lakeward.worklists import audit, outbox
from lakeward.worklists.changes import Changes, Known, changes_since
from lakeward.worklists.day_release import DayRelease, HeldList, Hold, release_for_day
from lakeward.worklists.documents import (
    WorklistExport,
    count_actions,
    manifest_of,
    meta_of,
    notice_of,
    says_the_same,
    short_name,
)
from lakeward.worklists.outbox import ExportedRevision, Folder
from lakeward.worklists.output_formats import document_bytes, formats_of
from lakeward.worklists.rows import count_suppressed, export_columns, past_keys, read_rows

SERVICE = "service:lakeward"
ALREADY_DELIVERED = "already_delivered"
"""Why a row is left out that an earlier day's list delivered as it is."""


@dataclass(frozen=True)
class ExportedList:
    """What the consumer finds: `exported` now, `unchanged` since an earlier run, or `blocked`.

    `revision` is the one shown, 0 when blocked; `actions` and `suppressed` are counts; `found` is
    what was decided on the day, with what is known of the sources.
    """

    worklist: str
    consumer: str
    folder: Path
    state: Literal["exported", "unchanged", "blocked"]
    found: DayRelease | HeldList
    revision: int = 0
    rows: int = 0
    actions: Mapping[str, int] = field(default_factory=dict)
    suppressed: Mapping[str, int] = field(default_factory=dict)
    stale: bool = False
    held_by: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def export_worklist(
    lake: Lake,
    home: Home,
    contract: Contract,
    day: date,
    *,
    facility: Facility,
    coverage: Sequence[SourceCoverage],
    failure: Hold | None = None,
    principal: str = SERVICE,
) -> ExportedList:
    """Bring the consumer's folder of a day to what is released.

    Args:
        lake: Where the released tables lie.
        home: Names the outbox.
        contract: The worklist's contract.
        day: The business day.
        facility: Its time zone is that of all times, its id begins the names of files.
        coverage: What was known of the sources on that day.
        failure: Why the night of the day failed, where it did.
        principal: Who acts, for the audit.

    Raises:
        SpecError: The contract names no consumer, or a format that there is not.
    """
    if not contract.consumer:
        raise SpecError(f"contract {contract.id}", "names no consumer", "a folder of the outbox")
    stem = f"{facility.id}_{short_name(contract)}_{day:%Y%m%d}"
    folder = Folder(home.outbox / contract.consumer / day.isoformat(), stem)
    outbox.tidy(folder)
    found = release_for_day(lake, contract, day, coverage, failure)
    if isinstance(found, HeldList):
        return _block(contract, day, facility, found, folder)
    export = WorklistExport(contract, found, day, facility, folder)
    return _export_revision(lake, export, principal)


def _export_revision(lake: Lake, export: WorklistExport, principal: str) -> ExportedList:
    columns = export_columns(export.contract)
    current = read_rows(
        lake, export.contract, export.release, export.zone, export.stale_since, export.notice
    )
    last = outbox.last_exported(export.folder)
    before = last or outbox.exported_before(export.folder, export.day)
    changes = changes_since(
        # what has begun since it was delivered is over: it was not cancelled
        _known(export, last, before).without(past_keys(lake, export.worklist, export.release.day)),
        current,
        columns,
        export.contract.terms,
        export.values_of_the_list(columns),
    )
    revision = _next_revision(export, changes, last, before, columns)
    files = {
        export.folder.name(revision.revision, each.suffix): each.render(
            columns, revision.meta, [{name: row[name] for name in columns} for row in revision.rows]
        )
        for each in formats_of(export.contract)
    }
    # of the day of the rows: a stale list shows yesterday's rows with yesterday's counts
    suppressed = count_suppressed(lake, export.worklist, export.release.day)
    if changes.earlier:
        suppressed[ALREADY_DELIVERED] = len(changes.earlier)
    count = int(revision.meta["row_count"])
    # asked of the files, not of `last`: a lost file is written again as the same revision
    done = outbox.is_in_place(export.folder, revision.revision, files)
    if not done:
        # before the files: what cannot be audited does not leave
        audit.record_entry(lake, _entry(export, principal, revision.revision, count, files))
        manifest = manifest_of(export, revision.meta, revision.rows, files, suppressed)
        outbox.put_revision(export.folder, revision, files, document_bytes(manifest))
    return ExportedList(
        worklist=export.worklist,
        consumer=export.contract.consumer,
        folder=export.folder.path,
        state="unchanged" if done else "exported",
        revision=revision.revision,
        rows=count,
        actions=count_actions(revision.rows),
        suppressed=suppressed,
        stale=export.found.is_stale,
        held_by=export.hold.rules if export.hold else (),
        files=tuple(files),
        found=export.found,
    )


def _known(
    export: WorklistExport, last: ExportedRevision | None, before: ExportedRevision | None
) -> Known:
    """Return what the consumer knows before this export."""
    if last is not None:
        return last.known
    if before is None:
        return Known()
    folder = Folder(export.folder.path.parent / before.meta["day"], export.folder.stem)
    return before.known.on_a_later_day(
        export.day, export.contract.terms, is_withdrawn=outbox.is_withdrawn(folder)
    )


def _next_revision(
    export: WorklistExport,
    changes: Changes,
    last: ExportedRevision | None,
    before: ExportedRevision | None,
    columns: Sequence[str],
) -> ExportedRevision:
    """Return the revision to show: the last one when nothing is different since."""
    # a blocked folder has no rows any more: even an unchanged list must come back as a revision
    blocked = (export.folder.path / outbox.BLOCKED).exists()
    if last and not blocked and changes.same_as(last.known) and says_the_same(last.meta, export):
        # the same bytes again: a run that is repeated finds its files in place
        return last
    live = sum(row["action"] != "removed" for row in changes.listed)
    meta = meta_of(export, last, before, columns, live)
    return ExportedRevision(meta, list(changes.listed), list(changes.earlier))


def _block(
    contract: Contract, day: date, facility: Facility, held: HeldList, folder: Folder
) -> ExportedList:
    last = outbox.last_exported(folder)
    # the revision that is withdrawn is named: somebody may be acting on it already
    notice = notice_of(contract, day, facility, held, last.revision if last else None)
    outbox.block(folder, document_bytes(notice))
    return ExportedList(
        short_name(contract),
        contract.consumer,
        folder.path,
        "blocked",
        held,
        held_by=held.hold.rules,
    )


def _entry(
    export: WorklistExport, principal: str, revision: int, count: int, files: Mapping[str, bytes]
) -> audit.AuditEntry:
    return audit.AuditEntry(
        action="export",
        principal=principal,
        purpose=export.contract.purpose,
        consumer=export.contract.consumer,
        worklist=export.worklist,
        day=export.day,
        revision=revision,
        files=tuple(f"{n} sha256:{sha256_of(c)}" for n, c in files.items()),
        row_count=count,
        contract_version=export.contract.version,
        release_id=export.release.release_id,
    )
