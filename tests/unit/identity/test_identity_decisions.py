"""Decisions on merges: kept in order with their reason, only on merges that are released."""

from datetime import UTC, date, datetime

import pytest

from lakeward.contracts import load_contracts
from lakeward.core.errors import UsageError
from lakeward.core.settings import Settings
from lakeward.identity.decisions import MERGES, Choice, MergeDecision, decide, decisions, merges
from lakeward.lake.candidate import contract_table, store_candidate
from lakeward.lake.query import connect, snapshot
from lakeward.lake.release import Decision as ReleaseDecision
from lakeward.lake.release import decide as decide_release
from lakeward.lake.tables import Lake

AT = datetime(2026, 1, 7, 9, tzinfo=UTC)
VALUES = {
    "merge_key": "cast(n as varchar)",
    "is_in_question": "n = 1",
    "state": "'applied'",
    "prior_patient_key": "'a'",
    "surviving_patient_key": "'b'",
    "quality_flags": "['sex_conflict']",
}


@pytest.fixture
def released(settings: Settings) -> Settings:
    """Two released merges, `1` in question and `2` not."""
    lake = Lake(settings.home.lake)
    columns = contract_table(load_contracts()[MERGES]).columns
    listed = ", ".join(
        f'cast({VALUES.get(c.name, "null")} as {c.type}) as "{c.name}"' for c in columns
    )
    with connect(lake) as connection:
        store_candidate(lake, connection, MERGES, f"select {listed} from range(1, 3) as r(n)")
    pinned = snapshot(lake, MERGES)
    assert pinned is not None
    decision = ReleaseDecision(
        "canonical", {MERGES: pinned.version}, date(2026, 1, 6), AT,
        contract_version="1.0.0", held_by=(), run_id="r",
    )  # fmt: skip
    decide_release(lake, decision)
    return settings


def decided(settings: Settings, merge: str, choice: Choice, because: str = "asked both") -> None:
    decide(settings, MergeDecision(merge, choice, AT, "registrar", because))


def test_only_merges_in_question_are_listed(released: Settings) -> None:
    assert [row["merge_key"] for row in merges(released)] == ["1"]
    assert [row["merge_key"] for row in merges(released, everything=True)] == ["1", "2"]


def test_every_decision_is_kept_and_the_last_one_is_shown_to_dbt(released: Settings) -> None:
    decided(released, "1", "undo")
    decided(released, "2", "apply")
    decided(released, "1", "apply", "papers came")
    lake = Lake(released.home.lake)
    assert [(row["sequence"], row["merge_key"], row["decision"]) for row in decisions(lake)] == [
        (1, "1", "undo"),
        (2, "2", "apply"),
        (3, "1", "apply"),
    ]
    assert decisions(lake)[-1]["because"] == "papers came"
    with connect(lake) as connection:
        shown = connection.sql(
            "select merge_key, decision from registrar_decision order by 1"
        ).fetchall()
    assert shown == [("1", "apply"), ("2", "apply")]


def test_without_a_decision_the_relation_is_empty(released: Settings) -> None:
    with connect(Lake(released.home.lake)) as connection:
        assert connection.sql("select * from registrar_decision").fetchall() == []


def test_a_merge_that_is_not_released_and_a_missing_reason_are_rejected(released: Settings) -> None:
    with pytest.raises(UsageError, match="no such merge"):
        decided(released, "3", "undo")
    with pytest.raises(UsageError, match="is empty"):
        decided(released, "1", "undo", because=" ")
    assert decisions(Lake(released.home.lake)) == []
