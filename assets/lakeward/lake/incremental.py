"""Tables that are derived from a raw table, each raw record once: rows and progress in one commit.

How far a table is stands in the metadata of its own newest commit. Rows and progress cannot differ,
then, and a kill between any two commits costs only work. (Kept in a table of its own, a kill
between the two commits would lose rows or derive them twice.)

    raw, source adt      file 7        file 8        file 9
    hl7v2__msh           ===========================|              witness, complete up to file 8
    hl7v2__pid           ============|.............:               its last rows; msh answers for it
    hl7v2__zbe           ======|                                   its spec is new: it catches up
    slices                      1------->2-------->3------------>  each for the tables that lack it

A slice that some table cannot hold is tried again by key (a source), and then by table: what still
fails costs that table the records of that key, from there on, until a later run passes. One record
that breaks a conversion stopped the tables of all sources before.

How records become rows is the caller's business; what is new in a raw table is found in `progress`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from lakeward.core.errors import LakewardError, SpecError
from lakeward.lake.causes import cause_of
from lakeward.lake.memory import spill_of
from lakeward.lake.progress import NewRecords, Positions, RawTable, Slice, new_since, slices
from lakeward.lake.query import Connection, connect
from lakeward.lake.restoring import restore
from lakeward.lake.table_progress import TableProgress, progress_text, read_progress
from lakeward.lake.tables import (
    Lake,
    TableSpec,
    TableWrite,
    arrow_schema,
    content_of,
    ensure_table,
    newest_version,
    write,
)

OnFailure = Callable[[str, SpecError], None]
"""Called with a table that cannot be filled (or would be named so), and with what is wrong."""

OnLost = Callable[[str, str, LakewardError], None]
"""Called with a table, a key whose records it lacks (empty: the table stays as it is), and why."""


def raise_failure(_table: str, error: SpecError) -> None:
    """Raise what is wrong: the default where nobody collects failures."""
    raise error


@dataclass
class DerivedTable:
    """A table derived from a raw table, and how far it is in this run.

    Attributes:
        spec: The table; it has the key and record columns of the raw table.
        digest: Hash of all that decides its rows; when it changes, the table is rebuilt.
        through: By key the position that it is complete up to.
        is_rebuilt: The next commit replaces all that the table holds.
        is_catching_up: It is behind its witness, which cannot answer for it before it is complete.
        has_failed: Its rows cannot be derived; it stays as it is.
        lost: Keys whose records it cannot hold; in this run it gets no more of them.
        replaced: The version that this run replaced, if it is rebuilt.
        witness: The table that answers for it, see `appoint_witness`.
        witnessed: The tables that it answers for.
        named_complete: Those that its newest commit names; None when that names none.
    """

    spec: TableSpec
    digest: str
    through: dict[str, int] = field(default_factory=dict)
    is_rebuilt: bool = False
    is_catching_up: bool = False
    has_failed: bool = False
    lost: set[str] = field(default_factory=set)
    replaced: int | None = None
    witness: "DerivedTable | None" = field(default=None, repr=False)
    witnessed: Sequence["DerivedTable"] = field(default=(), repr=False)
    named_complete: frozenset[str] | None = None

    def is_behind(self, through: Positions) -> bool:
        """Return whether it lacks anything up to some positions that it can get."""
        return not self.has_failed and any(
            self.through.get(key, 0) < position
            for key, position in through.items()
            if key not in self.lost
        )

    def advance(self, through: Positions) -> None:
        """Note that it is complete up to some positions."""
        for key, position in through.items():
            self.through[key] = max(self.through.get(key, 0), position)

    def progress(self) -> TableProgress:
        """Return what the next commit of the table says of its progress."""
        complete = [
            t.spec.name for t in self.witnessed if not (t.is_catching_up or t.has_failed or t.lost)
        ]
        return TableProgress(
            self.digest,
            self.through,
            is_catching_up=self.is_catching_up,
            complete_tables=frozenset(complete) if self.witnessed else None,
        )


Rows: TypeAlias = pa.Table | pa.RecordBatchReader
DeriveRows = Callable[
    [Connection, Slice, Sequence[DerivedTable]], Iterable[tuple[DerivedTable, Rows | SpecError]]
]
"""Makes the rows of a slice for some tables: once for each of them, or what is wrong with its spec.

