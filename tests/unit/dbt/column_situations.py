"""The situations of `test_dbt_canonical_columns.py`, by the table that they are about."""

from canonical_columns import Situation, fields, hl7, patient, pid, pv1, resource

ORDER = (
    "select order_category, accepted_at, scheduled_at,"
    " collected_or_performed_at, corrected_at, result_status,"
    " abnormal_flag, is_critical, blocks_step from canonical__order where placer_number = '{}'"
)
EVENTS = (
    "select event_type, occurred_at, time_precision, event_order"
    " from canonical__visit_event where order_key ="
    " (select order_key from canonical__order where placer_number = '{}') order by event_order"
)


def _order(number: str, code: str = "K^Potassium^L", section: str = "LAB", **values: str) -> str:
    given = {"f2": f"{number}^EHR", "f3": f"F{number}^LAB7", "f4": code, "f24": section}
    return fields("OBR", **(given | values))


def _common(control: str, number: str, status: str = "", at: str = "") -> str:
    return fields("ORC", f1=control, f2=f"{number}^EHR", f5=status, f9=at)


def _observation(flag: str, status: str = "F") -> str:
    return fields("OBX", f1="1", f2="NM", f3="K", f5="7.1", f8=flag, f11=status)


_STEPS = [
    hl7(
        "ORM^O01",
        "202601050900",
        pid("101"),
        _common("NW", "CO1", "IP", "202601050900"),
        _order("CO1"),
    ),
    hl7(
        "ORR^O02",
        "202601050905",
        pid("101"),
        _common("OK", "CO1", "IP", "202601050904"),
        _order("CO1"),
    ),
    hl7(
        "ORM^O01",
        "202601050910",
        pid("101"),
        _common("SC", "CO1", "SC", "202601050910"),
        _order("CO1"),
    ),
    hl7(
        "ORU^R01",
        "202601051000",
        pid("101"),
        _common("RE", "CO1", "CM"),
        _order("CO1", f7="202601050930", f22="202601050959", f25="F"),
        _observation("HH"),
    ),
    hl7(
        "ORU^R01",
        "202601051100",
        pid("101"),
        _common("RE", "CO1", "CM"),
        _order("CO1", f7="202601050930", f22="202601051059", f25="C"),
        _observation("H", "C"),
    ),
]


def _results(number: str, *flags: str) -> list[str]:
    """Write results one after the other, each with one interpretation."""
    return [
        hl7(
            "ORU^R01",
            f"2026010510{minute:02}",
            pid("102"),
            _common("RE", number),
            _order(number, f25="P"),
            _observation(flag, "P"),
        )
        for minute, flag in enumerate(flags)
    ]


_REPORTED = [
    patient("103"),
    resource(
        "ServiceRequest",
        "sr-1",
        status="active",
        intent="order",
        identifier=[{"type": {"coding": [{"code": "PLAC"}]}, "value": "CO4"}],
        requisition={"value": "G4"},
        subject={"reference": "Patient/p-103"},
        code={"coding": [{"code": "24725-4", "system": "http://loinc.org"}]},
        authoredOn="2026-01-05T13:00:00Z",
    ),
    resource(
        "Task",
        "t-1",
        status="accepted",
        intent="order",
        code={
            "coding": [{"code": "fulfill", "system": "http://hl7.org/fhir/CodeSystem/task-code"}]
        },
        focus={"reference": "ServiceRequest/sr-1"},
        lastModified="2026-01-05T13:10:00Z",
    ),
    resource(
        "DiagnosticReport",
        "dr-1",
        status="amended",
        basedOn=[{"reference": "ServiceRequest/sr-1"}],
        code={"text": "CT"},
        effectiveDateTime="2026-01-05T13:20:00Z",
        issued="2026-01-05T13:40:00Z",
        result=[{"reference": "Observation/o-1"}, {"reference": "Observation/o-2"}],
    ),
    resource(
        "Observation",
        "o-1",
        status="final",
        code={"text": "one"},
        interpretation=[{"coding": [{"code": "N"}]}],
    ),
    resource(
        "Observation",
        "o-2",
        status="final",
        code={"text": "two"},
        interpretation=[{"coding": [{"code": "LL"}]}],
    ),
]


