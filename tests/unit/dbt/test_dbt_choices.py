"""Which of several names, contacts, addresses, codings and provisions counts, whatever their order.

Each patient is one situation, stated once for each order of its repetitions: all must choose alike.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import pytest
from canonical_folds import THROUGH, VARIABLES, build_canonical, load_landed

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection
from lakeward.landing.deliveries import MARKER

DAY = "2026-01-06"
MRN = "urn:oid:2.16.840.1.113883.19.5"
SNOMED = "http://snomed.info/sct"
DISPOSITION = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
CHANNEL = "http://hl7.org/fhir/contact-point-system"
META = {"versionId": "1", "lastUpdated": "2026-01-05T14:00:00Z"}
PAST, AHEAD = {"end": "2025-12-31"}, {"start": "2026-02"}

Json = dict[str, Any]

PEOPLE: dict[str, tuple[Json, Json]] = {
    "old contacts": (
        {
            "telecom": [
                {"system": "email", "use": "old", "value": "old@example.org"},
                {"system": "email", "use": "home", "value": "mailto:new@example.org"},
                {"system": "phone", "use": "old", "value": "+16175550100"},
            ]
        },
        {"email": "new@example.org", "phone_mobile": None, "phone_home": None},
    ),
    "rank before place": (
        {
            "telecom": [
                {"system": "phone", "use": "mobile", "rank": 2, "value": "+16175550102"},
                {"system": "phone", "use": "mobile", "rank": 1, "value": "+1 617 555 0101"},
                {"system": "phone", "use": "mobile", "value": "+16175550103"},
            ]
        },
        {"phone_mobile": "+16175550101"},
    ),
    "ended, and not begun": (
        {
            "telecom": [
                {"system": "phone", "use": "mobile", "value": "6175550111", "period": PAST},
                {"system": "phone", "use": "mobile", "value": "6175550112", "period": AHEAD},
                {"system": "phone", "use": "mobile", "value": "6175550113"},
                {
                    "system": "phone",
                    "use": "mobile",
                    "rank": 1,
                    "value": "6175550114",
                    "period": {"end": "2019"},
                },
            ]
        },
        {"phone_mobile": "+16175550113"},
    ),
    "fax, pager and temporary": (
        {
            "telecom": [
                {"system": "fax", "use": "home", "value": "+16175550121"},
                {"system": "pager", "use": "mobile", "value": "+16175550122"},
                {"system": "phone", "use": "temp", "value": "+16175550123"},
                {"system": "phone", "use": "home", "value": "+16175550124 ext. 9"},
            ]
        },
        {"phone_mobile": None, "phone_home": "+16175550124;ext=9"},
    ),
    "reachable before unreachable": (
        {
            "telecom": [
                {"system": "phone", "use": "mobile", "rank": 1, "value": "see notes"},
                {"system": "phone", "use": "mobile", "value": "tel:617-555-0131"},
                {"system": "email", "value": "none"},
                {"system": "email", "use": "work", "value": "work@example.org"},
            ]
        },
        {"phone_mobile": "+16175550131", "email": "work@example.org"},
    ),
    "old name": (
        {
            "name": [
                {"use": "old", "family": "Exname", "given": ["Former"]},
                {"family": "Nowname", "given": ["Current", "Second"]},
                {"use": "maiden", "family": "Born", "given": ["Current"]},
                {"use": "official", "family": "Ended", "given": ["Was"], "period": PAST},
            ]
        },
        {"family_name": "Nowname", "given_names": "Current Second"},
    ),
    "official before usual": (
        {
            "name": [
                {"use": "nickname", "given": ["Nick"]},
                {"use": "usual", "family": "Usual", "given": ["Usu"]},
                {"use": "official", "family": "Legal", "given": ["Offi"]},
            ]
        },
        {"family_name": "Legal", "given_names": "Offi"},
    ),
    "old name alone": (
        {"name": [{"use": "old", "family": "Exname", "given": ["Former"]}]},
        {"family_name": None, "given_names": None},
    ),
    "text alone": (
        {"name": [{"use": "official", "text": "Mrs. Carmen Lucia Clover"}]},
        {"family_name": "Clover", "given_names": "Carmen Lucia"},
    ),
    "text, family first": (
        {"name": [{"text": "Clover, Carmen"}]},
        {"family_name": "Clover", "given_names": "Carmen"},
    ),
    "address": (
        {
            "address": [
                {"use": "old", "line": ["1 Old"], "city": "Oldton"},
                {"use": "billing", "line": ["2 Bill"], "city": "Billton"},
                {"use": "home", "line": ["3 Home"], "city": "Hometon"},
                {"use": "home", "line": ["4 Was"], "city": "Waston", "period": {"end": "2025-06"}},
            ]
        },
        {"address_line": "3 Home", "city": "Hometon"},
    ),
    "language": (
        {
            "communication": [
                {"language": {"coding": [{"code": "en"}]}},
                {"language": {"coding": [{"code": "es"}]}, "preferred": True},
                {"language": {"coding": [{"code": "fr"}]}, "preferred": False},
            ]
        },
        {"preferred_language": "es"},
    ),
    "test patient": (
        {"meta": {**META, "security": [{"code": "R"}, {"code": "HTEST"}]}},
        {"record_status": "test"},
    ),
}
"""Situation: elements of a Patient, and columns of canonical__patient."""

DISPOSITIONS: dict[str, tuple[list[Json], str]] = {
    "local and standard": (
        [{"system": "urn:local", "code": "D-17"}, {"system": DISPOSITION, "code": "exp"}],
        "exp",
    ),
    "local code that looks like a standard one": (
        [{"system": "urn:local", "code": "20"}, {"system": DISPOSITION, "code": "home"}],
        "home",
    ),
    "two standard ones, one a death": (
        [
            {"system": "http://terminology.hl7.org/CodeSystem/v2-0112", "code": "01"},
            {"system": DISPOSITION, "code": "exp"},
        ],
        "exp",
    ),
    "nobody knows it": ([{"system": "urn:local", "code": "D-17"}], "unmapped"),
}

REFERRAL = {"system": SNOMED, "code": "3457005"}
LOCAL = {"system": "urn:oid:1.2.840.114350.1", "code": "8", "display": "Referral"}
SDOH = {"system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-category", "code": "sdoh"}
REQUESTS: dict[str, tuple[Json, bool]] = {
    "second coding": ({"category": [{"coding": [LOCAL, REFERRAL]}]}, True),
    "second category": ({"category": [{"coding": [SDOH]}, {"coding": [REFERRAL]}]}, True),
    "in the code": ({"code": {"coding": [LOCAL, REFERRAL]}}, True),
    "another category": ({"category": [{"coding": [SDOH]}]}, False),
    "not to be done": ({"category": [{"coding": [REFERRAL]}], "doNotPerform": True}, False),
    "proposed": ({"category": [{"coding": [REFERRAL]}], "intent": "proposal"}, False),
}


def _rule(kind: str | None = None, *channels: str, **other: Any) -> Json:
    rule: Json = {"type": kind} if kind else {}
    if channels:
        rule["code"] = [{"coding": [{"system": CHANNEL, "code": c}]} for c in channels]
    return rule | other


def _opt(code: str) -> Json:
    return {"policyRule": {"coding": [{"code": "other"}, {"code": code}]}}


OURS = [{"reference": {"reference": "Organization/us"}}]
NESTED_DENY = [_rule("deny", "sms")]
CONSENTS: dict[str, tuple[Sequence[Json], str]] = {
    "permit": ([{"provision": _rule("permit")}], "any yes"),
    "nested denial": (
        [{"provision": _rule("permit", provision=NESTED_DENY)}],
        "any yes, sms no",
    ),
    "nested without a type": (
        [{"provision": _rule("permit", provision=[_rule(None, "sms")])}],
        "any yes, sms no",
    ),
    "an exception to an exception": (
        [
            {
                "provision": _rule(
                    "permit",
                    provision=[
                        _rule("deny", provision=[_rule("permit", "phone")]),
                        _rule("permit", "email"),
                    ],
                )
            }
        ],
        # the denial covers all, and at its depth also what the other one permits
        "email no, phone yes, sms no",
    ),
    "deny all but one": (
        [{"provision": _rule("deny", provision=[_rule("permit", "sms")])}],
        "email no, phone no, sms yes",
    ),
    "no type and no rule": ([{"provision": _rule(None, "sms")}], ""),
    "opts out": ([{"provision": _rule("permit")}, _opt("OPTOUT")], "any no"),
    "opts in": ([_opt("OPTIN")], "any yes"),
    "opts in under a period": (
        [_opt("OPTIN") | {"provision": _rule(period={"end": "2027"})}],
        "any yes",
    ),
    "opts in with restrictions": ([_opt("OPTINR")], ""),
    "opts out and permits": ([_opt("OPTOUT") | {"provision": _rule("permit")}], "any no"),
    "second purpose": (
        [{"provision": _rule("permit", purpose=[{"code": "HMARKT"}, {"code": "TREAT"}])}],
        "any yes",
    ),
    "another purpose": ([{"provision": _rule("permit", purpose=[{"code": "HRESCH"}])}], ""),
    "to somebody else": (
        [{"provision": _rule("permit", actor=[{"reference": {"reference": "Organization/x"}}])}],
        "",
    ),
    "to us": (
        [
            {
                "organization": [{"reference": "Organization/us"}],
                "provision": _rule(
                    "permit", actor=[{"reference": {"reference": "Organization/us"}}]
                ),
            }
        ],
        "any yes",
    ),
    "denied to somebody else": (
        [{"provision": _rule("deny", actor=[{"reference": {"reference": "Organization/x"}}])}],
        "any no",
    ),
    "about some data": (
        [{"provision": _rule("permit", securityLabel=[{"code": "R"}])}],
        "",
    ),
    "about other codes": (
        [{"provision": _rule("permit", code=[{"coding": [{"system": "urn:x", "code": "y"}]}])}],
        "",
    ),
    "to collect": (
        [{"provision": _rule("permit", action=[{"coding": [{"code": "collect"}]}])}],
        "",
    ),
    "over": ([{"provision": _rule("permit", period={"end": "2025"})}], ""),
    "for ever": (
        [{"provision": _rule("permit", period={"start": "0001-01-01", "end": "9999-12-31"})}],
        "any yes",
    ),
    "rejected": ([{"status": "rejected", "provision": _rule("permit", "sms")}], "sms no"),
    "proposed": ([{"status": "proposed", "provision": _rule("permit")}], ""),
    "entered in error": ([{"status": "entered-in-error", "provision": _rule("deny")}], ""),
    "refuted": (
        [{"verification": [{"verified": False}], "provision": _rule("permit")}],
        "",
    ),
    "a year, and a later denial": (
        [
            {"dateTime": "2020", "provision": _rule("permit")},
            {"dateTime": "2025-06-01T10:00:00Z", "provision": _rule("deny")},
        ],
        "any no",
    ),
    "a year, and a denial within it": (
        [
            {"dateTime": "2025", "provision": _rule("permit")},
            {"dateTime": "2025-06-01T10:00:00Z", "provision": _rule("deny")},
        ],
        "any no",
    ),
    "a later permit": (
        [
            {"dateTime": "2025-06-01T10:00:00Z", "provision": _rule("deny")},
            {"dateTime": "2025-07-01T10:00:00Z", "provision": _rule("permit")},
        ],
        "any yes",
    ),
    "a denial of no time": (
        [
            {"dateTime": "2024-06-01T10:00:00Z", "provision": _rule("permit")},
            {"dateTime": None, "provision": _rule("deny")},
        ],
        "any no",
    ),
    "a denial of tomorrow": (
        [
            {"provision": _rule("permit")},
            {"dateTime": "2026-02-01T10:00:00Z", "provision": _rule("deny")},
        ],
        "any yes",
    ),
    "a permit of no time": (
        [
            {"dateTime": "2024-06-01T10:00:00Z", "provision": _rule("deny")},
            {"dateTime": None, "provision": _rule("permit")},
        ],
        "any no",
    ),
}
"""Situation: Consents of one patient, and what comes of them for treatment."""


def _orders(elements: Json) -> Iterator[Json]:
    """Yield the elements with their longest list in each order."""
    name = max(elements, key=lambda n: len(elements[n]) if isinstance(elements[n], list) else 0)
    if not isinstance(elements[name], list):
        yield elements
        return
    for order in permutations(elements[name]):
        yield elements | {name: list(order)}


def _patient(mrn: str, **elements: Any) -> Json:
    identifier = [{"system": MRN, "value": mrn, "type": {"coding": [{"code": "MR"}]}}]
    return {
        "resourceType": "Patient",
        "id": mrn.replace(" ", "-").replace(",", ""),
        "meta": META,
        "identifier": identifier,
        **elements,
    }


def _resources() -> Iterator[Json]:
    for name, (elements, _) in PEOPLE.items():
        for n, ordered in enumerate(_orders(elements)):
            yield _patient(f"{name} {n}", **ordered)
    for name, (codings, _) in DISPOSITIONS.items():
        for n, order in enumerate(permutations(codings)):
            patient = _patient(f"{name} {n}")
            yield patient
            yield {
                "resourceType": "Encounter",
                "id": f"e-{patient['id']}",
                "meta": META,
                "status": "finished",
                "class": {"code": "IMP"},
                "subject": {"reference": f"Patient/{patient['id']}"},
                "period": {"start": "2026-01-02T09:00:00Z", "end": "2026-01-03T09:00:00Z"},
                "hospitalization": {"dischargeDisposition": {"coding": list(order)}},
            }
    for name, (elements, _) in REQUESTS.items():
        for n, ordered in enumerate(_orders(elements)):
            patient = _patient(f"request {name} {n}")
            yield patient
            yield {
                "resourceType": "ServiceRequest",
                "id": f"r-{patient['id']}",
                "meta": META,
                "status": "active",
                "intent": "order",
                "subject": {"reference": f"Patient/{patient['id']}"},
                **ordered,
            }
    for name, (consents, _) in CONSENTS.items():
        for n, order in enumerate(permutations(consents)):
            patient = _patient(f"consent {name} {n}")
            yield patient
            for m, consent in enumerate(order):
                stated = {
                    "resourceType": "Consent",
                    "id": f"c{m}-{patient['id']}",
                    "meta": META,
                    "status": "active",
                    "scope": {"coding": [{"code": "x"}, {"code": "patient-privacy"}]},
                    "patient": {"reference": f"Patient/{patient['id']}"},
                    "dateTime": f"2025-0{1 + consents.index(consent)}-01T10:00:00Z",
                    **consent,
                }
                yield {k: v for k, v in stated.items() if v is not None}


MESSAGES: dict[str, tuple[Sequence[str], int, Json]] = {
    "alias first": (
        ["Stage^Starla^^^^^A", "Clover^Carmen^^^^^L", "Maid^Carmen^^^^^M"],
        5,
        {"family_name": "Clover", "given_names": "Carmen"},
    ),
    "no type is legal": (
        ["Clover^Carmen", "Nick^Nicky^^^^^N", "X^X^^^^^BAD"],
        5,
        {"family_name": "Clover", "given_names": "Carmen"},
    ),
    "bad address": (
        ["9 Bad^^Badton^MA^02101^USA^BA", "3 Home^^Hometon^MA^02102^USA^H", "1^^Bill^^^^BI"],
        11,
        {"address_line": "3 Home", "city": "Hometon", "postal_code": "02102"},
    ),
    "components": (
        ["^PRN^FX^^1^617^5550140", "^PRN^CP^^1^617^5550141", "^NET^Internet^a@example.org"],
        13,
        {"phone_mobile": "+16175550141", "phone_home": None, "email": "a@example.org"},
    ),
    "extension": (
        ["^PRN^PH^^1^617^5550142^12", "617-555-0143^BPN^BP", "617-555-0144^EMR^PH"],
        13,
        {"phone_mobile": None, "phone_home": "+16175550142;ext=12"},
    ),
    "preference": (
        ["6175550145^PRN^CP^^^^^^^^^^^^^^^2", "6175550146^PRN^CP^^^^^^^^^^^^^^^1"],
        13,
        {"phone_mobile": "+16175550146"},
    ),
    "expired": (
        ["6175550147^PRN^CP^^^^^^^^^^20200101^20251231", "6175550148^PRN^CP"],
        13,
        {"phone_mobile": "+16175550148"},
    ),
    "work is not home": (
        ["6175550149^WPN^PH", "6175550150^ORN^PH"],
        13,
        {"phone_home": "+16175550150", "phone_work": "+16175550149"},
    ),
}
"""Situation: repetitions of a field of PID, its number, and columns of canonical__patient."""


def _messages() -> Iterator[str]:
    number = 0
    for name, (repeats, field, _) in MESSAGES.items():
        for n, order in enumerate(permutations(repeats)):
            number += 1
            pid = ["PID", "1", "", f"{name} {n}^^^LKWD^MR", *[""] * 10]
            pid[field] = "~".join(order)
            yield (
                f"MSH|^~\\&|ADT|HOSP|LAKEWARD|HOSP|20260105090000||ADT^A31|C{number}|P|2.5.1\r"
                f"EVN||20260105090000\r{'|'.join(pid)}\r"
            )


def _results() -> Iterator[str]:
    for number, (stated, observed) in enumerate(RESULTS):
        lines = [
            f"MSH|^~\\&|ORD|HOSP|LAKEWARD|HOSP|20260105090000||ORU^R01|R{number}|P|2.5.1",
            "PID|1||C34P1^^^LKWD^MR||Heath^Hope",
            f"ORC|RE|PL{number}^EHR",
            f"OBR|1|PL{number}^EHR||1^Local^L^2823-3^Potassium^LN{'|' * 21}{stated}",
            *(f"OBX|{n}|NM|K||4.1||||||{code}" for n, code in enumerate(observed, 1)),
        ]
        yield "\r".join(lines) + "\r"


RESULTS = {
    ("F", "F"): "final",
    ("F", "FC"): "corrected",
    ("F", "C"): "corrected",
    ("F", "W"): "corrected",
    ("P", "C"): "preliminary",
    ("C", "F"): "corrected",
    ("", "FF"): "final",
    ("", "FP"): "partial",
    ("", "P"): "preliminary",
    ("F", ""): "final",
}
"""OBR-25 and OBX-11 of its observations: status of the result."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    home = tmp_path_factory.mktemp("choices") / "home"
    landing = load_settings(home).home.landing
    for source, text in {
        "ehr_fhir": "\n".join(map(json.dumps, _resources())),
        "adt_hl7": "".join(_messages()),
        "orders_hl7": "".join(_results()),
    }.items():
        folder = landing / source / DAY
        folder.mkdir(parents=True)
        name = "all.ndjson" if source == "ehr_fhir" else "all.hl7"
        (folder / name).write_text(text, newline="")
        (folder / MARKER).touch()
    load_landed(home, THROUGH)
    return build_canonical(home, VARIABLES)


