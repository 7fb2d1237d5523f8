"""What is true of FHIR resources reaches the canonical store: all slots, names, deletions."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from lakeward.core.paths import project_path
from lakeward.core.settings import load_settings
from lakeward.fhir.format import FHIR
from lakeward.hl7v2.format import HL7V2
from lakeward.lake.dbt import build
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import Lake, ensure_table
from lakeward.landing.deliveries import MARKER, deliveries
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending
from lakeward.landing.sources import load_inventory
from lakeward.quarantine.table import QUARANTINE
from lakeward.quarantine.withheld import WITHHELD

NPI = "http://hl7.org/fhir/sid/us-npi"
DOCTOR = f"Practitioner?identifier={NPI}|1234567893"
VARIABLES = {"day": "2026-01-06", "as_of": "2026-01-07T05:00:00Z", "time_zone": "America/New_York"}


def slot(start: str) -> dict[str, object]:
    return {
        "resourceType": "Slot",
        "id": "shared",
        "schedule": {"reference": "Schedule/s"},
        "status": "free",
        "start": f"2026-01-10T{start}:00-05:00",
        "end": f"2026-01-10T{start[:3]}30:00-05:00",
    }


def appointment(id_: str) -> dict[str, object]:
    return {
        "resourceType": "Appointment",
        "id": id_,
        "meta": {"lastUpdated": "2026-01-05T10:00:00Z"},
        "status": "booked",
        "start": "2026-01-12T09:00:00-05:00",
        "participant": [
            {"actor": {"reference": "Patient/p"}, "status": "accepted"},
            {"actor": {"reference": DOCTOR}, "status": "accepted"},
        ],
    }


FIRST: list[dict[str, object]] = [
    {"resourceType": "Patient", "id": "p"},
    {
        "resourceType": "Practitioner",
        "id": "d",
        "identifier": [{"system": NPI, "value": "1234567893"}],
    },
    {"resourceType": "Schedule", "id": "s", "actor": [{"reference": DOCTOR}]},
    *(slot(start) for start in ("09:00", "10:00", "11:00")),
    appointment("kept"),
    appointment("deleted"),
]
SECOND: list[dict[str, object]] = [
    {
        "resourceType": "Bundle",
        "type": "transaction",
        "meta": {"lastUpdated": "2026-01-05T11:00:00Z"},
        "entry": [{"request": {"method": "DELETE", "url": "Appointment/deleted"}}],
    }
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    settings = load_settings(tmp_path_factory.mktemp("truth") / "home")
    lake, landing = Lake(settings.home.lake), settings.home.landing
    for day, resources in (("2026-01-05", FIRST), ("2026-01-06", SECOND)):
        folder = landing / "ehr_fhir" / day
        folder.mkdir(parents=True)
        (folder / "all.ndjson").write_text("\n".join(map(json.dumps, resources)))
        (folder / MARKER).touch()
    ensure_table(lake, QUARANTINE)
    ensure_table(lake, WITHHELD)
    ensure_table(lake, HL7V2.raw)
    register(lake, landing, deliveries(landing, "ehr_fhir", date(2026, 1, 6)))
    load_pending(lake, settings.home, load_inventory(settings.home).source("ehr_fhir"), FHIR)
    FHIR.flatten(lake, None)
    HL7V2.flatten(lake, None)
    build(settings, ("+path:models/canonical",), VARIABLES)
    return connect(lake)


def test_every_slot_of_a_shared_id_is_there_with_its_practitioner(store: Connection) -> None:
    rows = store.execute(
        "select a.start_at::varchar, p.npi from canonical__provider_availability a"
        " left join canonical__practitioner p using (practitioner_key)"
        " where not list_contains(string_split(a.quality_flags::varchar, ','), 'no_slot')"
        " and a.start_at < '2026-01-11' order by 1"
    ).fetchall()
    hours = ("14", "15", "16")
    assert rows == [(f"2026-01-10 {hour}:00:00+00", "1234567893") for hour in hours]


def test_a_deleted_appointment_leaves_and_the_other_names_its_practitioner(
    store: Connection,
) -> None:
    rows = store.execute(
        "select v.appointment_id, p.npi from canonical__visit v"
        " left join canonical__practitioner p using (practitioner_key)"
    ).fetchall()
    assert rows == [("kept", "1234567893")]


def test_every_staged_type_is_in_the_list() -> None:
    project = project_path("dbt_project")
    macro = (project / "macros" / "staged_types.sql").read_text()
    listed = set(re.findall(r"'(\w+)'", macro[: macro.index("endmacro")]))
    staged = {
        kind
        for path in Path(project / "models" / "staging" / "fhir").glob("*.sql")
        for kind in re.findall(r"'([A-Z][A-Za-z]+)'\) \}\}", path.read_text())
    }
    assert {"Slot", "Appointment", "Encounter"} <= staged
    assert staged <= listed
