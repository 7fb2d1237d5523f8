"""Loading what is pending, in order, in bounded batches and exactly once, for any format.

A format reads files and yields rows (`Reading`). Here they are committed, counted and entered in
the ledger. What makes it exactly once:

- every commit carries the source and `received` of the last file whose rows it holds;
- a table that holds a file already gets no row of that file again;
- stored and quarantined are counted in the tables, so a repeated load counts the same;
- the ledger entry commits last, so whatever a kill leaves is pending in the next run.

How files become rows is not known here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Literal

import pyarrow as pa

from lakeward.core.errors import LakewardError
from lakeward.core.paths import Home
from lakeward.lake.query import connect
from lakeward.lake.tables import (
    Lake,
    TableSpec,
    Transaction,
    arrow_schema,
    ensure_table,
    transaction_version,
    write,
)
from lakeward.landing.formats import Format
from lakeward.landing.ledger import FileCounts, LedgerFile, close_files, pending
from lakeward.landing.source_rules import half_loaded, note_rules, noted_rules
from lakeward.landing.sources import Source
from lakeward.quarantine.table import QUARANTINE

BATCH_BYTES = 256 * 2**20
"""Files are committed together up to this size: 20,000 tiny files are not 20,000 commits."""


@dataclass(frozen=True)
class Rows:
    """Rows to be committed to one table.

    Attributes:
        batches: Pulled while the table is written, so that memory stays bounded. None of them may
            ask Delta for anything: delta-rs deadlocks when it is called while it pulls.
        mode: `overwrite` when they are the whole table.
    """

    batches: Iterator[pa.RecordBatch]
    mode: Literal["append", "overwrite"] = "append"


@dataclass(frozen=True)
class Output:
    """One table that a load writes.

    Attributes:
        spec: The table.
        rows: Returns the rows of files after `done`, the last file whose rows the table holds.
            Asked for once, after the outputs before it are committed.
        marks_progress: Commit also when there are no rows: the format reads off this table which
            files it has loaded. Without it, a file of which all was rejected would be read again.
    """

    spec: TableSpec
    rows: Callable[[int], Rows]
    marks_progress: bool = False


@dataclass(frozen=True)
class Reading:
    """What a format found in consecutive files of one source.

    Attributes:
        outputs: Raw, quarantine and the tables beside raw, in the order in which they are to be
            committed. Each format has an order of its own (FHIR quarantine first, HL7 v2 raw
            first) and must be able to go on after a kill between any two commits.
        found: Number of records of each file, by `received`; a file without records may be absent.
        ignored: Files that hold nothing of the format.
        promised: Records that the files themselves promise (batch trailers), by `received`.
        duplicate: Records that were compared with others and left out, by `received`; complete
            when the outputs are committed. A file that is absent was not compared in this run.
    """

    outputs: tuple[Output, ...]
    found: Mapping[int, int]
    ignored: frozenset[int] = frozenset()
    promised: Mapping[int, int | None] = field(default_factory=dict)
    duplicate: Mapping[int, int] = field(default_factory=dict)


Read = Callable[[Sequence[LedgerFile]], AbstractContextManager[Reading]]
"""Reads consecutive files of one source, ascending; `outputs` are used within the context."""


def load_pending(lake: Lake, home: Home, source: Source, format_: Format) -> list[FileCounts]:
    """Load all pending files of a source and enter what became of them.

    Files that a kill left half loaded are loaded by the rules by which they were begun.

    Args:
        lake: Where raw tables and ledger live.
        home: Its `landing` holds the files; it may have specs of its own.
        source: Whose files.
        format_: The format of the source.

    Returns:
        Counts of the files loaded now, in order of arrival.
    """
    done: list[FileCounts] = []
    own_specs = format_.own_specs(home)
    for rules, files in _by_rules(lake, source, format_):
        for batch in _batches(files):
            # closed batch by batch: what a kill leaves to be read again is one batch
            counts = format_.load(lake, home.landing, rules, batch, own_specs)
            close_files(lake, source.name, counts)
            done += counts
    if not done:
        close_files(lake, source.name, [])  # repeats that a kill left open
    return done


def load_files(
    lake: Lake, raw: TableSpec, files: Sequence[LedgerFile], read: Read
) -> list[FileCounts]:
    """Load files of one source exactly once.

    Files whose raw rows are stored come first and by themselves: what a kill left out of their
    other tables must be there before the files after them are compared with what is stored.

        files   1  2  3  4  5
        raw     x  x  x  .  .      committed up to 3 when the load was killed
        parts  [1  2  3][4  5]     the first part writes only what other tables lack

    Args:
        lake: Where the tables live.
        raw: The raw table of the format.
        files: Pending files of one source, ascending.
        read: Reads some of them.

    Returns:
        Counts of the files, in their order.
    """
    counts: list[FileCounts] = []
    # the counts below read both, also when no record was rejected yet
    ensure_table(lake, raw)
    ensure_table(lake, QUARANTINE)
    for part in _parts(lake, raw, files):
        with read(part) as reading:
            # in the format's order: FHIR knows what is rejected before it writes raw, HL7 v2 only
            # when it has written it
            for output in reading.outputs:
                _commit(lake, output, part[-1])
        counts += _counts(lake, raw, part, reading)
    return counts


def _parts(lake: Lake, raw: TableSpec, files: Sequence[LedgerFile]) -> list[Sequence[LedgerFile]]:
    if not files:
        return []
    # files are loaded in sequence, so raw holds the first ones or none of them
    done = transaction_version(lake, raw.name, files[0].source) or 0
    stored = [file for file in files if file.received <= done]
    return [part for part in (stored, files[len(stored) :]) if part]


def _commit(lake: Lake, output: Output, last: LedgerFile) -> None:
    """Write the rows of one table in one commit; none when nothing would change."""
    ensure_table(lake, output.spec)
    # asked before each write: delta-rs records transactions, but rejects none that it has already
    done = transaction_version(lake, output.spec.name, last.source) or 0
    # only now: they may have been found while the table before this one was written
    rows = output.rows(done)
    failures: list[LakewardError] = []
    batches = _noting(rows.batches, failures)
    filled, is_empty = _peek(batches)
    # a commit without rows is a version all the same, which every reader has to list
    if is_empty and not (output.marks_progress and done < last.received):
        return
    try:
        write(
            lake,
            output.spec,
            pa.RecordBatchReader.from_batches(arrow_schema(output.spec), filled),
            mode=rows.mode,
            transaction=Transaction(last.source, last.received),
        )
    except Exception:
        if failures:  # delta-rs wraps what is raised by the rows that it pulls
            raise failures[0] from None
        raise


def _peek(batches: Iterator[pa.RecordBatch]) -> tuple[Iterator[pa.RecordBatch], bool]:
    """Return the same batches, and whether there is none.

    The first is held by the iterator alone: a reference that lasts as long as the write would keep
    its whole block of records in memory.
    """
    first = list(islice(batches, 1))
    return chain(first, batches), not first


def _noting(
    batches: Iterator[pa.RecordBatch], failures: list[LakewardError]
) -> Iterator[pa.RecordBatch]:
    """Yield the batches that have rows; note an error of ours before it is wrapped."""
    try:
        yield from (batch for batch in batches if batch.num_rows)
    except LakewardError as error:
        failures.append(error)
        raise


def _counts(
    lake: Lake, raw: TableSpec, files: Sequence[LedgerFile], reading: Reading
) -> list[FileCounts]:
    """Count per file: found by the format, stored and quarantined from the tables."""
    # not counted while loading: after a kill, the rows of the first run are in the tables only
    stored, quarantined = (_rows_by_file(lake, t.name, files) for t in (raw, QUARANTINE))
    counts = []
    for number in (file.received for file in files):
        found = reading.found.get(number, 0)
        kept, rejected = stored.get(number, 0), quarantined.get(number, 0)
        counts.append(
            FileCounts(
                received=number,
                found=found,
                stored=kept,
                # counted where they are left out: taken for what remains, a record that was lost
                # on the way was a duplicate, and the counts of every file added up. Only of a file
                # that a kill left with all its rows nobody compares the records again.
                duplicate=reading.duplicate.get(number, found - kept - rejected),
                quarantined=rejected,
                state="ignored" if number in reading.ignored else "loaded",
                promised=reading.promised.get(number),
            )
        )
    return counts


def _rows_by_file(lake: Lake, table: str, files: Sequence[LedgerFile]) -> dict[int, int]:
    sql = (
        f"select received, count(*) from {table}"
        " where source = ? and received between ? and ? group by received"
    )
    range_ = [files[0].source, files[0].received, files[-1].received]
    with connect(lake, tables=[table]) as connection:
        return dict(connection.execute(sql, range_).fetchall())


def _by_rules(
    lake: Lake, source: Source, format_: Format
) -> Iterator[tuple[Source, Sequence[LedgerFile]]]:
    """Part the pending files: first those that a load by other rules has begun, then the others."""
    files = pending(lake, source.name, repeats=format_.is_state)
    before = noted_rules(lake, source.name)
    if not files or before == source:
        yield source, files
        return
    through = half_loaded(lake, source.name, files) if before else 0
    if before and through:
        yield before, [file for file in files if file.received <= through]
    # reached when the files above are closed: a kill among them must find the rules of before
    note_rules(lake, source)
    yield source, [file for file in files if file.received > through]


def _batches(files: Sequence[LedgerFile]) -> Iterator[list[LedgerFile]]:
    batch: list[LedgerFile] = []
    for file in files:
        if batch and sum(f.bytes for f in batch) + file.bytes > BATCH_BYTES:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch
