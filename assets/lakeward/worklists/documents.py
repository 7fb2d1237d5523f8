"""What an export says about itself: the JSON file's meta, the manifest, the block notice.

Pure functions. No wall clock and no run in any of them, so the same release and the same exports
before it give the same bytes. Writing them belongs to `outbox`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from lakeward.contracts import Contract
from lakeward.core.files import sha256_of
from lakeward.lake.release import Release
from lakeward.landing.sources import Facility
from lakeward.worklists.day_release import Hold
from lakeward.worklists.outbox import ExportedRevision, Folder
from lakeward.worklists.rows import ACTION, KEY, RANK, Row, plain

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class WorklistExport:
    """Everything about one export that does not depend on its rows; with a `hold` it is stale."""

    contract: Contract
    release: Release
    day: date
    facility: Facility
    hold: Hold | None
    folder: Folder

    @property
    def worklist(self) -> str:
        """Short name of the list."""
        return short_name(self.contract)

    @property
    def as_of(self) -> str:
        """Cut-off of the data, in the facility's zone."""
        return str(plain(self.release.as_of, ZoneInfo(self.facility.time_zone)))

    @property
    def stale_since(self) -> str | None:
        """Cut-off of the data when they are not of the day itself."""
        return self.as_of if self.hold else None


def short_name(contract: Contract) -> str:
    """Return the name of a worklist as people say it: the table's, without its prefix."""
    return contract.name.partition("__")[2]


def meta_of(
    export: WorklistExport, last: ExportedRevision | None, columns: Sequence[str], count: int
) -> dict[str, object]:
    """Describe a new revision of a list."""
    return {
        "schema_version": SCHEMA_VERSION,
        "worklist": export.worklist,
        "facility": export.facility.id,
        "day": export.day.isoformat(),
        "time_zone": export.facility.time_zone,
        "as_of": export.as_of,
        "contract": {"id": export.contract.id, "version": export.contract.version},
        "revision": last.revision + 1 if last else 1,
        "supersedes": last.revision if last else None,
        "stale": export.hold is not None,
        "stale_since": export.stale_since,
        "row_count": count,
        "columns": list(columns),
    }


def manifest_of(
    export: WorklistExport,
    meta: Mapping[str, object],
    rows: Sequence[Row],
    files: Mapping[str, bytes],
    suppressed: Mapping[str, int],
) -> dict[str, object]:
    """Describe a revision's files and counts, for machines that pick them up."""
    exported = int(str(meta["row_count"]))
    return {
        # these two follow below: the count under `counts`, the columns with each file
        **{name: value for name, value in meta.items() if name not in {"row_count", "columns"}},
        "consumer": export.contract.consumer,
        "purpose": export.contract.purpose,
        "owner": export.contract.owner,
        "release_id": export.release.release_id,
        "held_by": list(export.hold.rules) if export.hold else [],
        "row_key": KEY,
        "sort": [RANK],
        "files": [
            {
                "name": name,
                "format": name.rpartition(".")[2],
                "bytes": len(content),
                "sha256": sha256_of(content),
                # lines of the file, tombstones among them; `exported` below leaves those out
                "rows": len(rows),
                "columns": meta["columns"],
            }
            for name, content in files.items()
        ],
        # by definition eligible = exported + suppressed; what is neither never was a candidate
        "counts": {
            "eligible": exported + sum(suppressed.values()),
            "exported": exported,
            "suppressed": dict(suppressed),
        },
        "actions": count_actions(rows),
    }


def notice_of(
    contract: Contract, day: date, facility: Facility, hold: Hold, withdrawn: int | None
) -> dict[str, object]:
    """Say in place of a blocked list why there is none; rule ids only, no value of a record."""
    return {
        "schema_version": SCHEMA_VERSION,
        "worklist": short_name(contract),
        "facility": facility.id,
        "day": day.isoformat(),
        "time_zone": facility.time_zone,
        "contract": {"id": contract.id, "version": contract.version},
        "reason": "The list of this day was held: its data broke the contract. Send nothing.",
        "held": {"unit": hold.unit, "rules": list(hold.rules), "count": len(hold.rules)},
        "withdrawn_revision": withdrawn,
        "owner": contract.owner,
    }


def count_actions(rows: Sequence[Row]) -> dict[str, int]:
    """Count rows by action."""
    counts = Counter(str(row[ACTION]) for row in rows)
    # all four, also those that are 0: a consumer need not know which keys may be absent
    return {name: counts[name] for name in ("new", "changed", "unchanged", "removed")}
