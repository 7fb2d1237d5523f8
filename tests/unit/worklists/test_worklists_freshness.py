"""What stale and incomplete sources make of a list, and that every surface says the same."""

import csv
import html
import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from lakeward.contracts import load_contracts
from lakeward.contracts.subjects import Completeness, Subject, SubjectNeed
from lakeward.landing.coverage import SourceCoverage, State
from lakeward.landing.coverage_record import record_coverage
from lakeward.worklists.freshness import data_as_of, freshness_of

REMINDERS, REFERRALS = "appointment_reminders", "referral_followup"
TODAY, YESTERDAY = date(2026, 1, 5), date(2026, 1, 4)
FOUND: dict[str, tuple[State, int | None]] = {
    "whole": ("complete", 0),
    "low volume": ("low_volume", 0),
    "part of it quarantined": ("partly_quarantined", 0),
    "after a gap": ("gap", 0),
    "dropped": ("missing", 1),
    "dropped twice": ("missing", 2),
    "emptied": ("empty", 1),
    "quarantined": ("quarantined", 1),
    "never loaded": ("quarantined", None),
    "delayed": ("failed", 1),
    "never in service": ("not_in_service", None),
}
"""Of a source: its state, and by how many days it is behind."""
ROWS = [{"row_id": "r-1", "rank": 1}, {"row_id": "r-2", "rank": 2}]


def oracle(
    found: dict[str, str], needs: dict[str, tuple[int, str]], provides: dict[str, list[str]]
) -> str:
    """Say by hand what becomes of a list: fresh, marked or stale."""
    used = {name for name in found if set(provides[name]) & needs.keys()}
    if all(found[name] == "never in service" for name in used):
        return "stale"
    worst = "fresh"
    for subject, (hours, completeness) in needs.items():
        names = [n for n in used if subject in provides[n] and found[n] != "never in service"]
        if not names:
            worst = max(worst, "marked", key=["fresh", "marked", "stale"].index)
        for name in names:
            behind = FOUND[found[name]][1]
            if behind is None or behind * 24 > hours:
                return "stale"
            if found[name] != "whole":
                if behind == 0 and completeness == "block":
                    return "stale"
                worst = "marked"
    return worst


def coverage(hospital: Any, found: dict[str, str], provides: dict[str, Any]) -> list[Any]:
    known = []
    for name, what in found.items():
        state, behind = FOUND[what]
        until = None if behind is None else TODAY - timedelta(days=behind)
        known.append(
            hospital.known(
                TODAY,
                source=name,
                provides=tuple(provides[name]),
                state=state,
                days_behind=behind,
                known_until=until and hospital.facility.cut_off(until),
            )
        )
    return known


PROVIDES = {"siu": ["appointments"], "adt": ["patients", "encounters"], "ehr": ["patients"]}


def combinations() -> Iterator[tuple[dict[str, str], dict[str, tuple[int, str]]]]:
    for found in itertools.product(FOUND, repeat=3):
        for hours, completeness in itertools.product((0, 12, 24), ("mark", "block")):
            yield (
                dict(zip(PROVIDES, found, strict=True)),
                {"appointments": (hours, completeness), "patients": (24, "mark")},
            )


def contract_of(hospital: Any, needs: dict[Any, tuple[int, Any]], staleness: str) -> Any:
    stated = tuple(SubjectNeed(s, timedelta(hours=h), c) for s, (h, c) in needs.items())
    return replace(hospital.contract(REFERRALS), needs=stated, staleness=staleness)


def test_a_list_is_fresh_marked_or_stale_as_the_oracle_says(hospital: Any) -> None:
    for found, needs in combinations():
        known = coverage(hospital, found, PROVIDES)
        freshness = freshness_of(contract_of(hospital, needs, "block"), known)
        assert freshness.condition == oracle(found, needs, PROVIDES), (found, needs)
        # what is not fresh says why, and what is fresh has nothing to say
        assert bool(freshness.because) is (freshness.condition != "fresh"), (found, needs)
        reached = [k.known_until for k in known if k.known_until is not None]
        assert freshness.data_as_of == min(reached, default=None)


