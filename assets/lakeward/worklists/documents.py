"""What a delivery says about itself: the JSON file's meta, the manifest, the block notice.

Pure functions. No wall clock and no run in any of them, so the same release and the same deliveries
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
from lakeward.worklists.day_release import Held
from lakeward.worklists.outbox import Delivered, Folder
from lakeward.worklists.rows import ACTION, KEY, RANK, Row, plain

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Order:
    """Everything about one delivery that does not depend on its rows."""

    contract: Contract
    release: Release
    day: date
    facility: Facility
    held: Held | None
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
        return self.as_of if self.held else None


def short_name(contract: Contract) -> str:
    """Give the name of a worklist as people say it: the table's, without its prefix."""
    return contract.name.partition("__")[2]


def meta_of(
    order: Order, last: Delivered | None, columns: Sequence[str], count: int
) -> dict[str, object]:
    """Describe a new revision of a list."""
    return {
        "schema_version": SCHEMA_VERSION,
        "worklist": order.worklist,
        "facility": order.facility.id,
        "day": order.day.isoformat(),
        "time_zone": order.facility.time_zone,
        "as_of": order.as_of,
        "contract": {"id": order.contract.id, "version": order.contract.version},
        "revision": last.revision + 1 if last else 1,
        "supersedes": last.revision if last else None,
        "stale": order.held is not None,
        "stale_since": order.stale_since,
        "row_count": count,
        "columns": list(columns),
    }


def manifest_of(
    order: Order,
    meta: Mapping[str, object],
    told: Sequence[Row],
    files: Mapping[str, bytes],
    suppressed: Mapping[str, int],
) -> dict[str, object]:
    """Describe a revision's files and counts, for machines that pick them up."""
    exported = int(str(meta["row_count"]))
    return {
        **{name: value for name, value in meta.items() if name not in {"row_count", "columns"}},
        "consumer": order.contract.consumer,
        "purpose": order.contract.purpose,
        "owner": order.contract.owner,
        "release_id": order.release.release_id,
        "held_by": list(order.held.rules) if order.held else [],
        "row_key": KEY,
        "sort": [RANK],
        "files": [
            {
                "name": name,
                "format": name.rpartition(".")[2],
                "bytes": len(content),
                "sha256": sha256_of(content),
                "rows": len(told),
                "columns": meta["columns"],
            }
            for name, content in files.items()
        ],
        "counts": {
            "eligible": exported + sum(suppressed.values()),
            "exported": exported,
            "suppressed": dict(suppressed),
        },
        "actions": count_actions(told),
    }


def notice_of(
    contract: Contract, day: date, facility: Facility, held: Held, withdrawn: int | None
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
        "held": {"unit": held.unit, "rules": list(held.rules), "count": len(held.rules)},
        "withdrawn_revision": withdrawn,
        "owner": contract.owner,
    }


def count_actions(told: Sequence[Row]) -> dict[str, int]:
    """Count rows by action."""
    counts = Counter(str(row[ACTION]) for row in told)
    return {name: counts[name] for name in ("new", "changed", "unchanged", "removed")}
