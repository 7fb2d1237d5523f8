"""One visit for each state of the state machine and each format that can state it.

The visit has the number of its state (`S-<state>-<format>`); the answer is where it stands.
"""

from canonical_columns import Json, Situation, fields, hl7, patient, pid, pv1, resource

ADT, SIU, ORDERS = "adt_hl7", "scheduling_hl7", "orders_hl7"
DAY = "202601060"
Messages = dict[str, list[str]]


def _visit(state: str, kind: str) -> str:
    return f"S-{state}-{kind}"


def _query(name: str) -> str:
    return (
        "select main_state from canonical__visit"
        f" where coalesce(visit_number, appointment_id) = '{name}'"
    )


class Story:
    """The messages of one visit, an hour apart from 06:00 on."""

    def __init__(self, state: str, number: int) -> None:
        """Begin a story of a patient."""
        self.name, self.number = _visit(state, "HL7"), f"5{number:02}"
        self.messages: Messages = {}
        self.hour = 6

    def adt(self, trigger: str, *more: str, day: str = "20260106", **visit: str) -> "Story":
        """Add a message of registration."""
        at = f"{day}{self.hour:02}00"
        self._add(
            ADT,
            hl7(
                f"ADT^{trigger}",
                at,
                fields("EVN", f2=at),
                pid(self.number),
                pv1(self.name, **({"f3": f"S{self.number}^^^LKWD"} | visit)),
                *more,
            ),
        )
        return self

    def siu(self, trigger: str, status: str) -> "Story":
        """Add a message of scheduling."""
        at = f"20260106{self.hour:02}00"
        schedule = fields(
            "SCH",
            f1=f"P{self.name}",
            f2=self.name,
            f11="^^^20260109090000^20260109093000",
            f25=status,
        )
        self._add(SIU, hl7(f"SIU^{trigger}", at, schedule, pid(self.number), sender="SCHED"))
        return self

    def order(self, code: str) -> "Story":
        """Add an order."""
        at = f"20260106{self.hour:02}00"
        number = f"O{self.number}{self.hour}"
        common = fields("ORC", f1="NW", f2=f"{number}^EHR", f5="IP", f9=at)
        request = fields("OBR", f2=f"{number}^EHR", f4=code)
        visit = pv1(self.name, f3=f"S{self.number}^^^LKWD")
        self._add(ORDERS, hl7("ORM^O01", at, pid(self.number), visit, common, request))
        return self

    def _add(self, source: str, message: str) -> None:
        self.messages.setdefault(source, []).append(message)
        self.hour += 1


def seen(code: str, value: str = "Y", at: str = "") -> str:
    """Write an observation."""
    return fields("OBX", f1="1", f2="ST", f3=f"{code}^^L", f5=value, f11="F", f14=at)


def _hl7(story: Story, state: str) -> Situation:
    return Situation(_query(story.name), [(state,)], story.messages)


ROLE = fields("ROL", f1="1", f2="AD", f3="AT", f4="D1^Reed^Una", f5="202601060730")
LONG_AGO = "20251101"

HL7_STORIES: dict[str, Story] = {
    "requested": Story("requested", 1).siu("S12", "Waitlist"),
    "scheduled": Story("scheduled", 2).siu("S12", "Booked"),
    "confirmed": Story("confirmed", 3).siu("S12", "Booked").siu("S14", "Confirmed"),
    "arrived": Story("arrived", 4).adt("A04"),
    "checked_in": Story("checked_in", 5).siu("S12", "Booked").siu("S14", "Started"),
    "triaged": Story("triaged", 6).adt(
        "A04",
        seen("TRIAGE_START", at="202601060605"),
        seen("75636-1", "2", "202601060615"),
    ),
    "roomed": Story("roomed", 7).adt("A04").adt("A02", f3="S507^1^^LKWD"),
    "in_exam": Story("in_exam", 8).adt("A04").adt("A02", f3="S508^1^^LKWD").adt("A08", ROLE),
    "disposition_decided": Story("disposition_decided", 9).adt("A04").adt("A08", f36="01"),
    "boarding": Story("boarding", 10).adt("A04").order("305056002^Admission^SCT"),
    "admitted": Story("admitted", 11).adt("A01", f2="I"),
    "discharge_ordered": Story("discharge_ordered", 12).adt("A01", f2="I").adt("A16", f2="I"),
    "ready_for_discharge": Story("ready_for_discharge", 13)
    .adt("A01", f2="I")
    .adt("A16", f2="I")
    .adt("A08", seen("DISCHARGE_READY", "N"), f2="I")
    .adt("A08", seen("DISCHARGE_READY"), f2="I"),
    "on_leave": Story("on_leave", 14).adt("A01", f2="I").adt("A21", f2="I"),
    "discharged": Story("discharged", 15).adt("A04").adt("A03", f36="01"),
    "closed": Story("closed", 16)
    .adt("A04", day=LONG_AGO)
    .adt("A03", day=LONG_AGO, f36="01", f45=f"{LONG_AGO}0700"),
    "cancelled": Story("cancelled", 17).siu("S12", "Booked").siu("S15", "Cancelled"),
    "no_show": Story("no_show", 18).siu("S12", "Booked").siu("S26", "Noshow"),
    "lwbs": Story("lwbs", 19).adt("A04").adt("A03", f36="LWBS"),
    "eloped": Story("eloped", 20).adt("A04").adt("A03", f36="ELOPED"),
    "ama": Story("ama", 21).adt("A04").adt("A03", f36="07"),
    "deceased": Story("deceased", 22).adt("A01", f2="I").adt("A03", f2="I", f36="20"),
    "entered_in_error": Story("entered_in_error", 23).adt("A04").adt("A23"),
}