def _day(*clocks: str) -> tuple[str | None, ...]:
    return tuple(f"2026-01-05 {clock}" if clock else None for clock in clocks)


ORDERS = {
    "steps of an order": Situation(
        ORDER.format("CO1"),
        [
            (
                "lab",
                *_day("14:04", "14:10", "14:30", "15:59"),
                "corrected",
                "abnormal",
                "False",
                "lab",
            ),
        ],
        {"orders_hl7": _STEPS},
    ),
    "events of an order": Situation(
        EVENTS.format("CO1"),
        [
            ("order_placed", "2026-01-05 14:00", "minute", "1"),
            ("order_accepted", "2026-01-05 14:04", "minute", "2"),
            ("order_scheduled", "2026-01-05 14:10", "minute", "3"),
            ("order_performed", "2026-01-05 14:30", "minute", "4"),
            ("order_resulted", "2026-01-05 14:59", "minute", "5"),
            ("order_corrected", "2026-01-05 15:59", "minute", "6"),
        ],
    ),
    "a critical value stays until a correction": Situation(
        "select abnormal_flag, is_critical from canonical__order where placer_number = 'CO2'",
        [("critical", "True")],
        {"orders_hl7": _results("CO2", "AA", "N")},
    ),
    "an interpretation that nobody knows is not harmless": Situation(
        "select abnormal_flag, is_critical from canonical__order where placer_number = 'CO3'",
        [("unmapped", None)],
        {"orders_hl7": _results("CO3", "N", "QQ")},
    ),
    "a report of the EHR": Situation(
        ORDER.format("CO4"),
        [
            (
                "imaging",
                *_day("13:10", "", "13:20", "13:40"),
                "corrected",
                "critical",
                "True",
                "imaging",
            ),
        ],
        resources=_REPORTED,
    ),
    "a group of orders": Situation(
        "select group_number, quality_flags from canonical__order where placer_number = 'CO4'",
        [("G4", "['resulted_but_active']")],
    ),
    "kind by catalogue, by department, and none": Situation(
        "select placer_number, order_category, blocks_step from canonical__order"
        " where placer_number in ('CO5', 'CO6', 'CO7', 'CO8') order by 1",
        [
            ("CO5", "lab", "lab"),
            ("CO6", "imaging", "imaging"),
            ("CO7", "unknown", "unknown"),
            ("CO8", "unmapped", "unknown"),
        ],
        {
            "orders_hl7": [
                hl7("ORM^O01", "202601050900", pid("104"), _common("NW", number), segment)
                for number, segment in {
                    "CO5": _order("CO5", "us-1^Urea^WinPath", ""),
                    "CO7": _order("CO7", "X2^Thing^L", ""),
                    "CO8": _order("CO8", "X3^Thing^L", "??"),
                }.items()
            ]
        },
    ),
}

REFERRAL = (
    "select state, declined_at, report_returned_at, docs_complete, missing_docs, auth_required,"
    " auth_status, referring_practitioner_name, referring_organization_name"
    " from canonical__referral_status where originating_id = '{}'"
)


def _referral(number: str, status: str, at: str, docs: str = "") -> str:
    return fields("RF1", f1=status, f2="R", f6=f"{number}^LKWDREF", f9=at, f12=docs)


