"""A kill between the commits of a load, then other rules: each record is in one table, once."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as configured
from hypothesis import strategies as st

from killed_load import COUNTS, Killed, kill_before
from lakeward.core.settings import Settings, load_settings
from lakeward.fhir.format import FHIR
from lakeward.fhir.raw import load as fhir
from lakeward.hl7v2.format import HL7V2
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import deliveries, land
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending
from lakeward.landing.source_rules import note_rules, noted_rules
from lakeward.landing.sources import Source, load_inventory
from lakeward.quarantine.table import QUARANTINE

DAY = date(2026, 1, 5)
FIRST, SECOND = ("OLD",), ("NEW",)


def message(number: int, sender: str) -> str:
    return (
        f"MSH|^~\\&|{sender}|LKWD|X|Y|20260105101500||ADT^A04|{number}|P|2.5.1\rPID|1||{number}\r"
    )


def arrive(home: Settings, source: str, name: str, content: str) -> None:
    path = home.home.root.parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, newline="")
    land(home.home.landing, source, [path], DAY)
    known = deliveries(home.home.landing, source, date(2030, 1, 1))
    register(Lake(home.home.lake), home.home.landing, known)


def accepting(home: Settings, *senders: str) -> Source:
    source = load_inventory(home.home).source("adt_hl7")
    return source.model_copy(update={"accepted_senders": senders})


def rows(home: Settings, query: str) -> list[tuple[Any, ...]]:
    with connect(Lake(home.home.lake)) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("moment", ["raw_hl7v2__message", QUARANTINE.name, COUNTS])
def test_messages_are_checked_by_the_rules_by_which_their_load_was_begun(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    lake = Lake(settings.home.lake)
    text = "".join(message(n, sender) for n, sender in enumerate(("OLD", "NEW", "OLD"), start=1))
    arrive(settings, "adt_hl7", "a.hl7", text)
    with monkeypatch.context() as patch:
        kill_before(patch, moment)
        with pytest.raises(Killed):
            load_pending(lake, settings.home, accepting(settings, *FIRST), HL7V2)
    arrive(settings, "adt_hl7", "b.hl7", message(4, "NEW") + message(5, "OLD"))
    counts = load_pending(lake, settings.home, accepting(settings, *SECOND), HL7V2)
    begun = moment != "raw_hl7v2__message"
    assert [(c.found, c.stored, c.duplicate, c.quarantined) for c in counts] == [
        (3, 2, 0, 1) if begun else (3, 1, 0, 2),
        (2, 1, 0, 1),
    ]
    stored = rows(settings, "select control_id from raw_hl7v2__message order by 1")
    assert stored == [("1",), ("3",), ("4",)] if begun else [("2",), ("4",)]
    assert noted_rules(lake, "adt_hl7") == accepting(settings, *SECOND)


def test_rules_of_another_release_are_not_known(settings: Settings) -> None:
    lake = Lake(settings.home.lake)
    assert noted_rules(lake, "adt_hl7") is None
    note_rules(lake, accepting(settings, *FIRST))
    path = next((settings.home.lake / "_rules").iterdir())
    path.write_text(json.dumps({**json.loads(path.read_text()), "gone": 1}))
    assert noted_rules(lake, "adt_hl7") is None


CHECKED = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=8)


@configured(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(CHECKED, min_size=2, max_size=2),
    st.sampled_from(["raw_fhir__resource", "raw_fhir__repeat", COUNTS]),
)
@example([[(False, False), (True, False), (False, True)]] * 2, "raw_fhir__repeat")
def test_resources_checked_again_after_a_kill_are_in_one_table(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[bool, bool]]], moment: str
) -> None:
    """Each record is good or bad before the kill, and good or bad after it."""
    home = load_settings(tmp_path_factory.mktemp("home") / "home")
    source, lake = load_inventory(home.home).source("ehr_fhir"), Lake(home.home.lake)
    # both files hold the same content: a record must not be a duplicate of a rejected one
    lines = [[patient(n, *checked) for n, checked in enumerate(file)] for file in files]
    for name, content in zip("ab", lines, strict=True):
        arrive(home, source.name, f"{name}.ndjson", "\n".join(content))
    with pytest.MonkeyPatch.context() as patch:
        _reject_by(patch, "bad-before")
        kill_before(patch, moment)
        with pytest.raises(Killed):
            load_pending(lake, home.home, source, FHIR)
    with pytest.MonkeyPatch.context() as patch:
        _reject_by(patch, "bad-after")
        counts = load_pending(lake, home.home, source, FHIR)
    assert [c.found for c in counts] == [len(file) for file in lines]
    for count in counts:
        assert count.found == count.stored + count.duplicate + count.quarantined
        assert count.duplicate >= 0
    places = "select received, line as position from raw_fhir__resource union all "
    places += "select received, position from quarantine"
    doubled = f"select received, position from ({places}) group by all having count(*) > 1"
    assert rows(home, doubled) == []
    kept = {text for (text,) in rows(home, "select resource from raw_fhir__resource")}
    quarantined = rows(home, "select content from quarantine")
    rejected = {bytes(content).decode() for (content,) in quarantined}
    assert kept | rejected == {line for file in lines for line in file}, "no record is lost"


def patient(number: int, before: bool, after: bool) -> str:
    language = "-".join(["x", *["bad-before"] * before, *["bad-after"] * after])
    return json.dumps({"resourceType": "Patient", "id": f"p{number}", "language": language})


def _reject_by(patch: pytest.MonkeyPatch, word: str) -> None:
    """Let a rule reject what holds a word, as a view that walks an element does."""
    examine = fhir.examine_files

    def checked(connection, landing: Path, files, walks):  # type: ignore[no-untyped-def]
        found = examine(connection, landing, files, walks)
        texts = [line for f in files for line in (landing / f.file).read_text().split("\n")]
        bad = np.array([word in text for text in texts])
        reasons = pa.array(
            np.where(bad, "structure_mismatch", None), pa.string()
        ).dictionary_encode()
        table = found.records
        index = table.schema.get_field_index("reason")
        table = table.set_column(index, "reason", reasons)
        return type(found)(table, found.parts, found.ignored)

    patch.setattr(fhir, "examine_files", checked)
