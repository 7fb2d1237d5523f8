"""The trail: what people did with rejected records, append-only, and the state it leads to.

The state of a record is derived from three things that are never changed: its deeds, the ledger's
word on the files that brought it again, and what was rejected from those. `settle` writes it into
`quarantine`, where readers look for it. Making replays is not done here.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import Column, Lake, TableSpec, TableWrite, amend, open_table, write
from lakeward.quarantine.table import QUARANTINE

ACTION = TableSpec(
    name="quarantine_action",
    description="What people did with rejected records: replayed, edited or discarded, and who",
    grain="One row per deed on a rejected record",
    columns=(
        Column("quarantine_id", "VARCHAR", Phi.N, "The rejected record"),
        Column("source", "VARCHAR", Phi.N, "Its interface"),
        Column("action", "VARCHAR", Phi.N, "replayed, edited or discarded"),
        Column("at", "TIMESTAMP WITH TIME ZONE", Phi.N, "When"),
        Column("principal", "VARCHAR", Phi.N, "Person or service that acted"),
        Column("note", "VARCHAR", Phi.SP, "Why, in their words"),
        Column("file", "VARCHAR", Phi.LK, "Replay file below landing; none when discarded"),
        Column("file_sha256", "VARCHAR", Phi.LK, "SHA-256 of that file"),
        Column("position", "BIGINT", Phi.N, "Line or message of the record in that file"),
        Column("original_sha256", "VARCHAR", Phi.LK, "SHA-256 of the record as rejected"),
        Column("sha256", "VARCHAR", Phi.LK, "SHA-256 of the record as it comes again"),
    ),
)

_REPLAY = """
create or replace temp view replay as
select
    deed.quarantine_id, deed.source, deed.action, deed.at, deed.file, deed.position,
    case
        when entry.state is null or entry.state = 'received' then 'waiting'
        when again.quarantine_id is not null then 'rejected'
        when entry.state = 'loaded' and entry.found = planned.records
            and coalesce(rejected.records, 0)
                = count(again.quarantine_id) over (partition by deed.source, deed.file)
            then 'loaded'
        else 'unclear'
    end as outcome,
    again.quarantine_id as rejected_as,
    again.reason as rejected_for
from quarantine_action as deed
join (
    select source, file, count(*) as records from quarantine_action group by source, file
) as planned on planned.source = deed.source and planned.file = deed.file
left join ledger as entry
    on entry.source = deed.source and entry.file = deed.file and entry.sha256 = deed.file_sha256
left join quarantine as again
    on again.source = deed.source and again.file = deed.file
    and (again.position = deed.position or planned.records = 1)
left join (
    select source, file, count(*) as records from quarantine group by source, file
) as rejected on rejected.source = deed.source and rejected.file = deed.file
where deed.file is not null
"""
"""What became of each replay. `unclear`: the file was read as other records than were put in it."""

_STANDING = """
create or replace temp view standing as
select
    q.* exclude (state, content),
    q.state as stored_state,
    case
        when done.is_loaded then 'replayed'
        when attempt.original is not null or last.action = 'discarded' then 'discarded'
        else 'open'
    end as state,
    coalesce(done.is_waiting, false) as is_waiting,
    attempt.original as replay_of
from quarantine as q
left join (
    select
        quarantine_id,
        bool_or(outcome = 'loaded') as is_loaded,
        bool_or(outcome = 'waiting') as is_waiting
    from replay group by quarantine_id
) as done on done.quarantine_id = q.quarantine_id
left join (
    select rejected_as, min(quarantine_id) as original
    from replay where rejected_as is not null group by rejected_as
) as attempt on attempt.rejected_as = q.quarantine_id
left join (
    select quarantine_id, max_by(action, "at") as action
    from quarantine_action group by quarantine_id
) as last on last.quarantine_id = q.quarantine_id
"""
"""Each rejected record with its state. A replay that was rejected again is closed: the record that
it stands for stays open, so that one record is open once."""


@contextmanager
def standing(lake: Lake) -> Iterator[Connection]:
    """Show `standing` and `replay`, and the tables they are made of; nothing is written."""
    tables = [QUARANTINE.name, ACTION.name, "ledger_entry"]
    with connect(lake, tables=tables) as connection:
        for spec in (QUARANTINE, ACTION):
            if open_table(lake, spec.name) is None:
                _show_empty(connection, spec)
        if open_table(lake, "ledger_entry") is None:
            none = "'' as source, '' as file, '' as sha256, '' as state, 0 as found"
            connection.execute(f"create view ledger as select {none} where false")
        connection.execute(_REPLAY)
        connection.execute(_STANDING)
        yield connection


def append(lake: Lake, rows: pa.Table) -> TableWrite:
    """Enter deeds, all in one commit."""
    return write(lake, ACTION, rows, mode="append")


def settle(lake: Lake) -> TableWrite | None:
    """Bring the column `state` of `quarantine` up to the trail; None when it is.

    Needed after deeds and after each load; a repeat changes nothing.
    """
    with standing(lake) as connection:
        wrong = connection.sql(
            "select quarantine_id, state from standing where state <> stored_state"
        ).to_arrow_table()
    return amend(lake, QUARANTINE, "quarantine_id", wrong) if wrong.num_rows else None


def _show_empty(connection: Connection, spec: TableSpec) -> None:
    columns = ", ".join(f'cast(null as {c.type}) as "{c.name}"' for c in spec.columns)
    connection.execute(f'create view "{spec.name}" as select {columns} where false')
