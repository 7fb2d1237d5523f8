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
from lakeward.core.errors import SpecError, UsageError
from lakeward.core.files import sha256_of
from lakeward.core.paths import Home
from lakeward.lake.release import Release
from lakeward.lake.tables import Lake
from lakeward.landing.sources import Facility
from lakeward.worklists import audit, outbox
from lakeward.worklists.day_release import Held, standing
from lakeward.worklists.documents import (
    Order,
    count_actions,
    manifest_of,
    meta_of,
    notice_of,
    short_name,
)
from lakeward.worklists.outbox import Folder
from lakeward.worklists.output_formats import csv_bytes, json_bytes, text_bytes
from lakeward.worklists.rows import (
    count_suppressed,
    export_columns,
    is_same_list,
    read_rows,
    with_actions,
)

SERVICE = "service:lakeward"


@dataclass(frozen=True)
class Export:
    """What the consumer finds: `published` now, `unchanged` since an earlier run, or `blocked`.

    `revision` is the one shown, 0 when blocked; `actions` and `suppressed` are counts.
    """

    worklist: str
    consumer: str
    folder: Path
    state: Literal["published", "unchanged", "blocked"]
    revision: int = 0
    rows: int = 0
    actions: Mapping[str, int] = field(default_factory=dict)
    suppressed: Mapping[str, int] = field(default_factory=dict)
    stale: bool = False
    held_by: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


def deliver(
    lake: Lake,
    home: Home,
    contract: Contract,
    day: date,
    *,
    facility: Facility,
    principal: str = SERVICE,
) -> Export:
    """Look up how a list stands on a day and export accordingly; what jobs call."""
    found = standing(lake, contract, day)
    return export(
        lake,
        home,
        contract,
        found.release,
        day,
        held=found.held,
        facility=facility,
        principal=principal,
    )


def export(
    lake: Lake,
    home: Home,
    contract: Contract,
    release: Release | None,
    day: date,
    *,
    held: Held | None,
    facility: Facility,
    principal: str = SERVICE,
) -> Export:
    """Bring the consumer's folder of a day to what the release says.

    Args:
        lake: Where the released tables lie.
        home: Gives the outbox.
        contract: The worklist's contract.
        release: The last good release; None when there never was one.
        day: The business day.
        held: Why the day's own list was not released, if so.
        facility: Gives the time zone and the name in file names.
        principal: Who acts, for the audit.

    Raises:
        SpecError: The contract names no consumer.
        UsageError: The release is of another day and nothing was held.
    """
    if not contract.consumer:
        raise SpecError(f"contract {contract.id}", "names no consumer", "a folder of the outbox")
    stem = f"{facility.id}_{short_name(contract)}_{day:%Y%m%d}"
    folder = Folder(home.outbox / contract.consumer / day.isoformat(), stem)
    if held and (contract.staleness == "block" or release is None):
        return _block(contract, day, facility, held, folder)
    if release is None or (release.day != day and not held):
        raise UsageError(
            f"worklist {short_name(contract)}",
            f"has no release of {day}",
            "a release of that day, or the reason why it was held",
            f"run `lakeward run --day {day}`",
        )
    return _publish(lake, Order(contract, release, day, facility, held, folder), principal)


def _publish(lake: Lake, order: Order, principal: str) -> Export:
    zone = ZoneInfo(order.facility.time_zone)
    columns = export_columns(order.contract)
    rows = read_rows(lake, order.contract, order.release, zone, order.stale_since)
    last = outbox.delivered(order.folder)
    blocked = (order.folder.path / outbox.BLOCKED).exists()
    if last and not blocked and is_same_list(rows, last.rows, columns):
        meta, told = dict(last.meta), last.rows
    else:
        meta = meta_of(order, last, columns, len(rows))
        told = with_actions(rows, last.rows if last else [], columns)
    revision = int(str(meta["revision"]))
    files = {
        order.folder.name(revision, "csv"): csv_bytes(columns, told),
        order.folder.name(revision, "json"): json_bytes(meta, told),
    }
    suppressed = count_suppressed(lake, order.worklist, order.release.day)
    done = outbox.is_in_place(order.folder, revision, files)
    if not done:
        audit.record(lake, _entry(order, principal, revision, len(rows), files))
        manifest = manifest_of(order, meta, told, files, suppressed)
        outbox.publish(order.folder, revision, files, text_bytes(manifest))
    return Export(
        worklist=order.worklist,
        consumer=order.contract.consumer,
        folder=order.folder.path,
        state="unchanged" if done else "published",
        revision=revision,
        rows=len(rows),
        actions=count_actions(told),
        suppressed=suppressed,
        stale=order.held is not None,
        held_by=order.held.rules if order.held else (),
        files=tuple(files),
    )


def _block(contract: Contract, day: date, facility: Facility, held: Held, folder: Folder) -> Export:
    last = outbox.delivered(folder)
    notice = notice_of(contract, day, facility, held, last.revision if last else None)
    outbox.block(folder, text_bytes(notice))
    return Export(
        short_name(contract), contract.consumer, folder.path, "blocked", held_by=held.rules
    )


def _entry(
    order: Order, principal: str, revision: int, count: int, files: Mapping[str, bytes]
) -> audit.Entry:
    return audit.Entry(
        action="export",
        principal=principal,
        purpose=order.contract.purpose,
        consumer=order.contract.consumer,
        worklist=order.worklist,
        day=order.day,
        revision=revision,
        files=tuple(f"{n} sha256:{sha256_of(c)}" for n, c in files.items()),
        row_count=count,
        contract_version=order.contract.version,
        release_id=order.release.release_id,
    )
