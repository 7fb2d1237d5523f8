"""Which sources, and which flat tables, could not be brought up to date, and why.

One source must not hold another: a source that cannot be read, or a record that a flat table cannot
hold, costs that source or table its night, and every other goes on. Then the failure has to be on
record, or a list would look fresh that stands on old data. It is entered here and taken out by the
first run of the step that passes. What a list makes of it is decided where lists are released.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.query import connect
from lakeward.lake.tables import Column, Lake, TableSpec, arrow_schema, ensure_table, write

Step = Literal["deliver", "load", "flatten"]
"""Enter the files of a source; store their records in raw; derive flat tables from raw."""

SOURCE_FAILURE = TableSpec(
    name="source_failure",
    description="Sources and flat tables that could not be brought up to date, and why",
    grain="One row per step, source and flat table that failed when it was run last",
    columns=(
        Column("step", "VARCHAR", Phi.N, "deliver, load or flatten"),
        Column("source", "VARCHAR", Phi.N, "The source whose records are missing"),
        Column("flat_table", "VARCHAR", Phi.N, "The flat table that failed; empty: all of them"),
        Column("since", "DATE", Phi.N, "First day of those on which it has failed without a break"),
        Column("day", "DATE", Phi.N, "Last of those days"),
        Column("cause", "VARCHAR", Phi.N, "What is wrong, and the remedy; no value of a record"),
    ),
)


@dataclass(frozen=True, order=True)
class SourceFailure:
    """One failure that lasts.

    Attributes:
        step: The step that failed.
        source: Whose records are missing.
        flat_table: The flat table that lacks them; empty: every table.
        since: First day of those on which it has failed without a break.
        day: Last of those days.
        cause: What is wrong, and the remedy.
    """

    step: Step
    source: str
    flat_table: str
    since: date
    day: date
    cause: str

    def __str__(self) -> str:
        what = f"{self.source} in {self.flat_table}" if self.flat_table else self.source
        return f"{what} ({self.step}, since {self.since}): {self.cause}"


def failure(
    step: Step, day: date, cause: object, source: str, flat_table: str = ""
) -> SourceFailure:
    """Return a failure of one day; how long it has lasted is found when it is entered."""
    return SourceFailure(step, source, flat_table, day, day, str(cause))


def enter_failures(
    lake: Lake, step: Step, sources: Collection[str], found: Sequence[SourceFailure]
) -> list[SourceFailure]:
    """Replace what is on record of a step and some sources by what was found now.

    Args:
        lake: Where the record is kept.
        step: The step that ran.
        sources: The sources that it ran for.
        found: The failures of this run.

    Returns:
        The failures found, each with the day since which it lasts.
    """
    before = source_failures(lake)
    since = {(f.step, f.source, f.flat_table): f.since for f in before}
    # by place: two records of one source can keep one table back
    lasting = {
        key: SourceFailure(*key, min(since.get(key, f.since), f.since), f.day, f.cause)
        for f in found
        for key in [(f.step, f.source, f.flat_table)]
    }
    kept = [f for f in before if f.step != step or f.source not in sources]
    after = sorted([*kept, *lasting.values()])
    if after != before:  # a night without failures makes no commit
        rows = [vars(f) for f in after]
        table = pa.Table.from_pylist(rows, schema=arrow_schema(SOURCE_FAILURE))
        write(lake, SOURCE_FAILURE, table, mode="overwrite")
    return sorted(lasting.values())


def source_failures(lake: Lake) -> list[SourceFailure]:
    """Return all failures that last, in order of step, source and table."""
    ensure_table(lake, SOURCE_FAILURE)
    with connect(lake, tables=[SOURCE_FAILURE.name]) as connection:
        found = connection.execute(
            "select step, source, flat_table, since, day, cause from source_failure"
        ).fetchall()
    return sorted(SourceFailure(*row) for row in found)
