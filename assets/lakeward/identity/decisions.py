"""Decisions of registrars on merges of patient records, and the merges that wait for one.

A merge that a source stated of two records that disagreed is in question until somebody says
whether the two are one person. Every decision is kept, with who made it and why, and the last one
counts: to take one back is to make another. `relations/registrar_decision.sql` shows the last ones
to dbt, where `int__patient_merge` follows them.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from lakeward.core.errors import UsageError
from lakeward.core.phi import Phi
from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.released import open_released, select
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    TableWrite,
    arrow_schema,
    open_table,
    write,
)

DECISION = TableSpec(
    name="identity_decision",
    description="What registrars decided about merges of patient records, who, when and why",
    grain="One row per decision",
    columns=(
        Column(
            "sequence", "BIGINT", Phi.N, "Place among all decisions, from 1; the last one counts"
        ),
        Column("merge_key", "VARCHAR", Phi.LK, "The merge, as in canonical__patient_merge"),
        Column("decision", "VARCHAR", Phi.N, "apply or undo"),
        Column("at", "TIMESTAMP WITH TIME ZONE", Phi.N, "When"),
        Column("principal", "VARCHAR", Phi.N, "Person or service that decided"),
        Column("because", "VARCHAR", Phi.SP, "Why, in their words"),
    ),
)

MERGES = "canonical__patient_merge"

Choice = Literal["apply", "undo"]


@dataclass(frozen=True)
class MergeDecision:
    """One decision.

    Attributes:
        merge_key: The merge; the decision holds for every merge of the same two records.
        decision: `apply` says that the two are one person, `undo` that they are two.
        because: Why, in the words of who decided.
    """

    merge_key: str
    decision: Choice
    at: datetime
    principal: str
    because: str


def merges(settings: Settings, *, everything: bool = False) -> list[dict[str, Any]]:
    """List the merges that wait for a decision as they are released; with `everything`, all.

    Rows hold keys and where the merge was stated, no value of a record.

    Raises:
        UsageError: Nothing is released yet.
    """
    columns = (
        "merge_key, state, is_in_question, decision, prior_patient_key, surviving_patient_key,"
        " quality_flags, source_trigger, source_ref, recorded_at"
    )
    where = "" if everything else " where is_in_question"
    with open_released(settings) as connection:
        return select(
            connection, f"select {columns} from {MERGES}{where} order by recorded_at, merge_key"
        )


def decide(settings: Settings, decision: MergeDecision) -> TableWrite:
    """Keep a decision; the caller holds the lake. The next run follows it.

    Raises:
        UsageError: No such merge is released, or no reason is given.
    """
    if not decision.because.strip():
        raise UsageError(
            "--because", "is empty", "why the records are one person or two", "write it"
        )
    if decision.merge_key not in {row["merge_key"] for row in merges(settings, everything=True)}:
        raise UsageError(
            "merge",
            "no such merge is released",
            "a merge_key",
            "see `lakeward identity list`",
        )
    lake = Lake(settings.home.lake)
    row = {"sequence": len(decisions(lake)) + 1} | asdict(decision)
    return write(
        lake, DECISION, pa.Table.from_pylist([row], schema=arrow_schema(DECISION)), mode="append"
    )


def decisions(lake: Lake) -> list[dict[str, Any]]:
    """Return all decisions, the first one first."""
    if open_table(lake, DECISION.name) is None:
        return []
    with connect(lake, tables=[DECISION.name]) as connection:
        return select(connection, f"select * from {DECISION.name} order by sequence")