_PROVIDER = fields("PRD", f1="RP", f2="Roe^Jan", f4="^^^NORTH CLINIC", f7="1234567893^NPI")
_FOLLOWED = [
    patient("202"),
    resource("Practitioner", "d-1", name=[{"family": "Marsh", "given": ["Ivo"]}]),
    resource(
        "ServiceRequest",
        "sr-2",
        status="active",
        intent="order",
        subject={"reference": "Patient/p-202"},
        requester={"reference": "Practitioner/d-1"},
        category=[{"coding": [{"code": "3457005", "system": "http://snomed.info/sct"}]}],
        authoredOn="2026-01-05T10:00:00Z",
    ),
    resource(
        "Task",
        "t-2",
        status="in-progress",
        intent="order",
        code={"coding": [{"code": "referral_followup"}]},
        focus={"reference": "ServiceRequest/sr-2"},
        lastModified="2026-01-05T11:00:00Z",
        input=[
            {"type": {"coding": [{"code": "missing-document"}]}, "valueCode": code}
            for code in ("ecg", "consent")
        ],
    ),
    resource(
        "Task",
        "t-3",
        status="failed",
        intent="order",
        code={"coding": [{"code": "call_patient"}]},
        focus={"reference": "ServiceRequest/sr-2"},
        lastModified="2026-01-05T12:00:00Z",
    ),
    *(
        resource(
            "Communication",
            f"c-{to.lower().replace('/', '-')}",
            status="completed",
            basedOn=[{"reference": "ServiceRequest/sr-2"}],
            recipient=[{"reference": to}],
            sent="2026-01-05T13:00:00Z",
        )
        for to in ("Patient/p-202", "Practitioner/d-1")
    ),
    resource(
        "DiagnosticReport",
        "dr-2",
        status="final",
        basedOn=[{"reference": "ServiceRequest/sr-2"}],
        code={"text": "letter"},
        issued="2026-01-05T14:00:00Z",
    ),
]

REFERRALS = {
    "a referral declined, with its documents and authorisation": Situation(
        REFERRAL.format("CR1"),
        [
            (
                "declined",
                "2026-01-05 15:00",
                None,
                "False",
                "[]",
                "True",
                "denied",
                "Jan Roe",
                "NORTH CLINIC",
            )
        ],
        {
            "orders_hl7": [
                hl7(
                    "REF^I12",
                    at,
                    _referral("CR1", status, at, docs),
                    _PROVIDER,
                    authorisation,
                    pid("201"),
                )
                for at, status, docs, authorisation in (
                    ("202601050900", "P", "N", fields("AUT", f2="PAY", f14="P")),
                    ("202601051000", "R", "", fields("AUT", f2="PAY", f14="D")),
                )
            ]
        },
    ),
    "nothing is said of documents or an authorisation": Situation(
        REFERRAL.format("CR2"),
        [("created", None, None, None, "[]", None, None, "Jan Roe", "NORTH CLINIC")],
        {
            "orders_hl7": [
                hl7(
                    "REF^I12",
                    "202601050900",
                    _referral("CR2", "P", "202601050900"),
                    _PROVIDER,
                    pid("201"),
                )
            ]
        },
    ),
    "a referral that tasks follow": Situation(
        "select docs_complete, missing_docs, contact_attempts, first_contact_at,"
        " report_returned_at, referring_practitioner_name from canonical__referral_status"
        " where referring_practitioner_name like 'Ivo%'",
        [
            (
                "False",
                "['consent', 'ecg']",
                "2",
                "2026-01-05 13:00",
                "2026-01-05 14:00",
                "Ivo Marsh",
            )
        ],
        resources=_FOLLOWED,
    ),
}

_VERSIONS = [
    resource("Practitioner", "d-2", name=[{"family": "Reed", "given": ["Una"]}]),
    resource("PractitionerRole", "pr-2", practitioner={"reference": "Practitioner/d-2"}),
    *(
        resource(
            "Task",
            "t-4",
            status=status,
            intent="order",
            code={"coding": [{"code": "review_result"}]},
            statusReason={"coding": [{"code": "busy"}]},
            focus={"reference": "ServiceRequest/sr-1"},
            owner={"reference": "PractitionerRole/pr-2"},
            authoredOn="2026-01-05T12:00:00Z",
            restriction={"period": {"end": "2026-01-06T12:00:00Z"}},
            lastModified=f"2026-01-05T{hour}:00:00Z",
            meta={"versionId": str(n), "lastUpdated": f"2026-01-05T{hour}:00:00Z"},
        )
        for n, (status, hour) in enumerate(
            (("requested", 12), ("accepted", 13), ("in-progress", 14)), 1
        )
    ),
    resource(
        "Task",
        "t-5",
        status="completed",
        intent="order",
        code={"text": "call somebody"},
        authoredOn="2026-01-05T12:00:00Z",
        lastModified="2026-01-05T13:00:00Z",
    ),
]

