"""A short list with everything that formats for people must cope with."""

from typing import Any

COLUMNS = [
    "row_id", "action", "stale_since", "rank", "referral_id", "patient_name", "contact",
    "breach_minutes", "expected_vacate_at", "contact_permitted", "state", "reason", "data_as_of",
]  # fmt: skip


def meta(**changed: object) -> dict[str, object]:
    """Return what a revision says about itself."""
    return {
        "schema_version": 1,
        "worklist": "referral_followup",
        "facility": "LKWD",
        "day": "2026-01-07",
        "time_zone": "Australia/Sydney",
        "as_of": "2026-01-08T00:00:00+11:00",
        "contract": {"id": "worklist-referral-followup", "version": "1.0.0"},
        "revision": 2,
        "supersedes": 1,
        "stale": False,
        "stale_since": None,
        "row_count": 2,
        "columns": COLUMNS,
        **changed,
    }


def row(rank: int | None, **changed: Any) -> dict[str, Any]:
    """Return a row; without a rank it is one that was removed."""
    values: dict[str, Any] = dict.fromkeys(COLUMNS)
    if rank is None:
        return values | {"row_id": "gone-row-0000", "action": "removed"} | changed
    return values | {
        "row_id": f"{rank:08d}-0000-4000-8000-000000000000",
        "action": "new",
        "rank": rank,
        "referral_id": f"000{rank}",
        "patient_name": "Ōta, Zoë",
        "contact": "+16175550100",
        "breach_minutes": 41028,
        "expected_vacate_at": "2026-01-08T11:00:00+11:00",
        "contact_permitted": True,
        "state": "ready_to_schedule",
        "reason": "Received on 8 Dec, 30 days ago; target is 2 days",
        "data_as_of": "2026-01-08T00:00:00+11:00",
        **changed,
    }