def _chosen(store: Connection, situation: str, columns: Json) -> set[tuple[Any, ...]]:
    sql = f"select {', '.join(columns)} from canonical__patient where regexp_full_match(mrn, ?)"
    return set(store.execute(sql, [f"{situation} [0-9]+"]).fetchall())


@pytest.mark.parametrize("situation", PEOPLE)
def test_a_patient_has_what_counts_of_each_repeating_element(
    store: Connection, situation: str
) -> None:
    _, columns = PEOPLE[situation]
    assert _chosen(store, situation, columns) == {tuple(columns.values())}


@pytest.mark.parametrize("situation", MESSAGES)
def test_a_message_gives_what_counts_of_each_repeating_field(
    store: Connection, situation: str
) -> None:
    _, _, columns = MESSAGES[situation]
    assert _chosen(store, situation, columns) == {tuple(columns.values())}


@pytest.mark.parametrize("situation", DISPOSITIONS)
def test_the_coding_that_is_known_and_standard_counts(store: Connection, situation: str) -> None:
    rows = store.execute(
        "select distinct v.discharge_disposition, p.is_deceased from canonical__visit v"
        " join canonical__patient p on p.patient_key = v.patient_key"
        " where regexp_full_match(p.mrn, ?)",
        [f"{situation} [0-9]+"],
    ).fetchall()
    code = DISPOSITIONS[situation][1]
    assert rows == [(code, code == "exp")]


