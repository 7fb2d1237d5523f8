"""Up to when a source is stored, who is in its group, and so what to ask for next; pure.

    next_since = min(transactionTime, the server's time at the kick-off) - overlap

The guide promises every change up to `transactionTime` (STU1 and later). HAPI before 8.2 states the
end of the job instead, so what changed while it ran would never come. The time of the kick-off is
safe, and the overlap covers clocks that differ; what comes twice is stored once by the loading.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from lakeward.core.files import sha256_of
from lakeward.fhir.bulk.state import FrozenModel, Job, Purpose
from lakeward.landing.bulk import BulkExport


class Member(FrozenModel):
    """A patient's time in the group, in UTC; one who left and came back has two."""

    patient: str
    valid_from: datetime
    valid_to: datetime | None = None


class Watermark(FrozenModel):
    """What a source's complete exports add up to; all times are in UTC.

    Attributes:
        since: Everything that changed up to here is stored.
        transaction_time: That of the last complete export, as the server stated it.
        full_at: Kick-off of the last complete full export.
        export_id: The last complete export.
        day: Business day of its delivery, `YYYY-MM-DD`.
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
        """Return the ids of the patients who are in the group now."""
        return {member.patient for member in self.members if member.valid_to is None}


def request_hash(bulk: BulkExport) -> str:
    """Return a hash of what is asked for.

    A type or filter that is added later has no history in the lake, so a watermark counts only for
    the request that it was made by. How a request is sent (kick-off, scopes, pauses) is not part.
    """
    asked = (bulk.base_url, bulk.level, bulk.group, sorted(bulk.types), bulk.membership)
    more = (sorted(bulk.elements), sorted(bulk.type_filters), sorted(bulk.associated_data))
    return sha256_of(json.dumps([asked, more]).encode())[:16]


def must_be_full(bulk: BulkExport, held: Watermark | None, now: datetime) -> bool:
    """Return whether everything is asked for: first export, changed request, or the regular check.

    The regular one finds what increments miss: in exports of a group, HAPI leaves out changed
    resources of patients who did not change themselves. Epic has no increments at all.
    """
    if held is None or bulk.since_mode == "none" or held.request != request_hash(bulk):
        return True
    return now - held.full_at >= timedelta(days=bulk.full_export_every_days)


def next_since(bulk: BulkExport, job: Job, transaction_time: datetime | None) -> datetime:
    """Return the instant from which the next export must ask, in UTC."""
    # `_until` too: a window that ends early is stored up to its end only
    known = [t for t in (transaction_time, job.kicked_off_at, job.until) if t is not None]
    return min(known) - timedelta(minutes=bulk.overlap_minutes)


def advanced(
    bulk: BulkExport,
    held: Watermark | None,
    job: Job,
    transaction_time: datetime | None,
    named: tuple[str, str],
) -> Watermark:
    """Return the watermark after a complete export; only a full export may move it back.

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
    """List the ids of those in the group who were not in it at the watermark, sorted."""
    return sorted(set(present) - (held.present if held else set()))


def with_members(mark: Watermark, present: Iterable[str], at: datetime) -> Watermark:
    """Enter who joined and who left the group at an instant.

    Leaving is no deletion: the patient's records stay as they were, only without updates.
    """
    now = set(present)
    members = [
        m.but(valid_to=at) if m.valid_to is None and m.patient not in now else m
        for m in mark.members
    ]
    members += [Member(patient=p, valid_from=at) for p in joined(mark, now)]
    return mark.but(members=tuple(members))