A reader is streamed into its commit; it may be given only where a table is derived by itself.
"""


def open_derived(lake: Lake, spec: TableSpec, digest: str) -> DerivedTable:
    """Return a derived table with the progress of its newest commit; create it if there is none.

    A table is to be rebuilt when another digest filled it, or when its progress is lost because
    something else wrote to it.
    """
    if newest_version(lake, spec.name) is None:
        # created with progress: a table without any would count as one that somebody else wrote
        ensure_table(lake, spec, content=progress_text(TableProgress(digest, {})))
    progress = read_progress(content_of(lake, spec.name))
    if progress is None or progress.digest != digest:
        # no `through`: whatever the table holds was made by another spec and counts for nothing
        return DerivedTable(spec, digest, is_rebuilt=True)
    return DerivedTable(
        spec,
        digest,
        through=dict(progress.through),
        is_catching_up=progress.is_catching_up,
        named_complete=progress.complete_tables,
    )


def appoint_witness(witness: DerivedTable, tables: Sequence[DerivedTable]) -> None:
    """Let a table that has a row for every raw record answer for tables that seldom have any.

    A witness commits in every slice, after the others. How far it is, the others are as well: those
    that got no rows need no commit that says so. (Each night that would be dozens of commits.)

    A table that joined, was rebuilt or was away for a while is behind the witness. It catches up by
    itself first, and its commits say so: after a kill half-way the witness must not answer for it.
    """
    named = witness.named_complete
    for table in tables:
        if table is witness:
            continue
        # A witness names the tables that were complete at its newest commit; one that was away or
        # behind is not among them. A new witness names none, and has no position to answer with.
        may_answer = named is None or table.spec.name in named
        if may_answer and not (table.is_rebuilt or table.is_catching_up):
            table.advance(witness.through)
        table.is_catching_up |= table.is_behind(witness.through)
        table.witness = witness
    witness.witnessed = tuple(tables)


def bring_up(
    lake: Lake,
    raw: RawTable,
    tables: Sequence[DerivedTable],
    derive_rows: DeriveRows,
    *,
    on_failure: OnFailure = raise_failure,
    on_lost: OnLost | None = None,
    cut: Callable[[Connection, NewRecords], Iterable[Slice]] = slices,
) -> list[TableWrite]:
    """Bring tables up to their raw table; return the writes that brought rows or replaced them.

    Each slice is read once for all tables that lack it.

    Args:
        lake: Where the tables live.
        raw: The raw table.
        tables: The derived tables; a witness among them is the last.
        derive_rows: Makes the rows of a slice.
        on_failure: Called with each table whose spec is wrong; the others go on.
        on_lost: Called with each table and key whose records cannot be derived, whatever the cause;
            the others go on. Without it, the cause is raised.
        cut: Cuts the new records into slices.
    """
    # begins where the table ends that is furthest behind; the others pass over what they have
    new = new_since(lake, raw, _seen_by_all(tables))
    if new is None:  # what is to be rebuilt has nothing to be rebuilt from
        return [_emptied(lake, table) for table in tables if table.is_rebuilt]
    writes: list[TableWrite] = []
    with connect(spill=spill_of(lake)) as connection:
        run = _Run(lake, connection, derive_rows, on_failure, on_lost)
        for part in cut(connection, new):
            # for each slice: tables advance, and one that failed gets none of the later slices
            for piece, behind in _pieces(part, tables):
                writes += run.bring_through(piece, behind)
    return writes


def _pieces(part: Slice, tables: Sequence[DerivedTable]) -> list[tuple[Slice, list[DerivedTable]]]:
    """Part the tables that are behind by the keys that they have lost, nearly always none."""
    by_lost: dict[frozenset[str], list[DerivedTable]] = {}
    for table in tables:
        if table.is_behind(part.through):
            by_lost.setdefault(frozenset(table.lost & part.through.keys()), []).append(table)
    return [
        (part.only(part.through.keys() - lost) if lost else part, behind)
        # the witness commits after all others, or after a kill it would answer for what they lack
        for lost, behind in sorted(
            by_lost.items(), key=lambda each: any(t.witnessed for t in each[1])
        )
    ]


@dataclass(frozen=True)
class _Run:
    """One run of `bring_up`: how rows are made, and who hears of what cannot be."""

    lake: Lake
    connection: Connection
    derive_rows: DeriveRows
    on_failure: OnFailure
    on_lost: OnLost | None

    def bring_through(self, part: Slice, tables: Sequence[DerivedTable]) -> list[TableWrite]:
        """Derive a slice for tables; what fails is tried again in smaller pieces."""
        writes: list[TableWrite] = []
        try:
            for table, rows in self.derive_rows(self.connection, part, tables):
                if isinstance(rows, SpecError):
                    table.has_failed = True
                    self.on_failure(table.spec.name, rows)
                elif (written := commit_rows(self.lake, table, part, rows)) is not None:
                    writes.append(written)
        except Exception as error:
            if self.on_lost is None:
                raise
            # those that were committed before it failed have what they need
            behind = [table for table in tables if table.is_behind(part.through)]
            writes += self._in_pieces(part, behind, error)
        return writes

    def _in_pieces(
        self, part: Slice, tables: Sequence[DerivedTable], error: Exception
    ) -> list[TableWrite]:
        keys = sorted(part.through)
        if len(keys) > 1:
            pieces = [(part.only({key}, ends=key == keys[-1]), tables) for key in keys]
        elif len(tables) > 1:
            pieces = [(part, [table]) for table in tables]
        else:
            for table in tables:
                self._lose(table, keys[0], error)
            return []
        return [
            written
            for piece, some in pieces
            if (behind := [t for t in some if t.is_behind(piece.through)])
            for written in self.bring_through(piece, behind)
        ]

    def _lose(self, table: DerivedTable, key: str, error: Exception) -> None:
        """Leave a key out of a table, or the table as it was when it was to be replaced."""
        if table.is_rebuilt or table.replaced is not None:
            # half of a new table is worse than the old one: its other records would be gone
            table.has_failed = True
            if table.replaced is not None:
                restore(self.lake, table.spec.name, table.replaced)
            key = ""
        else:
            table.lost.add(key)
            table.is_catching_up = table.witness is not None
        if self.on_lost is not None:
            self.on_lost(table.spec.name, key, cause_of(error))


def commit_rows(lake: Lake, table: DerivedTable, part: Slice, rows: Rows) -> TableWrite | None:
    """Commit the rows of a slice together with the progress that they make.

    A table that got none commits once, at the end: the positions that it has seen would otherwise
    be asked for every night. One that its witness answers for does not.

    Returns:
        What was written; None when that are no rows, or progress alone.
    """
    if isinstance(rows, pa.Table):
        # not for a reader: it fills one table alone, which begins exactly where it ended
        rows = _not_stored_yet(rows, table, part)
    before = dict(table.through), table.is_catching_up
    # before the write, because the commit itself states the position
    table.advance(part.through)
    # asked before the next line: the commit that ends the catching up is still its own
    answers_itself = table.witness is None or table.is_catching_up
    table.is_catching_up = table.is_catching_up and (bool(table.lost) or not part.is_last)
    is_replaced = table.is_rebuilt
    if not (_may_hold(rows) or is_replaced or (part.is_last and answers_itself)):
        return None
    last = newest_version(lake, table.spec.name)
    try:
        written = write(
            lake,
            table.spec,
            rows,
            mode="overwrite" if is_replaced else "append",
            content=progress_text(table.progress()),
        )
    except Exception:
        # it holds what it held: the next attempt, or the next run, begins there
        table.through, table.is_catching_up = before
        raise
    if is_replaced:
        table.is_rebuilt, table.replaced = False, last
    return written if written.rows or is_replaced else None


def _may_hold(rows: Rows) -> bool:
    """Return whether there are rows; of a reader that is known only when it was read."""
    return not isinstance(rows, pa.Table) or rows.num_rows > 0


def _seen_by_all(tables: Sequence[DerivedTable]) -> Positions:
    keys = {key for table in tables for key in table.through}
    # a key that some table has never seen counts from 0 for all
    return {key: min(table.through.get(key, 0) for table in tables) for key in keys}


def _emptied(lake: Lake, table: DerivedTable) -> TableWrite:
    """Write a table without rows, with the columns that its spec has now."""
    empty = arrow_schema(table.spec).empty_table()
    content = progress_text(table.progress())
    return write(lake, table.spec, empty, mode="overwrite", content=content)


def _not_stored_yet(rows: pa.Table, table: DerivedTable, part: Slice) -> pa.Table:
    """Leave out rows that the table holds: an earlier run was cut off after it, before another."""
    ahead = {
        key: position
        for key, after in part.after.items()
        if (position := table.through.get(key, 0)) > after
    }
    # only keys in which the table is ahead: nearly always none, and then nothing is compared
    for key, position in ahead.items():
        stored = pc.less_equal(part.new.raw.positions_of(rows), position)
        for column, value in part.new.raw.values_of(key).items():
            stored = pc.and_(stored, pc.equal(rows[column], value))
        rows = rows.filter(pc.invert(stored))
    return rows
