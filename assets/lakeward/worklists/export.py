"""Exports one worklist of one day from its release to its consumer's folder.

Reads the pinned Delta version, nothing else; only columns on the contract's allow-list leave.

When the list was held, its contract's `staleness` decides. `block`: the folder holds
`_BLOCKED.json` and no row; a revision of that day that was out already is withdrawn, since newer
data could not be vouched for. `previous_day`: the last released rows go out again as a revision
marked stale, in the manifest and in every row. Once a release heals, a fresh revision replaces
either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from lakeward.contracts import Contract
from lakeward.core.errors import SpecError
from lakeward.core.files import sha256_of
from lakeward.core.paths import Home
from lakeward.lake.tables import Lake
from lakeward.landing.sources import Facility
from lakeward.worklists import audit, outbox
from lakeward.worklists.day_release import Hold, release_for_day
from lakeward.worklists.documents import (
    WorklistExport,
    count_actions,
    manifest_of,
    meta_of,
    notice_of,
    short_name,
)
from lakeward.worklists.outbox import Folder
from lakeward.worklists.output_formats import document_bytes, formats_of
from lakeward.worklists.rows import (
    count_suppressed,
    export_columns,
    is_same_list,
    read_rows,
    with_actions,
)

SERVICE = "service:lakeward"


@dataclass(frozen=True)
class ExportedList:
    """What the consumer finds: `exported` now, `unchanged` since an earlier run, or `blocked`.

    `revision` is the one shown, 0 when blocked; `actions` and `suppressed` are counts.
    """

    worklist: str
    consumer: str
    folder: Path
    state: Literal["exported", "unchanged", "blocked"]
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
    principal: str = SERVICE,
) -> ExportedList:
    """Bring the consumer's folder of a day to what is released.

    Args:
        lake: Where the released tables lie.
        home: Names the outbox.
        contract: The worklist's contract.
        day: The business day.
        facility: Its time zone is that of all times, its id begins the names of files.
        principal: Who acts, for the audit.

    Raises:
        SpecError: The contract names no consumer, or a format that there is not.
    """
    if not contract.consumer:
        raise SpecError(f"contract {contract.id}", "names no consumer", "a folder of the outbox")
    stem = f"{facility.id}_{short_name(contract)}_{day:%Y%m%d}"
    folder = Folder(home.outbox / contract.consumer / day.isoformat(), stem)
    found = release_for_day(lake, contract, day)
    if isinstance(found, Hold):
        return _block(contract, day, facility, found, folder)
    export = WorklistExport(contract, found.release, day, facility, found.hold, folder)
    return _export_revision(lake, export, principal)


def _export_revision(lake: Lake, export: WorklistExport, principal: str) -> ExportedList:
    zone = ZoneInfo(export.facility.time_zone)
    columns = export_columns(export.contract)
    current = read_rows(lake, export.contract, export.release, zone, export.stale_since)
    last = outbox.last_exported(export.folder)
    blocked = (export.folder.path / outbox.BLOCKED).exists()
    # a blocked folder has no rows any more: even an unchanged list must come back as a revision
    if last and not blocked and is_same_list(current, last.rows, columns):
        # the same bytes again: a run that is repeated finds its files in place
        meta, rows = dict(last.meta), last.rows
    else:
        meta = meta_of(export, last, columns, len(current))
        rows = with_actions(current, last.rows if last else [], columns)
    revision = int(str(meta["revision"]))
    files = {
        export.folder.name(revision, each.suffix): each.render(columns, meta, rows)
        for each in formats_of(export.contract)
    }
    # of the day of the rows: a stale list shows yesterday's rows with yesterday's counts
    suppressed = count_suppressed(lake, export.worklist, export.release.day)
    # asked of the files, not of `last`: a lost file is written again as the same revision
    done = outbox.is_in_place(export.folder, revision, files)
    if not done:
        # before the files: what cannot be audited does not leave
        audit.record_entry(lake, _entry(export, principal, revision, len(current), files))
        manifest = manifest_of(export, meta, rows, files, suppressed)
        outbox.put_revision(export.folder, revision, files, document_bytes(manifest))
    return ExportedList(
        worklist=export.worklist,
        consumer=export.contract.consumer,
        folder=export.folder.path,
        state="unchanged" if done else "exported",
        revision=revision,
        rows=len(current),
        actions=count_actions(rows),
        suppressed=suppressed,
        stale=export.hold is not None,
        held_by=export.hold.rules if export.hold else (),
        files=tuple(files),
    )


def _block(
    contract: Contract, day: date, facility: Facility, hold: Hold, folder: Folder
) -> ExportedList:
    last = outbox.last_exported(folder)
    # the revision that is withdrawn is named: somebody may be acting on it already
    notice = notice_of(contract, day, facility, hold, last.revision if last else None)
    outbox.block(folder, document_bytes(notice))
    return ExportedList(
        short_name(contract), contract.consumer, folder.path, "blocked", held_by=hold.rules
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
