"""The trail: what people did with rejected records, append-only, and the state it leads to.

The state of a record is derived from three things that are never changed: the actions on it, the
ledger entries of the files that brought it again, and what was rejected from those files.
`update_states` writes it into `quarantine`, where readers look for it. Replays are made in
`replay`.

    open --replay--> open, waiting --loaded--> replayed
     |                  ^   |
     |    replay by id  |   +--rejected again, or read as other records--> open
     |                  |         (the new row in quarantine is discarded and names the first)
     +--discard--> discarded
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
    grain="One row per action on a rejected record",
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

# A replay counts as loaded when the ledger found as many records in its file as were put there,
# and no others of it were rejected: of a file that is read otherwise nobody can say what loaded.
_REPLAY = """
create or replace temp view replay as
select
    acted.quarantine_id, acted.source, acted.action, acted.at, acted.file, acted.position,
    case
        when entry.state is null or entry.state = 'received' then 'waiting'
        when attempt.quarantine_id is not null then 'rejected'
        when entry.state = 'loaded' and entry.found = planned.records
            and coalesce(rejected.records, 0)
                = count(attempt.quarantine_id) over (partition by acted.source, acted.file)
            then 'loaded'
        else 'unclear'
    end as outcome,
    attempt.quarantine_id as rejected_as,
    attempt.reason as rejected_for
from quarantine_action as acted
join (
    select source, file, count(*) as records from quarantine_action group by source, file
) as planned on planned.source = acted.source and planned.file = acted.file
left join ledger as entry
    on entry.source = acted.source and entry.file = acted.file
    and entry.sha256 = acted.file_sha256
left join quarantine as attempt
    on attempt.source = acted.source and attempt.file = acted.file
    -- a format may number the only record of a file otherwise than the file was written
    and (attempt.position = acted.position or planned.records = 1)
left join (
    select source, file, count(*) as records from quarantine group by source, file
) as rejected on rejected.source = acted.source and rejected.file = acted.file
where acted.file is not null
"""
"""What became of each replay, one row per action that brought a record again. `unclear`: the file
was read as other records than were put in it."""

_RECORD_STATE = """
create or replace temp view record_state as
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
def current_state(lake: Lake) -> Iterator[Connection]:
    """Open a connection that shows what became of rejected records; nothing is written.

    Views: `record_state`, one row per rejected record: the columns of `quarantine` but `content`,
    `state` as it is now, `stored_state` as the table has it, `is_waiting`, `replay_of`; and
    `replay`, one row per action that brought a record again, with its `outcome`.
    """
    tables = [QUARANTINE.name, ACTION.name, "ledger_entry"]
    with connect(lake, tables=tables) as connection:
        for spec in (QUARANTINE, ACTION):
            if open_table(lake, spec.name) is None:
                _show_empty(connection, spec)
        if open_table(lake, "ledger_entry") is None:
            # the relation `ledger` exists only where its table does, and a new lake has none
            none = "'' as source, '' as file, '' as sha256, '' as state, 0 as found"
            connection.execute(f"create view ledger as select {none} where false")
        connection.execute(_REPLAY)
        connection.execute(_RECORD_STATE)
        yield connection


def append_actions(lake: Lake, rows: pa.Table) -> TableWrite:
    """Write actions, all in one commit; columns are those of `quarantine_action`."""
    return write(lake, ACTION, rows, mode="append")


def update_states(lake: Lake) -> TableWrite | None:
    """Bring the column `state` of `quarantine` up to date; None when it is.

    Needed after actions and after each load. A second call changes nothing.
    """
    with current_state(lake) as connection:
        outdated = connection.sql(
            "select quarantine_id, state from record_state where state <> stored_state"
        ).to_arrow_table()
    # A column, not a relation: other readers of the table would see `open` for ever. By id, because
    # the log keeps what a merge compares.
    return amend(lake, QUARANTINE, "quarantine_id", outdated) if outdated.num_rows else None


def _show_empty(connection: Connection, spec: TableSpec) -> None:
    columns = ", ".join(f'cast(null as {c.type}) as "{c.name}"' for c in spec.columns)
    connection.execute(f'create view "{spec.name}" as select {columns} where false')
