"""Records that are stored and that the canonical store leaves out, since they break a contract.

A record that could not be read is in `quarantine`. One that was read, and whose meaning breaks a
rule of severity error, would hold all worklists of the hospital, every night until somebody mends
it: it is entered here, and the store is built without it. Which records break a rule is decided in
`lakeward.expectations`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.query import connect
from lakeward.lake.tables import Column, Lake, TableSpec, arrow_schema, ensure_table, write

WITHHELD = TableSpec(
    name="withheld_record",
    description="Stored records that the canonical store leaves out, and the rule that each breaks",
    grain="One row per withheld record",
    columns=(
        Column("source", "VARCHAR", Phi.N, "Interface that delivered it"),
        Column("source_ref", "VARCHAR", Phi.N, "File and message or line"),
        Column("rule", "VARCHAR", Phi.N, "Table and rule of the contract"),
        Column("day", "DATE", Phi.N, "Night that left it out first"),
        Column("run_id", "VARCHAR", Phi.N, "Run of that night"),
    ),
)


@dataclass(frozen=True, order=True)
class Withheld:
    """A record and the rule that it breaks, as `<table>.<rule>`."""

    source: str
    source_ref: str
    rule: str


def withhold(lake: Lake, records: Collection[Withheld], day: date, run_id: str) -> int:
    """Enter records; return how many were not withheld before."""
    known = {(record.source, record.source_ref) for record in withheld(lake)}
    new: dict[tuple[str, str], Withheld] = {}
    for record in sorted(records):
        if (place := (record.source, record.source_ref)) not in known:
            new.setdefault(place, record)
    if new:
        rows = [{**vars(record), "day": day, "run_id": run_id} for record in new.values()]
        table = pa.Table.from_pylist(rows, schema=arrow_schema(WITHHELD))
        write(lake, WITHHELD, table, mode="append")
    return len(new)


def withheld(lake: Lake) -> list[Withheld]:
    """Return the records that are withheld, in order of source and place."""
    ensure_table(lake, WITHHELD)
    with connect(lake, tables=[WITHHELD.name]) as connection:
        found = connection.execute(
            "select source, source_ref, rule from withheld_record order by all"
        ).fetchall()
    return [Withheld(*row) for row in found]


def readmit(lake: Lake, source_ref: str) -> int:
    """Let the store read a record again; return how many were withheld under that place."""
    return _readmit(lake, "source_ref", source_ref)


def readmit_all_of(lake: Lake, run_id: str) -> int:
    """Let the store read again what one run withheld; return how many records that is.

    For a run that was held all the same: then the fault is more likely ours, and later nights would
    go on without patients who did nothing wrong.
    """
    return _readmit(lake, "run_id", run_id)


def _readmit(lake: Lake, column: str, value: str) -> int:
    before = len(withheld(lake))
    with connect(lake, tables=[WITHHELD.name]) as connection:
        kept = connection.sql(
            f"select * from withheld_record where {column} <> ?", params=[value]
        ).to_arrow_table()
    taken: int = before - kept.num_rows
    if taken:
        write(lake, WITHHELD, kept, mode="overwrite")
    return taken


LEFT_OUT = TableSpec(
    name="left_out_row",
    description="Rows that a release unit was released without, and the rule that each breaks",
    grain="One row per row left out of the newest release of a unit",
    columns=(
        Column("unit", "VARCHAR", Phi.N, "Release unit"),
        Column("table_name", "VARCHAR", Phi.N, "Table of the unit"),
        Column("source_ref", "VARCHAR", Phi.N, "File and message or line that stated it, if known"),
        Column("rule", "VARCHAR", Phi.N, "Table and rule of the contract"),
        Column("day", "DATE", Phi.N, "Night that left it out"),
        Column("run_id", "VARCHAR", Phi.N, "Run of that night"),
        Column("principal", "VARCHAR", Phi.N, "Who released without it; empty: the night itself"),
    ),
)


@dataclass(frozen=True, order=True)
class LeftOut:
    """A row that its table was released without: its table, its record, the rule it breaks."""

    table_name: str
    source_ref: str
    rule: str


def enter_left_out(
    lake: Lake,
    unit: str,
    rows: Collection[LeftOut],
    day: date,
    run_id: str,
    principal: str = "",
) -> None:
    """Replace what is on record of a unit by the rows that it is released without now."""
    ensure_table(lake, LEFT_OUT)
    with connect(lake, tables=[LEFT_OUT.name]) as connection:
        others = connection.sql(
            "select * from left_out_row where unit <> ?", params=[unit]
        ).to_arrow_table()
        before = connection.execute("select count(*) from left_out_row").fetchall()[0][0]
    if not rows and before == others.num_rows:  # a night that leaves nothing out makes no commit
        return
    new = [
        {"unit": unit, **vars(row), "day": day, "run_id": run_id, "principal": principal}
        for row in sorted(rows)
    ]
    schema = arrow_schema(LEFT_OUT)
    both = pa.concat_tables([others.cast(schema), pa.Table.from_pylist(new, schema=schema)])
    write(lake, LEFT_OUT, both, mode="overwrite")


def left_out(lake: Lake, unit: str | None = None) -> list[LeftOut]:
    """Return the rows that units, or one of them, are released without."""
    ensure_table(lake, LEFT_OUT)
    with connect(lake, tables=[LEFT_OUT.name]) as connection:
        found = connection.execute(
            "select table_name, coalesce(source_ref, ''), rule from left_out_row"
            " where coalesce(?, unit) = unit order by all",
            [unit],
        ).fetchall()
    return [LeftOut(*row) for row in found]
