"""What an export says about itself: the JSON file's meta, the manifest, the block notice.

Pure functions. No wall clock and no run in any of them, so the same release and the same exports
before it give the same bytes. Writing them belongs to `outbox`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from zoneinfo import ZoneInfo

from lakeward.contracts import Contract, load_contracts
from lakeward.core.files import sha256_of
from lakeward.lake.release import Release
from lakeward.landing.sources import Facility
from lakeward.worklists.changes import AS_OF
from lakeward.worklists.day_release import Cause, DayRelease, HeldList, Hold
from lakeward.worklists.freshness import (
    ListFreshness,
    local_minute,
    source_entries,
    subject_entries,
)
from lakeward.worklists.outbox import SCHEMA_VERSION, ExportedRevision, Folder
from lakeward.worklists.rows import ACTION, KEY, NOTICE, RANK, STALE_SINCE, Row, plain


@dataclass(frozen=True)
class WorklistExport:
    """Everything about one export that does not depend on its rows; with a `hold` it is stale."""

    contract: Contract
    found: DayRelease
    day: date
    facility: Facility
    folder: Folder

    @property
    def worklist(self) -> str:
        """Short name of the list."""
        return short_name(self.contract)

    @property
    def release(self) -> Release:
        """The release whose rows go out."""
        return self.found.release

    @property
    def hold(self) -> Hold | None:
        """Why they are not those of the day."""
        return self.found.hold

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of all times."""
        return ZoneInfo(self.facility.time_zone)

    @property
    def as_of(self) -> str:
        """Cut-off of the data, in the facility's zone."""
        return str(plain(self.release.as_of, self.zone))

    @property
    def data_as_of(self) -> str | None:
        """Up to when all sources of the rows are known; None when one never was."""
        at = plain(self.found.of_rows.data_as_of, self.zone)
        return str(at) if at is not None else None

    @property
    def stale_since(self) -> str | None:
        """The same, when the rows are not up to the day."""
        return (self.data_as_of or self.as_of) if self.found.is_stale else None

    @property
    def condition(self) -> str:
        """Whether the list is fresh, marked or stale."""
        return self.found.condition

    @property
    def notice(self) -> str | None:
        """The line that goes with the list in every format; None when it is fresh."""
        if self.hold is None:
            return self.found.of_rows.notice(self.zone)
        known = local_minute(self.found.of_rows.data_as_of, self.zone)
        return (
            f"STALE: rows of {self.release.day}, sources known until {known};"
            f" {'; '.join(self.hold.in_words)}"
        )

    def values_of_the_list(self, columns: Sequence[str]) -> Row:
        """Return the values that are the same in all its rows, of the columns that it has."""
        values = {AS_OF: self.data_as_of, STALE_SINCE: self.stale_since, NOTICE: self.notice}
        return {name: value for name, value in values.items() if name in columns}


def short_name(contract: Contract) -> str:
    """Return the name of a worklist as people say it: the table's, without its prefix."""
    return contract.name.partition("__")[2]


def lists_by_name() -> dict[str, Contract]:
    """Return the contracts of the worklists that have a consumer, by their short names."""
    return {short_name(c): c for c in load_contracts().values() if c.consumer}


def meta_of(
    export: WorklistExport,
    last: ExportedRevision | None,
    before: ExportedRevision | None,
    columns: Sequence[str],
    count: int,
) -> dict[str, object]:
    """Describe a new revision of a list.

    Args:
        export: What is exported.
        last: The revision of the same day that it supersedes.
        before: The list that its actions compare with, of this or an earlier day.
        columns: Columns of its files.
        count: Rows, removed ones not counted.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "worklist": export.worklist,
        "facility": export.facility.id,
        "day": export.day.isoformat(),
        "time_zone": export.facility.time_zone,
        "as_of": export.as_of,
        # what the contract promises; `as_of` is what this list stands on
        "planned": {
            "made_at": _planned(export.contract.terms.made_at, "night"),
            "cut_off": _planned(export.contract.terms.cut_off, "end of day"),
        },
        "data_as_of": export.data_as_of,
        "contract": {"id": export.contract.id, "version": export.contract.version},
        "revision": last.revision + 1 if last else 1,
        "supersedes": last.revision if last else None,
        "changed_since": {n: before.meta[n] for n in ("day", "revision")} if before else None,
        "condition": export.condition,
        "stale": export.found.is_stale,
        "stale_since": export.stale_since,
        "notice": export.notice,
        **_known(export.found.today, export.zone),
        "row_count": count,
        "columns": list(columns),
    }


def _planned(local: time | None, otherwise: str) -> str:
    return f"{local:%H:%M}" if local else otherwise


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
        "cause": export.hold.cause if export.hold else None,
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
    contract: Contract, day: date, facility: Facility, held: HeldList, withdrawn: int | None
) -> dict[str, object]:
    """Say in place of a blocked list why there is none; rule ids only, no value of a record."""
    hold, zone = held.hold, ZoneInfo(facility.time_zone)
    return {
        "schema_version": SCHEMA_VERSION,
        "worklist": short_name(contract),
        "facility": facility.id,
        "day": day.isoformat(),
        "time_zone": facility.time_zone,
        "contract": {"id": contract.id, "version": contract.version},
        "cause": hold.cause,
        "reason": _REASONS[hold.cause],
        "because": list(hold.because),
        "remedy": hold.remedy or _REMEDIES[hold.cause],
        "held": {"unit": hold.unit, "rules": list(hold.rules), "count": len(hold.rules)},
        "data_as_of": plain(held.today.data_as_of, zone),
        **_known(held.today, zone),
        "withdrawn_revision": withdrawn,
        "owner": contract.owner,
    }


def says_the_same(last: Mapping[str, object], export: WorklistExport) -> bool:
    """Return whether a revision that went out says of its sources what is to be said now."""
    now = {
        "as_of": export.as_of,
        "stale_since": export.stale_since,
        "condition": export.condition,
        "notice": export.notice,
        "data_as_of": export.data_as_of,
        **_known(export.found.today, export.zone),
    }
    return all(last.get(name) == value for name, value in now.items())


def _known(freshness: ListFreshness, zone: ZoneInfo) -> dict[str, object]:
    return {
        "subjects": subject_entries(freshness, zone),
        "sources": source_entries(freshness, zone),
    }


_REASONS: Mapping[Cause, str] = {
    "contract": "The list of this day was held: its data broke the contract. Send nothing.",
    "source": "The list of this day was held: a source that it stands on is stale. Send nothing.",
    "file": "The list of this day was not built: a file of a table is damaged. Send nothing.",
    "disk": "The list of this day was not built: the disk is full. Send nothing.",
    "step": "The list of this day was not built: a step of the night failed. Send nothing.",
    "not_built": "The list of this day was not built: no night got as far. Send nothing.",
}
_REMEDIES: Mapping[Cause, str] = {
    "contract": "read the quality history for the rules, mend their cause, run the day again",
    "source": "have the delivery sent, land it for its day, run the day again",
    "file": "restore the folder of the table from a backup, run the day again",
    "disk": "make room on the disk of the home, run the day again",
    "step": "read the failed run in the Dagster UI, mend the cause, run the day again",
    "not_built": "run the day",
}


def count_actions(rows: Sequence[Row]) -> dict[str, int]:
    """Count rows by action."""
    counts = Counter(str(row[ACTION]) for row in rows)
    # all four, also those that are 0: a consumer need not know which keys may be absent
    return {name: counts[name] for name in ("new", "changed", "unchanged", "removed")}
