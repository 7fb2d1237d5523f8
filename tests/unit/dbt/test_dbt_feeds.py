"""Authority by source: a portal is ranked as a portal, and not as the EHR that exports with it.

The scheduler books two appointments and cancels the second. The patient confirms both, each by a
portal whose Appointments name them, the second one after it was cancelled.
"""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest
from canonical_folds import build_canonical, load_landed

from lakeward.assets.home import business_day
from lakeward.core.settings import load_settings
from lakeward.landing.business_calendar import load_calendar
from lakeward.landing.deliveries import land
from lakeward.landing.sources import load_inventory

DAY = date(2026, 1, 5)
SOURCES = """
facility: {id: LKWD, name: Demo, time_zone: America/New_York}
sources:
  - name: scheduling_hl7
    format: hl7v2
    system: Scheduling
    transport: file
    owner: team:scheduling
    purpose: Appointments
    time_zone: America/New_York
    expected_volume: {maximum: 10}
    end_of_support: 2029-12-31
  - name: portal_fhir
    format: fhir
    system: Portal
    transport: file
    owner: team:portal
    purpose: Confirmations
    time_zone: America/New_York
    expected_volume: {maximum: 10}
    end_of_support: 2029-12-31
"""
VISITS = """
    select appointment_id, main_state, quality_flags
    from canonical__visit
    order by appointment_id"""
PHONES = "select phone_mobile from canonical__patient"


def _message(control: str, trigger: str, at: str, appointment: str, start: str) -> str:
    return "\r".join(
        [
            f"MSH|^~\\&|SCHED|LKWD|LAKEWARD|LKWD|{at}||SIU^{trigger}|{control}|P|2.5.1",
            f"SCH||{appointment}^LKWDSCH|||||||30|min|^^30^{start}",
            "PID|1||M1^^^LKWD^MR||Moss^Ada||19800214|F|||||2125550101^PRN^CP",
            "RGS|1|A",
            "AIL|1|A|CLIN^^^LKWD",
            "",
        ]
    )


def _appointment(number: str, start: str, at: str) -> dict[str, object]:
    return {
        "resourceType": "Appointment",
        "id": number,
        "meta": {"versionId": "1", "lastUpdated": at},
        "identifier": [{"system": "urn:lakeward:appointment", "value": number}],
        "status": "booked",
        "start": start,
        "minutesDuration": 30,
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    }


PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "meta": {"versionId": "1", "lastUpdated": "2026-01-05T12:00:00-05:00"},
    "identifier": [{"system": "urn:oid:2.16.840.1.113883.19.5", "value": "M1"}],
    "name": [{"family": "Moss", "given": ["Ada"]}],
    "birthDate": "1980-02-14",
    "gender": "female",
    "telecom": [{"system": "phone", "use": "mobile", "value": "+12125550199"}],
}


def _delivered(folder: Path) -> Path:
    home = load_settings(folder / "home").home
    home.root.mkdir()
    (home.root / "sources.yaml").write_text(SOURCES)
    messages = folder / "siu.hl7"
    messages.write_text(
        _message("C1", "S12", "20260105080000", "F1", "20260120090000")
        + _message("C2", "S12", "20260105080000", "F2", "20260121090000")
        # of the instant at which the portal states its number: the rank decides then
        + _message("C3", "S15", "20260105120000", "F2", "20260121090000"),
        newline="",
    )
    resources = [
        PATIENT,
        _appointment("F1", "2026-01-20T09:00:00-05:00", "2026-01-05T13:00:00-05:00"),
        _appointment("F2", "2026-01-21T09:00:00-05:00", "2026-01-05T13:00:00-05:00"),
    ]
    exported = folder / "export.ndjson"
    exported.write_text("\n".join(json.dumps(resource) for resource in resources) + "\n")
    land(home.landing, "scheduling_hl7", [messages], DAY)
    land(home.landing, "portal_fhir", [exported], DAY)
    load_landed(home.root, DAY)
    return home.root


def _built(home: Path, feed: str) -> tuple[dict[str, str], dict[str, list[str]], list[str]]:
    line = "    purpose: Confirmations\n"
    (home / "sources.yaml").write_text(SOURCES.replace(line, line + feed))
    settings = load_settings(home)
    inventory = load_inventory(settings.home)
    day = business_day(inventory, load_calendar(settings.home, inventory), DAY)
    variables: Mapping[str, object] = day.variables
    with build_canonical(home, variables, "canonical__visit", "canonical__patient") as connection:
        rows = connection.sql(VISITS).fetchall()
        phones = [row[0] for row in connection.sql(PHONES).fetchall()]
    return {row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows}, phones


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _delivered(tmp_path_factory.mktemp("feeds"))


def test_a_portal_confirms_and_the_ehr_does_not(home: Path) -> None:
    states, _, phones = _built(home, "")
    assert states == {"F1": "scheduled", "F2": "cancelled"}
    assert phones == ["+12125550101"]
    states, flags, phones = _built(home, "    feed: portal\n")
    assert states == {"F1": "confirmed", "F2": "cancelled"}
    assert "modified_after_cancel" in flags["F2"]
    assert phones == ["+12125550199"]
