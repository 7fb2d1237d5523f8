"""What is asked for next: increments, regular full exports, changed requests, members who join."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulk_server import Seen
from lakeward.core.errors import UsageError
from lakeward.fhir.bulk.state import Purpose
from lakeward.fhir.bulk.store import read_model, store_of
from lakeward.fhir.bulk.watermark import Watermark, with_members

Make = Callable[..., Any]
AT = datetime(2026, 1, 5, tzinfo=UTC)


def nights(hospital: Any, count: int) -> list[Any]:
    """Pull night after night."""
    found = []
    for _ in range(count):
        found.append(hospital.pull(day=hospital.time.now().date()))
        hospital.time.sleep(86400)
    return found


def since(seen: Seen) -> str | None:
    return dict(seen.parameters).get("_since")


def mark_of(hospital: Any) -> Watermark:
    mark = read_model(store_of(hospital.settings.home, "ehr_fhir").watermark, Watermark)
    assert mark is not None
    return mark


def test_the_first_export_is_full_and_so_is_that_of_each_week(hospital: Make) -> None:
    one = hospital()
    purposes = [export.jobs[-1].purpose for export in nights(one, 9)]
    full, changes = Purpose.full, Purpose.changes
    assert purposes == [full, *[changes] * 6, full, changes]


def test_a_server_without_last_updated_is_exported_whole_each_time(hospital: Make) -> None:
    one = hospital(bulk_since_mode="none")
    assert {e.jobs[-1].purpose for e in nights(one, 3)} == {Purpose.full}


@pytest.mark.parametrize(
    "change",
    [
        {"types": ("Patient", "Encounter", "Task")},
        {"type_filters": ("Encounter?status=finished",)},
        {"elements": ("status",)},
    ],
)
def test_a_changed_request_has_no_history_yet(hospital: Make, change: dict[str, Any]) -> None:
    one = hospital()
    nights(one, 2)
    one.bulk.update(change)
    (export,) = nights(one, 1)
    assert export.jobs[-1].purpose is Purpose.full


def test_a_request_changed_while_an_export_runs_is_not_taken_for_complete(hospital: Make) -> None:
    from lakeward.fhir.bulk.exports import ExportRequest, advance, begin

    one = hospital(busy=1)
    context = one.context()
    advance(context, begin(context, ExportRequest(one.time.now().date())))  # waits for the server
    one.bulk["types"] = ("Patient", "Encounter", "Task")
    one.time.sleep(600)
    one.pull()
    assert nights(one, 1)[0].jobs[-1].purpose is Purpose.full


def test_a_gap_is_never_jumped(hospital: Make) -> None:
    one = hospital()
    nights(one, 1)
    before = mark_of(one)
    one.pull(since=one.time.now() - timedelta(minutes=5))
    assert mark_of(one) == before
    one.pull(since=before.since - timedelta(days=3))
    assert mark_of(one).since > before.since


def test_a_window_that_ends_early_is_held_to_its_end_only(hospital: Make) -> None:
    one = hospital()
    until = one.time.now() - timedelta(days=2)
    one.pull(full=True, until=until)
    assert dict(one.server.of("kickoff")[0].parameters)["_until"] == "2026-01-03T06:00:00.000Z"
    assert mark_of(one).since == until - timedelta(minutes=10)


def test_the_current_export_is_not_replaced_by_another_request(hospital: Make) -> None:
    from lakeward.fhir.bulk.exports import ExportRequest, advance, begin

    one = hospital(busy=1)
    context = one.context()
    advance(context, begin(context, ExportRequest(one.time.now().date())))
    with pytest.raises(UsageError, match="is not at its end"):
        begin(context, ExportRequest(one.time.now().date(), full=True))


def test_who_joins_the_group_comes_with_all_history(hospital: Make) -> None:
    one = hospital(
        bulk_level="group",
        bulk_group="ops",
        members=["p1", "p2"],
        one_at_a_time=True,
        auth=True,
    )
    nights(one, 1)
    assert mark_of(one).present == {"p1", "p2"}
    one.server.switches.members = ["p2", "p3"]
    day = one.time.now().date()
    (export,) = nights(one, 1)
    assert [job.purpose.value for job in export.jobs] == ["membership", "new_members", "changes"]
    asked = one.server.of("kickoff")[-3:]
    assert [a.method for a in asked] == ["GET", "POST", "GET"]
    assert dict(asked[0].parameters) == {
        "_outputFormat": "application/fhir+ndjson",
        "_type": "Patient",
        "_elements": "id",
    }
    named = [v["reference"] for n, v in asked[1].parameters if n == "patient"]
    assert named == ["Patient/p3"]
    assert [since(a) for a in asked] == [None, None, "2026-01-05T05:50:00.000Z"]
    landed = {
        json.loads(line)["id"] for p in one.landed(day) for line in p.read_text().splitlines()
    }
    assert landed == {"p3", "e2", "e7"}  # all of p3, nothing of those who were members
    assert [p.name for p in one.landed(day)] == ["1.Patient.ndjson", "2.Encounter.ndjson"]


def test_who_leaves_is_closed_not_deleted_and_may_join_again(hospital: Make) -> None:
    one = hospital(bulk_level="group", bulk_group="ops", members=["p1", "p2"])
    nights(one, 1)
    one.server.switches.members = ["p2"]
    nights(one, 1)
    times = {m.patient: m.valid_to for m in mark_of(one).members}
    assert times == {"p1": datetime(2026, 1, 6, 6, tzinfo=UTC), "p2": None}
    one.server.switches.members = ["p1", "p2"]
    (export,) = nights(one, 1)
    assert [job.purpose.value for job in export.jobs] == ["membership", "new_members", "changes"]
    assert [m.patient for m in mark_of(one).members] == ["p1", "p2", "p1"]


def test_nobody_is_taken_to_have_left_after_a_loss(hospital: Make) -> None:
    from bulk_server import outcome

    one = hospital(bulk_level="group", bulk_group="ops", members=["p1", "p2"])
    nights(one, 1)
    one.server.switches.members = ["p1"]
    one.server.switches.outcomes = [outcome("exception")]
    assert nights(one, 1)[0].state == "partial"
    assert mark_of(one).present == {"p1", "p2"}


def test_no_patient_stays_in_the_state_of_a_finished_export(hospital: Make) -> None:
    one = hospital(bulk_level="group", bulk_group="ops", members=["p1", "p2"])
    nights(one, 1)
    one.server.switches.members = ["p1", "p2", "p3"]
    (export,) = nights(one, 1)
    store = store_of(one.settings.home, "ehr_fhir")
    kept = [p for p in store.export_folder(export).rglob("*") if p.is_file()]
    assert kept
    assert not [p for p in kept if '"p3"' in p.read_text() or "Patient/p3" in p.read_text()]


@given(st.lists(st.sets(st.sampled_from("abcdef")), max_size=6))
def test_members_over_time_are_those_of_the_last_comparison(groups: list[set[str]]) -> None:
    mark = Watermark(since=AT, full_at=AT, export_id="x", day="2026-01-05", request="r")
    for number, group in enumerate(groups):
        mark = with_members(mark, group, AT + timedelta(days=number))
    assert mark.present == (groups[-1] if groups else set())
    for number, group in enumerate(groups):
        at = AT + timedelta(days=number)
        then = [
            m.patient
            for m in mark.members
            if m.valid_from <= at and (m.valid_to is None or at < m.valid_to)
        ]
        assert sorted(then) == sorted(group)