TASKS = {
    "versions of a task": Situation(
        "select t.task_type, t.status_reason, t.intent, t.owner_type, d.display_name,"
        " o.placer_number, q.queue_type, t.first_claimed_at, t.started_at, t.touch_count,"
        " t.is_overdue, t.age_minutes from canonical__task t"
        " left join canonical__practitioner d on d.practitioner_key = t.owner_key"
        " left join canonical__order o on o.order_key = t.order_key"
        " left join canonical__queue q on q.queue_key = t.queue_key"
        " where t.task_type = 'review_result'",
        [
            (
                "review_result",
                "busy",
                "order",
                "role",
                "Una Reed",
                "CO4",
                "task",
                "2026-01-05 13:00",
                "2026-01-05 14:00",
                "3",
                "True",
                str(41 * 60),
            )
        ],
        resources=_VERSIONS,
    ),
    "a task in words alone": Situation(
        "select owner_type, queue_key, age_minutes, is_overdue, quality_flags from canonical__task"
        " where task_type = 'unknown'",
        [(None, None, None, "False", "['unknown_type', 'no_due_time']")],
    ),
}

PATIENT = (
    "select name_use, preferred_name, zip3, interpreter_needed, is_registration_complete,"
    " missing_fields, general_practitioner_key is not null from canonical__patient where mrn = '{}'"
)

PATIENTS = {
    "a patient of the EHR": Situation(
        PATIENT.format("301"),
        [("official", "Addie", "021", "True", "False", "['phone']", "True")],
        resources=[
            patient(
                "301",
                name=[
                    {"use": "official", "family": "Moss", "given": ["Ada"]},
                    {"use": "nickname", "given": ["Addie"]},
                ],
                gender="female",
                birthDate="1980-02-14",
                address=[{"use": "home", "line": ["1 Way"], "postalCode": "02139"}],
                communication=[{"language": {"coding": [{"code": "en"}]}, "preferred": True}],
                generalPractitioner=[{"reference": "Practitioner/d-2"}],
                extension=[
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
                        "valueBoolean": True,
                    }
                ],
            )
        ],
    ),
    "a patient of registration": Situation(
        PATIENT.format("302"),
        [("official", "Addie", "000", None, "True", "[]", "True")],
        {
            "adt_hl7": [
                hl7(
                    "ADT^A31",
                    "202601050900",
                    "EVN||202601050900",
                    pid(
                        "302",
                        f5="Moss^Ada^^^^^L~Moss^Addie^^^^^N",
                        f11="1 Way^^Stowe^VT^03601^USA^H",
                        f13="6175550100^PRN^PH",
                        f15="en",
                    ),
                    fields("PD1", f4="D77^Reed^Una"),
                )
            ]
        },
    ),
}

QUEUES = {
    "what waits and what has left": Situation(
        "select i.item_type, i.queue_type, i.entered_at, i.left_at, i.exit_reason"
        " from canonical__queue_item i join canonical__order o on o.order_key = i.item_key"
        " where o.placer_number in ('CO1', 'CO6') order by i.queue_type",
        [
            ("order", "imaging", "2026-01-06 14:00", None, None),
            ("order", "lab", "2026-01-05 14:00", "2026-01-05 15:59", "completed"),
        ],
        {
            "orders_hl7": [
                hl7(
                    "ORM^O01",
                    "202601060900",
                    pid("104"),
                    pv1("CV1"),
                    _common("NW", "CO6", at="202601060900"),
                    _order("CO6", "X1^Chest^L", "", f3="FCO6^RIS"),
                )
            ],
            "adt_hl7": [
                hl7(
                    f"ADT^{trigger}",
                    at,
                    fields("EVN", f2=at, f6=at),
                    pid("104"),
                    pv1("CV1"),
                )
                for trigger, at in (("A04", "202601060800"), ("A16", "202601062330"))
            ],
        },
    ),
    "promises of a queue": Situation(
        "select queue_type, wip_count, owning_team, sla_minutes, breach_count, arrivals_24h_count,"
        " arrivals_60m_count, completions_24h_count from canonical__queue"
        " where queue_type = 'discharge' and location_key is not null",
        [("discharge", "1", "ward", "120", "0", "1", "1", "0")],
    ),
    "waits of a visit": Situation(
        "select w.kind, w.opened_at, w.closed_at, w.wait_minutes from canonical__wait_interval w"
        " join canonical__visit v on v.visit_key = w.visit_key where v.visit_number = 'CV1'"
        " order by w.kind",
        [
            ("discharge", "2026-01-07 04:30", None, "30"),
            ("imaging", "2026-01-06 14:00", None, "900"),
            ("triage", "2026-01-06 13:00", "2026-01-07 04:30", "930"),
        ],
    ),
}

