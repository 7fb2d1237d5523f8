"""Both formats and the truth agree, and there is something for every worklist."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lakeward.simulator import simulate
from lakeward.simulator.ground_truth import final_state

START = date(2026, 1, 5)
DAYS = tuple(START + timedelta(days=n) for n in range(3))
ZONE = ZoneInfo("America/New_York")
FILES = {"adt_hl7": "adt.hl7", "scheduling_hl7": "siu.hl7"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("story")
    simulate(folder, 200, 3, START, 7)
    return folder


def resources(out: Path, day: date, kind: str) -> list[dict[str, Any]]:
    path = out / "landing" / "ehr_fhir" / day.isoformat() / f"{kind}.ndjson"
    # an export has no file of a type of which nothing changed
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def current(out: Path, kind: str, day: date) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for delivered in DAYS[: DAYS.index(day) + 1]:
        for resource in resources(out, delivered, kind):
            stored = found.get(resource["id"], resource)
            if int(resource["meta"]["versionId"]) >= int(stored["meta"]["versionId"]):
                found[resource["id"]] = resource
    return found


def messages(out: Path, source: str, day: date) -> Iterator[dict[str, list[str]]]:
    path = out / "landing" / source / day.isoformat() / FILES[source]
    raw = path.read_bytes().decode("utf-8")
    message: dict[str, list[str]] = {}
    for segment in raw.split("\r"):
        fields = segment.split("|")
        if fields[0] in ("MSH", "BTS") and message:
            yield message
            message = {}
        if message or fields[0] == "MSH":
            message[fields[0]] = fields


def instant(hl7: str) -> datetime:
    return datetime.strptime(hl7, "%Y%m%d%H%M%S").replace(tzinfo=ZONE)


def truth(out: Path, day: date) -> dict[str, dict[str, dict[str, Any]]]:
    return final_state(out / "truth", day)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("day", DAYS)
def test_appointments_agree(out: Path, day: date) -> None:
    expected = truth(out, day)["appointments"]
    found = current(out, "Appointment", day).values()
    assert {a["identifier"][0]["value"] for a in found} == set(expected)
    for appointment in found:
        row = expected[appointment["identifier"][0]["value"]]
        assert (appointment["status"], at(appointment["start"])) == (
            row["status"],
            at(row["start"]),
        )


def test_last_siu_has_the_same_start_and_status(out: Path) -> None:
    last: dict[str, list[str]] = {}
    for day in DAYS:
        for message in messages(out, "scheduling_hl7", day):
            last[message["SCH"][2].split("^")[0]] = message["SCH"]
    statuses = {"Booked": {"booked", "arrived"}, "Started": {"checked-in"}}
    statuses |= {"Complete": {"fulfilled"}, "Cancelled": {"cancelled"}, "Noshow": {"noshow"}}
    expected = truth(out, DAYS[-1])["appointments"]
    assert set(last) == set(expected)
    for key, sch in last.items():
        assert instant(sch[11].split("^")[3]) == at(expected[key]["start"])
        assert expected[key]["status"] in statuses[sch[25].split("^")[0]]


@pytest.mark.parametrize("day", DAYS[1:])
def test_a_moved_appointment_is_a_new_version_in_the_export_of_the_day(
    out: Path, day: date
) -> None:
    before = current(out, "Appointment", DAYS[DAYS.index(day) - 1])
    after = {r["identifier"][0]["value"]: r for r in resources(out, day, "Appointment")}
    moves = {
        m["SCH"][2].split("^")[0]: m["SCH"]
        for m in messages(out, "scheduling_hl7", day)
        if m["MSH"][8].startswith("SIU^S13")
    }
    assert moves
    for key, sch in moves.items():
        moved = after[key]
        assert at(moved["start"]) == instant(sch[11].split("^")[3])
        if moved["id"] in before:
            version = int(before[moved["id"]]["meta"]["versionId"])
            assert int(moved["meta"]["versionId"]) > version


@pytest.mark.parametrize("day", DAYS)
def test_encounters_agree(out: Path, day: date) -> None:
    rows = {row["visit_number"]: row for row in truth(out, day)["visits"].values() if "bed" in row}
    found = {e["identifier"][0]["value"]: e for e in current(out, "Encounter", day).values()}
    assert set(found) == set(rows)
    for number, encounter in found.items():
        row = rows[number]
        assert encounter["class"]["code"] == row["visit_class"]
        ended = encounter["period"].get("end")
        assert (at(ended) if ended else None) == (
            at(row["discharge_at"]) if row["discharge_at"] else None
        )
        assert (
            encounter["location"][-1]["location"]["reference"] == f"Location/loc-{row['location']}"
        )
        assert (encounter["status"] == "finished") == bool(row["discharge_at"])


def test_adt_agrees_on_location_and_times(out: Path) -> None:
    last: dict[str, dict[str, list[str]]] = {}
    for day in DAYS:
        for message in messages(out, "adt_hl7", day):
            if "PV1" in message and len(message["PV1"]) > 19:
                last[message["PV1"][19].split("^")[0]] = message
    for row in truth(out, DAYS[-1])["visits"].values():
        if "bed" not in row:
            continue
        pv1 = last[row["visit_number"]]["PV1"]
        location = "-".join(part for part in pv1[3].split("^")[:3] if part)
        assert location == row["location"]
        if row["discharge_at"]:
            assert instant(pv1[45]) == at(row["discharge_at"])
            assert pv1[36] == row["discharge_disposition"]


@pytest.mark.parametrize("day", DAYS)
def test_beds_agree_and_each_holds_one_visit(out: Path, day: date) -> None:
    state = truth(out, day)
    beds = state["beds"]
    found = {
        location["identifier"][0]["value"]: location["operationalStatus"]["code"]
        for location in current(out, "Location", day).values()
        if location["physicalType"]["coding"][0]["code"] == "bd"
    }
    assert found == {key: row["operational_status"] for key, row in beds.items()}
    lying = {row["visit_number"]: row["bed"] for row in state["visits"].values() if row.get("bed")}
    taken = {r["current_visit"]: key for key, r in beds.items() if r["current_visit"]}
    assert taken == lying


def test_referrals_agree(out: Path) -> None:
    expected = truth(out, DAYS[-1])["referrals"]
    codes = {"2.0": "created", "3.0": "accepted", "4.0": "declined", "5.1.1": "scheduled"}
    codes |= {"5.1.2": "unattended", "5.1.3": "appt_cancelled", "5.1.4": "seen"}
    requests = current(out, "ServiceRequest", DAYS[-1])
    seen = set()
    for task in current(out, "Task", DAYS[-1]).values():
        if task["code"]["coding"][0]["code"] == "referral_followup":
            number = requests[task["focus"]["reference"].split("/")[1]]["identifier"][0]["value"]
            seen.add(number)
            state = codes[task["businessStatus"]["coding"][0]["code"]]
            assert state == expected[number]["state"]
    assert seen == set(expected)
    assert {"created", "accepted", "scheduled", "seen"} <= {
        row["state"] for row in expected.values()
    }
    assert min(at(row["received_at"]) for row in expected.values()) < at(
        "2025-12-20T00:00:00+00:00"
    )


def test_patients_agree_and_the_merge_is_in_both_formats(out: Path) -> None:
    expected = truth(out, DAYS[-1])["patients"]
    found = {p["identifier"][0]["value"]: p for p in current(out, "Patient", DAYS[-1]).values()}
    assert set(found) == set(expected)
    merged = {k: row["merged_into"] for k, row in expected.items() if row["merged_into"]}
    assert len(merged) == 1
    retired, survivor = merged.popitem()
    assert found[retired]["link"][0]["type"] == "replaced-by"
    assert found[retired]["active"] is False
    assert found[retired]["link"][0]["other"]["reference"] == f"Patient/{found[survivor]['id']}"
    merges = [
        (m["PID"][3].split("^")[0], m["MRG"][1].split("^")[0])
        for day in DAYS
        for m in messages(out, "adt_hl7", day)
        if "MRG" in m
    ]
    assert merges == [(survivor, retired)]
    booked = [
        a
        for a in current(out, "Appointment", DAYS[1]).values()
        if a["status"] == "booked"
        and a["participant"][0]["actor"]["reference"] == f"Patient/{found[retired]['id']}"
    ]
    assert [at(a["start"]).date() for a in booked] == [DAYS[2]]


@pytest.mark.parametrize("day", DAYS)
def test_tomorrow_has_work_for_reminders(out: Path, day: date) -> None:
    state = truth(out, day)
    tomorrow = (day + timedelta(days=1)).isoformat()
    rows = [
        a
        for a in state["appointments"].values()
        if a["start"].startswith(tomorrow) and a["status"] == "booked"
    ]
    assert len(rows) >= 5
    moved = [
        m
        for m in messages(out, "scheduling_hl7", day)
        if m["MSH"][8].startswith("SIU^S13")
        and m["SCH"][11].split("^")[3].startswith(tomorrow.replace("-", ""))
        and m["MSH"][6].startswith(day.isoformat().replace("-", ""))
    ]
    assert moved


def test_consents_of_all_kinds(out: Path) -> None:
    decided: dict[str, set[tuple[str, str]]] = {}
    for consent in current(out, "Consent", DAYS[-1]).values():
        provision = consent["provision"]
        channel = provision["code"][0]["coding"][0]["code"]
        decided.setdefault(consent["patient"]["reference"], set()).add((channel, provision["type"]))
    kinds = {pair for pairs in decided.values() for pair in pairs}
    assert {("sms", "permit"), ("sms", "deny"), ("phone", "permit"), ("email", "permit")} <= kinds
    assert len(decided) < len(current(out, "Patient", DAYS[-1])) * 0.9


@pytest.mark.parametrize(
    ("kind", "table", "column", "values"),
    [
        ("Coverage", "coverages", "eligibility", {"in_force", "not_in_force", "pending", None}),
        ("ClaimResponse", "authorisations", "authorisation_status", {"approved", "pending"}),
        ("AllergyIntolerance", "allergies", "clinical_status", {"active", "resolved"}),
        ("MedicationRequest", "prescriptions", "status", {"active", "ended"}),
        ("DiagnosticReport", "results", "abnormal_flag", {"critical", "abnormal", "normal", None}),
        ("PractitionerRole", "roles", "role_code", {"doctor"}),
        ("QuestionnaireResponse", "intakes", "intake_status", {"complete", "in_progress"}),
        ("Communication", "notices", "status", {"completed", "not-done"}),
        ("AppointmentResponse", "replies", "answer", {"accepted", "declined", "tentative"}),
    ],
)
def test_what_is_known_beside_visits_is_exported(
    out: Path, kind: str, table: str, column: str, values: set[str | None]
) -> None:
    rows = truth(out, DAYS[-1])[table]
    assert len(current(out, kind, DAYS[-1])) == len(rows)
    assert {row[column] for row in rows.values()} >= values


def test_no_show_share(out: Path) -> None:
    statuses = [a["status"] for a in truth(out, DAYS[-1])["appointments"].values()]
    missed, kept = statuses.count("noshow"), statuses.count("fulfilled")
    assert 0.08 <= missed / (missed + kept) <= 0.13


def test_repeats_and_a_cleared_field(out: Path) -> None:
    before = (out / "landing/ehr_fhir/2026-01-05/Patient.ndjson").read_bytes().split(b"\n")[-2]
    after = (out / "landing/ehr_fhir/2026-01-06/Patient.ndjson").read_bytes().split(b"\n")
    assert before in after
    keys = [m["MSH"][9] for d in DAYS for m in messages(out, "adt_hl7", d)]
    assert len(keys) > len(set(keys))
    cleared = [
        m
        for d in DAYS
        for m in messages(out, "adt_hl7", d)
        if m.get("PID", [""] * 15)[14:15] == ['""']
    ]
    assert cleared


def test_shared_visit_numbers(out: Path) -> None:
    booked = [
        "PV1" in m
        for m in messages(out, "scheduling_hl7", START)
        if m["MSH"][8].startswith("SIU^S12")
    ]
    assert 0.6 < sum(booked) / len(booked) < 0.8
