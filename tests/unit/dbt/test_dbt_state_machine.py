"""Every state of a visit is reached, from HL7 v2 and from FHIR (`state_situations.py`)."""

import csv
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest
from canonical_columns import ndjson
from canonical_folds import VARIABLES, build_canonical, load_landed
from state_situations import SITUATIONS

from lakeward.core.paths import project_path
from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection
from lakeward.landing.deliveries import MARKER

DAY = "2026-01-06"
FORMATS = ("HL7", "FHIR")
# What neither standard can state, by format and state, with the reason.
UNREACHED: dict[tuple[str, str], str] = {}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    home = tmp_path_factory.mktemp("states") / "home"
    texts: dict[str, str] = defaultdict(str)
    for situation in SITUATIONS.values():
        texts["ehr_fhir"] += ndjson(situation.resources)
        for source, messages in situation.messages.items():
            texts[source] += "".join(messages)
    for source, text in texts.items():
        _put(home, source, text)
    load_landed(home, date.fromisoformat(DAY))
    return build_canonical(home, VARIABLES)


def _put(home: Path, source: str, text: str) -> None:
    folder = load_settings(home).home.landing / source / DAY
    folder.mkdir(parents=True)
    name = "all.ndjson" if source == "ehr_fhir" else "all.hl7"
    (folder / name).write_text(text, newline="")
    (folder / MARKER).touch()


def _states() -> set[str]:
    """Return the states of the machine: those that an event type or a transition leads to."""
    seeds = project_path("dbt_project") / "seeds"
    with (seeds / "event_type.csv").open(newline="") as file:
        types = [row for row in csv.DictReader(file) if row["region"] in ("visit", "appointment")]
    with (seeds / "state_transition.csv").open(newline="") as file:
        reached = {row["to_state"] for row in csv.DictReader(file)}
    return (reached | {row["to_state"] for row in types}) - {""}


@pytest.mark.parametrize(
    ("kind", "state"), SITUATIONS, ids=[f"{kind}-{state}" for kind, state in SITUATIONS]
)
def test_a_visit_stands_where_it_was_stated_to_stand(
    store: Connection, kind: str, state: str
) -> None:
    situation = SITUATIONS[kind, state]
    assert store.execute(situation.query).fetchall() == situation.rows


def test_every_state_is_reached_from_both_formats_or_has_a_reason() -> None:
    states = {(kind, state) for kind in FORMATS for state in _states()}
    assert states == set(SITUATIONS) | set(UNREACHED)
    assert not set(SITUATIONS) & set(UNREACHED)


def test_steps_have_their_times(store: Connection) -> None:
    rows = store.execute(
        """
        select visit_number, strftime(triage_started_at, '%d %H:%M'),
            strftime(triaged_at, '%d %H:%M'), strftime(first_provider_at, '%d %H:%M'),
            strftime(disposition_decided_at, '%d %H:%M'), strftime(discharge_ready_at, '%d %H:%M')
        from canonical__visit
        where coalesce(triage_started_at, triaged_at, first_provider_at, disposition_decided_at,
            discharge_ready_at) is not null
        order by all"""
    ).fetchall()
    assert rows == [
        ("S-disposition_decided-FHIR", None, None, None, "05 14:00", None),
        ("S-disposition_decided-HL7", None, None, None, "06 12:00", None),
        ("S-in_exam-FHIR", None, None, "05 12:40", None, None),
        ("S-in_exam-HL7", None, None, "06 12:30", None, None),
        ("S-ready_for_discharge-FHIR", None, None, None, None, "05 13:20"),
        ("S-ready_for_discharge-HL7", None, None, None, None, "06 14:00"),
        ("S-triaged-FHIR", "05 12:05", "05 12:10", None, None, None),
        ("S-triaged-HL7", "06 11:05", "06 11:15", None, None, None),
    ]