_VISIT = {
    "f6": "OBS^1^1^LKWD",
    "f8": "D1^Reed^Una",
    "f16": "VIP",
    "f17": "D2^Marsh^Ivo",
    "f37": "SNF7",
}

VISITS = {
    "facts of a visit of registration": Situation(
        "select account_number, discharge_destination, is_restricted, acuity_level, acuity_scale,"
        " referring_practitioner_key is not null, admitting_practitioner_key is not null,"
        " prior_location_key is not null from canonical__visit where visit_number = 'CV2'",
        [("A77", "SNF7", "True", "2", "ESI", "True", "True", "True")],
        {
            "adt_hl7": [
                hl7(
                    "ADT^A04",
                    "202601060800",
                    fields("EVN", f2="202601060800"),
                    pid("401", f18="A77^^^LKWD^AN"),
                    pv1("CV2", **_VISIT),
                    fields("OBX", f1="1", f2="NM", f3="75636-1^ESI^LN", f5="2", f11="F"),
                ),
                hl7(
                    "ADT^A08",
                    "202601060830",
                    fields("EVN", f2="202601060830"),
                    pid("401"),
                    pv1("CV2"),
                ),
            ]
        },
    ),
    "who goes away without a word": Situation(
        "select main_state, discharge_disposition from canonical__visit where visit_number = 'CV4'",
        [("eloped", "eloped")],
        {
            "adt_hl7": [
                hl7(f"ADT^{trigger}", at, fields("EVN", f2=at), pid("403"), pv1("CV4", **values))
                for trigger, at, values in (
                    ("A04", "202601060800", {}),
                    ("A03", "202601060900", {"f36": "ELOPED"}),
                )
            ]
        },
    ),
    "steps of an encounter": Situation(
        "select triaged_at, confirmed_at, is_restricted, acuity_level, main_state"
        " from canonical__visit where visit_number = 'CV3'",
        [("2026-01-05 12:10", None, "True", "3", "ready_for_discharge")],
        resources=[
            patient("402"),
            resource(
                "Encounter",
                "e-3",
                meta={
                    "versionId": "1",
                    "lastUpdated": "2026-01-05T15:00:00Z",
                    "security": [{"code": "R"}],
                },
                status="discharged",
                identifier=[{"type": {"coding": [{"code": "VN"}]}, "value": "CV3"}],
                subject={"reference": "Patient/p-402"},
                period={"start": "2026-01-05T12:00:00Z"},
                statusHistory=[
                    {
                        "status": "triaged",
                        "period": {"start": "2026-01-05T12:10:00Z", "end": "2026-01-05T13:00:00Z"},
                    },
                ],
                **{"class": {"code": "EMER"}},
            ),
            resource(
                "Observation",
                "o-3",
                status="final",
                code={"coding": [{"code": "75636-1", "system": "http://loinc.org"}]},
                encounter={"reference": "Encounter/e-3"},
                valueInteger=3,
            ),
        ],
    ),
}

SITUATIONS = {**ORDERS, **REFERRALS, **TASKS, **PATIENTS, **QUEUES, **VISITS}
