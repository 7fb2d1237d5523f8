"""FHIR bulk exports: one NDJSON file a type and day, with the manifest of the export.

The first export has everything, the later ones what changed, in the state at midnight: a resource
that changed twice in a day comes once, so FHIR knows less about that day than HL7 v2 does. The last
patient of an export comes again in the next one, unchanged, as servers do around `_since`. What a
resource holds is in `fhir_people`, `fhir_scheduling`, `fhir_care`,
`fhir_results` and `fhir_facts`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from lakeward.simulator import fhir_care, fhir_facts, fhir_people, fhir_results, fhir_scheduling
from lakeward.simulator.facility_clock import FacilityClock, fhir_instant
from lakeward.simulator.feed_habits import Hand
from lakeward.simulator.fhir_terms import Resource
from lakeward.simulator.hospital_records import Appointment, Order, Practitioner, Referral, Slot
from lakeward.simulator.world import World

SOURCE = "ehr_fhir"
_SERVER = "https://ehr.lakeward.example"


@dataclass
class FhirWriter:
    """Writes what changed since the last export.

    Attributes:
        world: The hospital.
        clock: The facility's time.
        start: First delivered day; slots before it are left out.
        hand: Writes a resource as the feed's habits have it.
        written: Resources by type over the whole run.
    """

    world: World
    clock: FacilityClock
    start: date
    hand: Hand = field(default_factory=Hand)
    written: Counter[str] = field(default_factory=Counter)
    _last_patient: str = ""

    def export(self, day: date, folder: Path) -> None:
        """Write the export of `day`: everything on the first day, later what changed."""
        files: dict[str, BinaryIO] = {}
        counts: Counter[str] = Counter()
        stamped = not self.hand.habits.without_stamps
        # without a stamp nothing says that the patient who comes again is the older version
        repeated = self._last_patient if stamped else ""
        for resource in self._resources():
            kind = resource["resourceType"]
            if kind not in files:
                files[kind] = (folder / f"{kind}.ndjson").open("wb")
            line = _line(self.hand.resource(resource))
            files[kind].write(line.encode() + b"\n")
            counts[kind] += 1
            if kind == "Patient":
                self._last_patient = line
        # counted in the manifest too: it is a duplicate for the reader, not an error of the file
        if repeated and "Patient" in files:
            files["Patient"].write(repeated.encode() + b"\n")
            counts["Patient"] += 1
        for file in files.values():
            file.close()
        self.written.update(counts)
        if stamped:
            _write_manifest(folder, day, self.start, self.clock, counts)

    def _resources(self) -> Iterator[Resource]:
        for kind, render in _RENDERERS.items():
            for record in self.world.changes(kind):
                yield from render(record, self)


def _schedules(doctor: Practitioner, _: FhirWriter) -> Iterator[Resource]:
    yield fhir_people.practitioner(doctor)
    yield fhir_people.role(doctor)
    if doctor.room:
        yield fhir_scheduling.schedule(doctor)


def _slots(slot: Slot, writer: FhirWriter) -> Iterator[Resource]:
    if writer.clock.day(slot.start) >= writer.start:
        doctor = writer.world.practitioner(slot.practitioner)
        yield fhir_scheduling.slot(slot, doctor, writer.clock)


def _appointments(found: Appointment, writer: FhirWriter) -> Iterator[Resource]:
    yield fhir_scheduling.appointment(found, writer.clock, writer.clock.at(writer.start))


def _orders(found: Order, writer: FhirWriter) -> Iterator[Resource]:
    yield fhir_care.order(found, writer.clock)
    if found.resulted_at:
        yield from fhir_results.report(found, found.resulted_at, writer.clock)


def _referrals(found: Referral, writer: FhirWriter) -> Iterator[Resource]:
    yield fhir_care.referral(found, writer.clock)
    # the request says that it is active; how far it is, only the task says
    yield fhir_care.referral_task(found, writer.clock)


_RENDERERS: dict[str, Callable[[Any, FhirWriter], Iterable[Resource]]] = {
    "Organization": lambda found, _: [fhir_people.organization(found)],
    "Location": lambda found, _: [fhir_people.location(found)],
    "Practitioner": _schedules,
    "Person": lambda found, w: [fhir_people.patient(found, w.clock)],
    "Consent": lambda found, w: [fhir_people.consent(found, w.clock)],
    "Slot": _slots,
    "Appointment": _appointments,
    "Visit": lambda found, w: [fhir_care.encounter(found, w.world, w.clock)],
    "Order": _orders,
    "Referral": _referrals,
    "Task": lambda found, w: [fhir_care.task(found, w.clock)],
    "Insurance": lambda found, w: fhir_facts.coverages(found, w.world, w.clock),
    "Authorisation": lambda found, w: [fhir_facts.authorisation(found, w.world, w.clock)],
    "Allergy": lambda found, w: [fhir_facts.allergy(found, w.clock)],
    "Acuity": lambda found, w: [fhir_results.acuity(found, w.clock)],
    "Review": lambda found, w: [fhir_results.review(found, w.clock)],
    "IntakeForm": lambda found, w: [fhir_facts.form(found, w.clock)],
    "Notice": lambda found, w: [fhir_facts.notice(found, w.clock)],
    "Reply": lambda found, _: [fhir_facts.reply(found)],
    "Prescription": lambda found, w: [fhir_facts.prescription(found, w.clock)],
}


def _line(resource: Resource) -> str:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":"))


def _write_manifest(
    folder: Path, day: date, start: date, clock: FacilityClock, counts: Counter[str]
) -> None:
    # STU2: the request's URL is part of the manifest, and shows whether it is a full one
    since = "" if day == start else f"?_since={fhir_instant(clock.at(day))}"
    manifest = {
        # midnight at the end of the day: what the export holds is the state at that instant
        "transactionTime": fhir_instant(clock.at(day + timedelta(days=1))),
        "request": f"{_SERVER}/fhir/$export{since}",
        "requiresAccessToken": False,
        "output": [
            {"type": kind, "url": f"{_SERVER}/bulk/{day}/{kind}.ndjson", "count": count}
            for kind, count in counts.items()
        ],
        "error": [],
    }
    text = json.dumps(manifest, indent=2)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8", newline="\n")