def _concept(code: str) -> Json:
    return {"coding": [{"code": code}]}


def _encounter(
    state: str, number: int, status: str, *more: Json, **elements: str | Json
) -> Situation:
    key, name = f"s-{number}", _visit(state, "FHIR")
    given: Json = {
        "status": status,
        "identifier": [{"type": {"coding": [{"code": "VN"}]}, "value": name}],
        "subject": {"reference": f"Patient/p-6{number:02}"},
        "class": {"code": "EMER"},
        "period": {"start": "2026-01-05T12:00:00Z"},
    }
    encounter = resource("Encounter", key, **(given | elements))
    return Situation(
        _query(name), [(state,)], resources=[patient(f"6{number:02}"), encounter, *more]
    )


def _appointment(state: str, number: int, status: str, accepted: str = "needs-action") -> Situation:
    name = _visit(state, "FHIR")
    person = {"actor": {"reference": f"Patient/p-6{number:02}"}, "status": accepted}
    appointment = resource(
        "Appointment",
        f"s-{number}",
        status=status,
        identifier=[{"type": _concept("FILL"), "value": name}],
        created="2026-01-04T12:00:00Z",
        start="2026-01-09T14:00:00Z",
        end="2026-01-09T14:30:00Z",
        participant=[person],
    )
    return Situation(_query(name), [(state,)], resources=[patient(f"6{number:02}"), appointment])


def _observed(number: int, code: str, **elements: str | Json | int) -> Json:
    given = {"code": _concept(code), "encounter": {"reference": f"Encounter/s-{number}"}}
    return resource("Observation", f"s-{number}", status="final", **(given | elements))


def _order(number: int, code: str) -> Json:
    return resource(
        "ServiceRequest",
        f"s-{number}",
        status="active",
        intent="order",
        code=_concept(code),
        authoredOn="2026-01-05T13:00:00Z",
        encounter={"reference": f"Encounter/s-{number}"},
        subject={"reference": f"Patient/p-6{number:02}"},
    )


def _left(disposition: str) -> Json:
    return {
        "period": {"start": "2026-01-05T12:00:00Z", "end": "2026-01-05T13:30:00Z"},
        "hospitalization": {"dischargeDisposition": _concept(disposition)},
    }


INPATIENT: Json = {"class": {"code": "IMP"}}
SEEN: Json = {
    "participant": [
        {"type": [_concept("ATND")], "period": {"start": "2026-01-05T12:40:00Z"}},
        {"type": [_concept("PPRF")], "period": {"start": "2026-01-05T12:00:00Z"}},
    ]
}
WENT_HOME: Json = {"hospitalization": {"dischargeDisposition": _concept("home")}}
LONG_OVER: Json = {
    "period": {"start": "2025-11-01T12:00:00Z", "end": "2025-11-01T13:00:00Z"},
    "meta": {"versionId": "1", "lastUpdated": "2025-11-01T14:00:00Z"},
}

FHIR: dict[str, Situation] = {
    "requested": _appointment("requested", 1, "proposed"),
    "scheduled": _appointment("scheduled", 2, "booked"),
    "confirmed": _appointment("confirmed", 3, "booked", "accepted"),
    "arrived": _encounter("arrived", 4, "arrived"),
    "checked_in": _appointment("checked_in", 5, "checked-in"),
    "triaged": _encounter(
        "triaged",
        6,
        "arrived",
        _observed(
            6,
            "75636-1",
            valueInteger=3,
            effectivePeriod={"start": "2026-01-05T12:05:00Z", "end": "2026-01-05T12:10:00Z"},
        ),
    ),
    "roomed": _encounter("roomed", 7, "in-progress"),
    "in_exam": _encounter("in_exam", 8, "in-progress", **SEEN),
    "disposition_decided": _encounter("disposition_decided", 9, "in-progress", **WENT_HOME),
    "boarding": _encounter("boarding", 10, "in-progress", _order(10, "305056002")),
    "admitted": _encounter("admitted", 11, "in-progress", **INPATIENT),
    "discharge_ordered": _encounter(
        "discharge_ordered", 12, "in-progress", _order(12, "58000006"), **INPATIENT
    ),
    "ready_for_discharge": _encounter(
        "ready_for_discharge",
        13,
        "in-progress",
        _observed(
            13, "DISCHARGE_READY", valueBoolean=True, effectiveDateTime="2026-01-05T13:20:00Z"
        ),
        **INPATIENT,
    ),
    "on_leave": _encounter("on_leave", 14, "onleave", **INPATIENT),
    "discharged": _encounter("discharged", 15, "finished", **_left("home")),
    "closed": _encounter("closed", 16, "finished", **LONG_OVER),
    "cancelled": _encounter("cancelled", 17, "cancelled"),
    "no_show": _appointment("no_show", 18, "noshow"),
    "lwbs": _encounter("lwbs", 19, "finished", **_left("21541000119102")),
    "eloped": _encounter("eloped", 20, "finished", **_left("eloped")),
    "ama": _encounter("ama", 21, "finished", **_left("aadvice")),
    "deceased": _encounter("deceased", 22, "finished", **(INPATIENT | _left("exp"))),
    "entered_in_error": _encounter("entered_in_error", 23, "entered-in-error"),
}

SITUATIONS: dict[tuple[str, str], Situation] = {
    **{("HL7", state): _hl7(story, state) for state, story in HL7_STORIES.items()},
    **{("FHIR", state): situation for state, situation in FHIR.items()},
}
