"""Up to where a source is held, who is in its group, and so what to ask for next; pure.

    next_since = min(transactionTime, the server's time of the kick-off) - overlap

because some servers give the end of the job as transactionTime and lose what changed meanwhile.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict

from lakeward.fhir.bulk.state import Job, Purpose
from lakeward.landing.bulk import BulkExport


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def but(self, **changes: object) -> Self:
        """Give a copy with some fields changed."""
        return self.model_copy(update=changes)


class Member(_Frozen):
    """A patient's time in the group; one who left and came back has two."""

    patient: str
    valid_from: datetime
    valid_to: datetime | None = None


class Watermark(_Frozen):
    """What a source's complete exports add up to.

    Attributes:
        since: Everything changed up to here is held.
        transaction_time: That of the last complete export, as the server told it.
        full_at: Kick-off of the last complete full export.
        export_id: The last complete export.
        day: Day of its delivery.
        request: Hash of what was asked for; see `request_hash`.
        members: The group's members over time; empty for other levels.
    """

    since: datetime
    transaction_time: datetime | None = None
    full_at: datetime
    export_id: str
    day: str
    request: str
    members: tuple[Member, ...] = ()

    @property
    def present(self) -> set[str]:
        """Give the ids of those who are in the group."""
        return {member.patient for member in self.members if member.valid_to is None}


def request_hash(bulk: BulkExport) -> str:
    """Give a hash of what is asked for: a type or filter added later has no history yet."""
    asked = (bulk.base_url, bulk.level, bulk.group, sorted(bulk.types), bulk.membership)
    more = (sorted(bulk.elements), sorted(bulk.type_filters), sorted(bulk.associated_data))
    return hashlib.sha256(json.dumps([asked, more]).encode()).hexdigest()[:16]


def must_be_full(bulk: BulkExport, held: Watermark | None, now: datetime) -> bool:
    """Say whether everything is asked for: first time, changed wishes, or the regular check."""
    if held is None or bulk.since_mode == "none" or held.request != request_hash(bulk):
        return True
    return now - held.full_at >= timedelta(days=bulk.full_export_every_days)


def next_since(bulk: BulkExport, job: Job, transaction_time: datetime | None) -> datetime:
    """Give the instant from which the next export must ask."""
    known = [t for t in (transaction_time, job.kicked_off_at, job.until) if t is not None]
    return min(known) - timedelta(minutes=bulk.overlap_minutes)


def advanced(
    bulk: BulkExport,
    held: Watermark | None,
    job: Job,
    transaction_time: datetime | None,
    named: tuple[str, str],
) -> Watermark:
    """Give the watermark after a complete export; it never goes back.

    Args:
        bulk: The source's settings.
        held: The watermark before.
        job: The job that brought the changes, or everything.
        transaction_time: That of its manifest.
        named: Id and day of the export.
    """
    since = next_since(bulk, job, transaction_time)
    began = job.kicked_off_at or since
    is_full = job.purpose is Purpose.full
    return Watermark(
        since=since if held is None or is_full else max(since, held.since),
        transaction_time=transaction_time,
        full_at=began if held is None or is_full else held.full_at,
        export_id=named[0],
        day=named[1],
        request=request_hash(bulk),
        members=held.members if held else (),
    )


def joined(held: Watermark | None, present: Iterable[str]) -> list[str]:
    """List, in order, those in the group whom the watermark does not know as members."""
    return sorted(set(present) - (held.present if held else set()))


def with_members(mark: Watermark, present: Iterable[str], at: datetime) -> Watermark:
    """Enter who joined and who left; leaving is no deletion, so nothing else follows from it."""
    now = set(present)
    members = [
        m.but(valid_to=at) if m.valid_to is None and m.patient not in now else m
        for m in mark.members
    ]
    members += [Member(patient=p, valid_from=at) for p in joined(mark, now)]
    return mark.but(members=tuple(members))
