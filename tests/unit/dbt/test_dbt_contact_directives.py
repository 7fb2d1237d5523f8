"""Whom messages allow or forbid to contact (PD1, ARV), and what a Consent says beside them.

All situations share a home; each has a patient of its own, named by its key.
"""

import json
from pathlib import Path

import pytest
from canonical_folds import THROUGH, VARIABLES, build_canonical, load_landed

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection
from lakeward.landing.deliveries import MARKER

DAY = "2026-01-06"
AUTHORITY = "2.16.840.1.113883.19.5"

# Each message: its time, and the segment after PID. The cut-off is midnight after the 6th.
MORNING, NOON = "20260106080000", "20260106120000"
LIMITED = "PD1|||||||||||{}"
PROTECTED = "PD1||||||||||||{}"

SITUATIONS: dict[str, tuple[list[tuple[str, str]], str]] = {
    "reminders by any method": ([(MORNING, LIMITED.format("02"))], "any true PD1-11"),
    "no reminders after all": (
        [(MORNING, LIMITED.format("02")), (NOON, LIMITED.format("01"))],
        "any false PD1-11",
    ),
    "no calls": (
        [(MORNING, LIMITED.format("03"))],
        "email true PD1-11, phone false PD1-11, sms false PD1-11",
    ),
    "calls again": (
        [(MORNING, LIMITED.format("03")), (NOON, LIMITED.format("02"))],
        "any true PD1-11",
    ),
    "the older message comes last": (
        [(NOON, LIMITED.format("02")), (MORNING, LIMITED.format("01"))],
        "any true PD1-11",
    ),
    "a code that nobody knows": ([(MORNING, LIMITED.format("Q9"))], ""),
    "a code that nobody knows after a permission": (
        [(MORNING, LIMITED.format("02")), (NOON, LIMITED.format("Q9"))],
        "",
    ),
    "a code that nobody knows after a denial": (
        [(MORNING, LIMITED.format("01")), (NOON, LIMITED.format("Q9"))],
        "any false PD1-11",
    ),
    "protected": ([(MORNING, PROTECTED.format("Y"))], "any false PD1-12"),
    "protected, in small letters": ([(MORNING, PROTECTED.format(" y"))], "any false PD1-12"),
    "protected, and not stated again": (
        [(MORNING, PROTECTED.format("Y")), (NOON, LIMITED.format("02"))],
        "any false PD1-12",
    ),
    "no longer protected": (
        [(MORNING, PROTECTED.format("Y")), (NOON, PROTECTED.format("N"))],
        "",
    ),
    "protection cleared": (
        [(MORNING, PROTECTED.format("Y")), (NOON, PROTECTED.format('""'))],
        "",
    ),
    "permitted from tomorrow": (
        [(MORNING, LIMITED.format("02") + "|||||||20260108")],
        "",
    ),
    "forbidden from tomorrow": (
        [(MORNING, LIMITED.format("N") + "|||||||20260108")],
        "any false PD1-11",
    ),
    "everything restricted": ([(MORNING, "ARV|1|A|ALL")], "any false ARV-3"),
    "restriction deleted": ([(MORNING, "ARV|1|A|ALL"), (NOON, "ARV|1|D|ALL")], ""),
    "another restriction deleted": (
        [(MORNING, "ARV|1|A|ALL"), (NOON, "ARV|1|D|DEM")],
        "any false ARV-3",
    ),
    "restriction until tonight": (
        [(MORNING, "ARV|1|A|ALL|||20260101^20260107")],
        "any false ARV-3",
    ),
    "restriction over": ([(MORNING, "ARV|1|A|ALL|||20260101^20260105")], ""),
}
PERMITTED = "any true Consent"
BESIDE_CONSENT: dict[str, tuple[list[tuple[str, str]], str]] = {
    "a Consent alone": ([], PERMITTED),
    "a Consent, and no publicity": ([(NOON, LIMITED.format("N"))], "any false PD1-11"),
    "a Consent, and no calls": (
        [(NOON, LIMITED.format("03"))],
        "any true Consent, email true PD1-11, phone false PD1-11, sms false PD1-11",
    ),
    "a Consent, and unknown publicity": ([(NOON, LIMITED.format("U"))], PERMITTED),
}
ALL = SITUATIONS | BESIDE_CONSENT
MRN = {name: f"CD{number}" for number, name in enumerate(ALL)}


def _message(mrn: str, at: str, segment: str) -> str:
    header = f"MSH|^~\\&|REG|HOSP|||{at}||ADT^A08|{mrn}-{at}|P|2.6"
    person = f"PID|1||{mrn}^^^{AUTHORITY}&{AUTHORITY}&ISO^MR||Case^{mrn}"
    visit = f"PV1|1|O|CLINIC||||||||||||||||V{mrn}^^^HOSP^VN"
    # ARV of a patient stands after PD1, before the visit
    return "\r".join((header, f"EVN||{at}", person, segment, visit)) + "\r"


def _consent(mrn: str) -> list[dict[str, object]]:
    meta = {"versionId": "1", "lastUpdated": "2026-01-06T12:00:00Z"}
    provision = {"type": "permit", "purpose": [{"system": "v3", "code": "TREAT"}]}
    scope = {"coding": [{"system": "s", "code": "patient-privacy"}]}
    return [
        {
            "resourceType": "Patient",
            "id": mrn,
            "meta": meta,
            "identifier": [{"system": f"urn:oid:{AUTHORITY}", "value": mrn}],
        },
        {
            "resourceType": "Consent",
            "id": f"consent-{mrn}",
            "meta": meta,
            "status": "active",
            "scope": scope,
            "category": [scope],
            "patient": {"reference": f"Patient/{mrn}"},
            "dateTime": "2026-01-05T12:00:00Z",
            "provision": provision,
        },
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    home = tmp_path_factory.mktemp("contact_directives") / "home"
    landing = load_settings(home).home.landing
    messages = [_message(MRN[n], *m) for n, (stated, _) in ALL.items() for m in stated]
    resources = [json.dumps(r) for n in BESIDE_CONSENT for r in _consent(MRN[n])]
    _deliver(landing / "adt_hl7" / DAY, "adt.hl7", "".join(messages))
    _deliver(landing / "ehr_fhir" / DAY, "consents.ndjson", "\n".join(resources))
    load_landed(home, THROUGH)
    built: Connection = build_canonical(home, VARIABLES)
    return built


def _deliver(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True)
    (folder / name).write_bytes(text.encode())
    (folder / MARKER).touch()


@pytest.mark.parametrize("situation", ALL)
def test_the_strictest_of_what_is_said_now_counts(store: Connection, situation: str) -> None:
    rows = store.execute(
        "select c.channel, c.is_permitted, c.stated_in from canonical__consent as c"
        " inner join canonical__patient as p on p.patient_key = c.patient_key"
        " where p.mrn = ? order by c.channel",
        [MRN[situation]],
    ).fetchall()
    found = ", ".join(f"{way} {str(may).lower()} {where}" for way, may, where in rows)
    assert found == ALL[situation][1]


def test_a_directive_is_the_effect_of_its_message(store: Connection) -> None:
    found = store.execute(
        "select count(distinct source_ref) from canonical__record_outcome"
        " where source_system = 'adt_hl7' and outcome = 'unexplained'"
    ).fetchall()
    assert found == [(0,)]