@pytest.mark.parametrize("staleness", ["block", "previous_day", "mark"])
@pytest.mark.parametrize("what", FOUND)
def test_every_surface_says_the_same(hospital: Any, what: str, staleness: str) -> None:
    needs: dict[Subject, tuple[int, Completeness]] = {"appointments": (12, "mark")}
    contract = contract_of(hospital, needs, staleness)
    provides = {"siu": ["appointments"]}
    hospital.release(REFERRALS, ROWS[:1], day=YESTERDAY)
    record_coverage(hospital.lake, [hospital.known(YESTERDAY)], YESTERDAY)
    hospital.release(REFERRALS, ROWS)
    known = coverage(hospital, {"siu": what}, provides)
    done = hospital.export(REFERRALS, coverage=known, contract=contract)
    stale = oracle({"siu": what}, {"appointments": (12, "mark")}, provides) == "stale"
    expected = (
        oracle({"siu": what}, {"appointments": (12, "mark")}, provides)
        if not (stale and staleness == "block")
        else "blocked"
    )
    assert done.found.condition == expected
    files = hospital.outbox(REFERRALS)
    if expected == "blocked":
        notice = json.loads(files["_BLOCKED.json"])
        assert "_READY" not in files
        assert notice["cause"] == "source"
        assert notice["sources"][0]["state"] == FOUND[what][0]
        assert len(notice["because"]) == 1
        return
    manifest = json.loads(files["manifest.json"])
    data = json.loads(files["LKWD_referral_followup_20260105_r01.json"])
    table = list(
        csv.DictReader(
            io.StringIO(files["LKWD_referral_followup_20260105_r01.csv"].decode("utf-8-sig"))
        )
    )
    assert "_READY" in files
    for said in (manifest, data["meta"]):
        assert (said["condition"], said["stale"]) == (expected, stale)
        assert bool(said["notice"]) is (expected != "fresh")
        assert said["sources"][0]["state"] == FOUND[what][0]
        assert (said["stale_since"] is not None) is stale
    page = files["LKWD_referral_followup_20260105_r01.html"].decode()
    assert (manifest["notice"] is None) or manifest["notice"] in html.unescape(page)
    assert ('role="alert"' in page) is (expected != "fresh")
    # the day's own rows, or those of the day before
    assert len(table) == (1 if stale and staleness == "previous_day" else 2)
    for row, line in zip(data["rows"], table, strict=True):
        assert (row["source_notice"] or "") == line["source_notice"] == (manifest["notice"] or "")


def test_the_same_sources_give_the_same_bytes(hospital: Any) -> None:
    hospital.release(REFERRALS, ROWS)
    late = [hospital.known(TODAY, state="low_volume", expected_at_least=50)]
    assert hospital.export(REFERRALS, coverage=late).state == "exported"
    before = hospital.outbox(REFERRALS)
    assert hospital.export(REFERRALS, coverage=late).state == "unchanged"
    assert hospital.outbox(REFERRALS) == before
    # the delivery is completed: the same rows go out again, without the notice
    healed = hospital.export(REFERRALS)
    assert (healed.state, healed.revision, healed.found.condition) == ("exported", 2, "fresh")
    assert healed.actions["unchanged"] == 2


def test_an_empty_list_distinguishes_none_from_not_loaded(hospital: Any) -> None:
    hospital.release(REFERRALS, [])
    hospital.export(REFERRALS)
    none = json.loads(hospital.outbox(REFERRALS)["manifest.json"])
    only_patients = [hospital.known(TODAY, provides=("patients", "consents"))]
    hospital.export(REFERRALS, coverage=only_patients)
    not_loaded = json.loads(hospital.outbox(REFERRALS)["manifest.json"])
    assert (none["condition"], not_loaded["condition"]) == ("fresh", "marked")
    loaded = {s["subject"]: s["loaded"] for s in not_loaded["subjects"]}
    assert loaded == {"patients": True, "consents": True, "referrals": False}
    assert "referrals: not loaded" in not_loaded["notice"]
    assert all(s["loaded"] for s in none["subjects"])


def test_a_blocked_list_heals_when_its_source_delivers(hospital: Any) -> None:
    hospital.release(REMINDERS, ROWS)
    missing = [hospital.known(TODAY, state="missing", days_behind=1)]
    assert hospital.export(REMINDERS, coverage=missing).state == "blocked"
    done = hospital.export(REMINDERS)
    assert (done.state, done.found.condition, done.rows) == ("exported", "fresh", 2)
    assert "_BLOCKED.json" not in hospital.outbox(REMINDERS)


def test_rows_that_were_held_are_not_issued_a_day_later(hospital: Any) -> None:
    before = YESTERDAY - timedelta(days=1)
    for day, known in ((before, {}), (YESTERDAY, {"state": "missing", "days_behind": 1})):
        record_coverage(hospital.lake, [hospital.known(day, **known)], day)
        hospital.release(REFERRALS, [{"row_id": f"of-{day}"}], day=day)
    hospital.release(REFERRALS, ROWS)
    missing: list[SourceCoverage] = [hospital.known(TODAY, state="missing", days_behind=2)]
    done = hospital.export(REFERRALS, coverage=missing)
    assert (done.found.condition, done.rows) == ("stale", 1)
    data = json.loads(hospital.outbox(REFERRALS)["LKWD_referral_followup_20260105_r01.json"])
    assert [row["row_id"] for row in data["rows"]] == [f"of-{before}"]
    assert data["meta"]["data_as_of"] == "2026-01-04T00:00:00-05:00"


def test_data_as_of_is_what_the_sources_cover(hospital: Any) -> None:
    behind = hospital.known(
        TODAY,
        source="siu",
        provides=("appointments",),
        known_until=hospital.facility.cut_off(YESTERDAY),
    )
    rest = hospital.known(
        TODAY, provides=("patients", "consents", "referrals", "encounters", "beds")
    )
    contracts = load_contracts().values()
    found = data_as_of(list(contracts), [behind, rest])
    cut_off = hospital.facility.cut_off
    assert found["worklist__appointment_reminders"] == cut_off(YESTERDAY)
    assert found["worklist__referral_followup"] == cut_off(TODAY)
    assert found["worklist__suppression"] == cut_off(YESTERDAY)


def test_every_shipped_list_names_its_subjects() -> None:
    lists = [c for c in load_contracts().values() if c.consumer]
    assert {c.name: len(c.needs) for c in lists if len(c.needs) in (0, 9)} == {}
