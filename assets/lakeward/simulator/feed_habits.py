"""How the feeds write what happened: the habits in which real feeds differ, as switches.

A habit changes what is delivered and never what happened: the ground truth is the same with every
switch, so a store that reads a habit rightly ends in the same rows. Habits draw from their own
chance; the story of a seed does not change with them.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from lakeward.simulator.fhir_terms import Resource

_MINUTES = len("202601050930")
_SECONDS = len("20260105093000")
_TIMES = {"MSH": 6, "EVN": 2}
_REPEATING_FIELDS = {"PID": (3, 5, 11, 13)}
_REPEATING_ELEMENTS = ("identifier", "telecom", "name", "address", "category", "coding")
_OLD_NUMBER = "+15185550000"


@dataclass(frozen=True)
class FeedHabits:
    """Switches of how the feeds write.

    Attributes:
        without_stamps: Resources have no `meta` and exports no manifest: only the order of the
            deliveries says which version is newer.
        coarse_times: Messages state MSH-7 and EVN-2 to the minute: their place in the file says
            what came first.
        shuffle_repetitions: Repetitions come in any order: names, numbers, identifiers, codings.
        second_identifiers: Patients have an enterprise number beside the record number, and an
            appointment the number of its series, which others share.
        former_values: Numbers and names that no longer hold stand beside those that do.
    """

    without_stamps: bool = False
    coarse_times: bool = False
    shuffle_repetitions: bool = False
    second_identifiers: bool = False
    former_values: bool = False


@dataclass
class Hand:
    """Writes resources and messages as the habits have it.

    Attributes:
        habits: The switches.
        chance: Source of the order of repetitions.
    """

    habits: FeedHabits = field(default_factory=FeedHabits)
    chance: Random = field(default_factory=Random)

    def resource(self, found: Resource) -> Resource:
        """Return a resource as it is exported."""
        written = dict(found)
        kind = written["resourceType"]
        if self.habits.without_stamps:
            written.pop("meta", None)
        if self.habits.second_identifiers and kind in _SECOND:
            written["identifier"] = [*written["identifier"], _SECOND[kind](written)]
        if self.habits.former_values and kind == "Patient":
            old = {"system": "phone", "use": "old", "value": _OLD_NUMBER}
            written["telecom"] = [old, *written.get("telecom", ())]
            former = {"use": "maiden", "family": "Former", "given": ["Former"]}
            written["name"] = [former, *written["name"]]
        return self._shuffled(written) if self.habits.shuffle_repetitions else written

    def message(self, segments: list[str]) -> list[str]:
        """Return the segments of a message as they are sent."""
        return [self._segment(segment) for segment in segments]

    def _segment(self, segment: str) -> str:
        fields = segment.split("|")
        name = fields[0]
        if self.habits.coarse_times and (at := _TIMES.get(name)) and len(fields[at]) == _SECONDS:
            fields[at] = fields[at][:_MINUTES]
        if name == "PID":
            self._identify(fields)
        if self.habits.shuffle_repetitions:
            for position in _REPEATING_FIELDS.get(name, ()):
                if position < len(fields):
                    repetitions = fields[position].split("~")
                    self.chance.shuffle(repetitions)
                    fields[position] = "~".join(repetitions)
        return "|".join(fields)

    def _identify(self, fields: list[str]) -> None:
        """Add the second identifier and the former name of a patient to PID-3 and PID-5."""
        if self.habits.second_identifiers:
            number = fields[3].split("^")[0]
            fields[3] = f"{fields[3]}~{_enterprise(number)}^^^LKWDENT^PI"
        if self.habits.former_values:
            fields[5] = f"Former^Former^^^^^M~{fields[5]}"

    def _shuffled(self, value: Any, element: str = "") -> Any:
        """Bring the repeating elements of a value into any order."""
        if isinstance(value, dict):
            return {key: self._shuffled(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            items = [self._shuffled(item) for item in value]
            if element in _REPEATING_ELEMENTS:
                self.chance.shuffle(items)
            return items
        return value


def _enterprise(number: str) -> str:
    """Return the enterprise number of a record number."""
    return f"E{number}"


def _enterprise_identifier(patient: Resource) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/v2-0203"
    return {
        "type": {"coding": [{"system": system, "code": "PI"}]},
        "system": "urn:lakeward:enterprise",
        "value": _enterprise(patient["identifier"][0]["value"]),
    }


def _series_identifier(appointment: Resource) -> Resource:
    # all appointments of a patient count as one series
    whose = next(
        actor["reference"].rpartition("/")[2]
        for participant in appointment["participant"]
        if (actor := participant["actor"])["reference"].startswith("Patient/")
    )
    return {"system": "urn:lakeward:series", "value": f"S-{whose}"}


_SECOND = {"Patient": _enterprise_identifier, "Appointment": _series_identifier}
"""By resource type, what makes the second identifier."""