@pytest.mark.parametrize("situation", REQUESTS)
def test_a_request_is_a_referral_when_a_coding_says_so_and_nothing_takes_it_back(
    store: Connection, situation: str
) -> None:
    rows = store.execute(
        "select distinct r.referral_key is not null from canonical__patient p"
        " left join canonical__referral_status r on r.patient_key = p.patient_key"
        " where regexp_full_match(p.mrn, ?)",
        [f"request {situation} [0-9]+"],
    ).fetchall()
    assert rows == [(REQUESTS[situation][1],)]


@pytest.mark.parametrize("situation", CONSENTS)
def test_the_innermost_provision_and_the_later_decision_count(
    store: Connection, situation: str
) -> None:
    rows = store.execute(
        "select distinct coalesce(string_agg(c.channel || case when c.is_permitted then ' yes'"
        " else ' no' end, ', ' order by c.channel), '') from canonical__patient p"
        " left join canonical__consent c on c.patient_key = p.patient_key and c.purpose = 'TREAT'"
        " where regexp_full_match(p.mrn, ?) group by p.mrn",
        [f"consent {situation} [0-9]+"],
    ).fetchall()
    assert rows == [(CONSENTS[situation][1],)]


def test_a_result_is_corrected_where_an_observation_says_so(store: Connection) -> None:
    rows = store.execute(
        "select placer_number, result_status, code from canonical__order"
        " where placer_number like 'PL%'"
    ).fetchall()
    stated = {(f"PL{n}", status, "2823-3") for n, status in enumerate(RESULTS.values())}
    assert set(rows) == stated
