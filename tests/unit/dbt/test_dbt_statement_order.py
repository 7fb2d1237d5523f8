"""Statements apply in one order, whatever stamps their feeds have: two days of small deliveries.

Each story is one appointment, referral or visit; what must come of it stands beside it.
"""

import json
from datetime import date
from pathlib import Path

import pytest
from canonical_folds import VARIABLES, build_canonical, load_landed

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection
from lakeward.landing.deliveries import MARKER

Resource = dict[str, object]


def appointment(
    id_: str, status: str, start: str = "2026-01-12T09:00:00-05:00", **more: object
) -> Resource:
    return {
        "resourceType": "Appointment",
        "id": id_,
        "identifier": [{"system": "urn:lakeward:appointment", "value": id_}],
        "status": status,
        "start": start,
        "participant": [{"actor": {"reference": "Patient/p"}, "status": "needs-action"}],
        **more,
    }


def referral(id_: str, status: str, **more: object) -> Resource:
    return {
        "resourceType": "ServiceRequest",
        "id": id_,
        "status": status,
        "intent": "order",
        "category": [{"coding": [{"code": "3457005"}]}],
        "subject": {"reference": "Patient/p"},
        **more,
    }


def stamped(at: str) -> Resource:
    return {"lastUpdated": at}


FIRST = [
    {"resourceType": "Patient", "id": "p"},
    *(appointment(f"bare-{status}", "booked") for status in ("cancelled", "noshow", "arrived")),
    appointment("bare-moved", "booked"),
    appointment("half-stamped", "booked", meta=stamped("2026-01-05T10:00:00Z")),
    appointment("stale", "cancelled", meta={"versionId": "7"}),
    appointment("first-cancelled", "cancelled"),
    appointment("first-over", "fulfilled", created="2026-01-02"),
    appointment("day-alone", "booked", "2026-01-12"),
    appointment("no-offset", "booked", "2026-01-12T09:00:00"),
    *(
        referral(f"first-{status}", status)
        for status in ("completed", "revoked", "entered-in-error")
    ),
    referral("dated", "completed", authoredOn="2026-01-03"),
    referral("open", "active"),
]
SECOND = [
    *(appointment(f"bare-{status}", status) for status in ("cancelled", "noshow", "arrived")),
    appointment("bare-moved", "booked", "2026-01-13T10:00:00-05:00"),
    appointment("half-stamped", "cancelled"),
    appointment("stale", "booked", meta={"versionId": "6"}),
]


def siu(number: int, at: str, trigger: str, id_: str, start: str) -> str:
    return "\r".join(
        [
            f"MSH|^~\\&|S|F|||{at}||SIU^{trigger}|{id_}-{number}|P|2.5",
            f"SCH||{id_}|||||||||^^^{start}",
            "PID|1||M1^^^F^MR",
            "",
        ]
    )


MINUTE = "202601051030"
MESSAGES = [
    # to the minute: what stands later in the file is later
    siu(1, MINUTE, "S12", "rebooked", "202601120900"),
    siu(2, MINUTE, "S15", "rebooked", "202601120900"),
    siu(3, MINUTE, "S12", "rebooked", "202601121500"),
    siu(1, MINUTE, "S12", "moved-twice", "202601120900"),
    siu(2, MINUTE, "S13", "moved-twice", "202601121500"),
    siu(3, MINUTE, "S13", "moved-twice", "202601121100"),
    # without a usable time: behind what stands before, and before what comes after
    siu(1, "20260105103100", "S12", "untimed", "202601120900"),
    siu(2, "", "S13", "untimed", "202601121500"),
    siu(3, "20260105103200", "S13", "untimed", "202601121100"),
    siu(1, "20260105103300", "S12", "untimed-end", "202601120900"),
    siu(2, "", "S15", "untimed-end", "202601120900"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    home = tmp_path_factory.mktemp("order") / "home"
    landing = load_settings(home).home.landing
    lines = {day: "\n".join(map(json.dumps, rows)) for day, rows in ((5, FIRST), (6, SECOND))}
    for day, text in lines.items():
        deliver(landing / "ehr_fhir" / f"2026-01-0{day}", "all.ndjson", text)
    deliver(landing / "scheduling_hl7" / "2026-01-05", "a.hl7", "".join(MESSAGES))
    load_landed(home, date(2026, 1, 6))
    return build_canonical(home, VARIABLES)


def deliver(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / name).write_bytes(text.encode())
    (folder / MARKER).touch()


@pytest.mark.parametrize(
    ("id_", "state", "start", "precision"),
    [
        ("bare-cancelled", "cancelled", "2026-01-12 14:00:00+00", "second"),
        ("bare-noshow", "no_show", "2026-01-12 14:00:00+00", "second"),
        ("bare-arrived", "arrived", "2026-01-12 14:00:00+00", "second"),
        ("bare-moved", "scheduled", "2026-01-13 15:00:00+00", "second"),
        ("half-stamped", "cancelled", "2026-01-12 14:00:00+00", "second"),
        ("stale", "cancelled", "2026-01-12 14:00:00+00", "second"),
        ("first-cancelled", "cancelled", "2026-01-12 14:00:00+00", "second"),
        ("day-alone", "scheduled", "2026-01-12 05:00:00+00", "day"),
        ("no-offset", "scheduled", "2026-01-12 14:00:00+00", "second"),
        ("rebooked", "scheduled", "2026-01-12 20:00:00+00", "minute"),
        ("moved-twice", "scheduled", "2026-01-12 16:00:00+00", "minute"),
        ("untimed", "scheduled", "2026-01-12 16:00:00+00", "minute"),
        ("untimed-end", "cancelled", "2026-01-12 14:00:00+00", "minute"),
    ],
)
def test_the_later_statement_counts(
    store: Connection, id_: str, state: str, start: str, precision: str
) -> None:
    rows = store.execute(
        "select main_state, scheduled_start_at::varchar, scheduled_start_precision"
        " from canonical__visit where appointment_id = ?",
        [id_],
    ).fetchall()
    assert rows == [(state, start, precision)]


def test_a_first_version_is_a_booking_only_if_it_says_so(store: Connection) -> None:
    rows = store.execute(
        "select v.appointment_id, e.event_type, e.occurred_at::varchar, e.time_precision"
        " from canonical__visit_event e join canonical__visit v using (visit_key)"
        " where v.appointment_id in ('first-cancelled', 'first-over') order by 1, e.event_order"
    ).fetchall()
    delivered = "2026-01-06 04:59:00+00"
    assert rows == [
        ("first-cancelled", "appointment_cancelled", delivered, None),
        ("first-over", "appointment_booked", "2026-01-03 04:59:00+00", "day"),
        ("first-over", "appointment_fulfilled", delivered, None),
    ]


def test_a_referral_that_is_over_when_first_seen_is_not_open(store: Connection) -> None:
    rows = store.execute(
        "select count(*), count(*) filter (where state in ('closed', 'cancelled')),"
        " count(*) filter (where state = 'created'), min(received_at)::varchar"
        " from canonical__referral_status"
    ).fetchall()
    assert rows == [(5, 4, 1, "2026-01-04 04:59:00+00")]


def test_what_nobody_stated_is_flagged(store: Connection) -> None:
    rows = store.execute(
        "select appointment_id, list_contains(quality_flags, 'no_start_time'),"
        " list_contains(quality_flags, 'zone_assumed') from canonical__visit"
        " where appointment_id in ('day-alone', 'no-offset', 'stale') order by 1"
    ).fetchall()
    assert rows == [
        ("day-alone", True, False),
        ("no-offset", False, True),
        ("stale", False, False),
    ]
