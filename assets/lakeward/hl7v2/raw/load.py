"""Files of one HL7 v2 source into `raw_hl7v2__message` and quarantine, each message once.

Reads files and writes those two tables; deriving the flat tables from raw is `flatten`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.framing.batch import FileLayout, scan
from lakeward.hl7v2.parsing.segments import flat_tables, spec_problems
from lakeward.hl7v2.raw.envelopes import reconcile_files
from lakeward.hl7v2.raw.messages import DETAILS, CheckedRecords, check_file
from lakeward.hl7v2.raw.repeats import Snapshots
from lakeward.hl7v2.raw.seen import SeenHashes, message_keys
from lakeward.hl7v2.raw.table import RAW, REPEAT
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import (
    Lake,
    TableSpec,
    Transaction,
    arrow_schema,
    ensure_table,
    transaction_version,
    write,
)
from lakeward.landing.ledger import FileCounts, LedgerFile
from lakeward.landing.sources import Source
from lakeward.quarantine.table import QUARANTINE

__all__ = ["RAW", "REPEAT", "flat_tables", "flatten", "load", "spec_problems"]

_KEY = ("sending_application", "sending_facility", "control_id")
_FROM_HEADER = {
    "message_type": "message_type",
    "trigger_event": "trigger_event",
    "message_structure": "message_structure",
    "control_id": "control_id",
    "sending_application": "sending_application",
    "sending_facility": "sending_facility",
    "message_at_text": "sent_text",
    "message_at": "sent_at",
    "processing_id": "processing_id",
    "hl7_version": "version",
}
_ASIDE = 32 << 20
"""Bytes of records set aside that are held while raw is written; more are read again."""


@dataclass(frozen=True)
class _File:
    """A delivered file with its layout."""

    entry: LedgerFile
    path: Path
    layout: FileLayout
    source: Source

    def judged(self) -> Iterator[CheckedRecords]:
        return check_file(self.path, self.layout, self.source)


@dataclass
class _Met:
    """What a source has sent before, growing while a load runs, and the repeats met in it."""

    known: SeenHashes
    snapshots: Snapshots
    repeats: list[pa.RecordBatch] = field(default_factory=list)

    @classmethod
    def stored(cls, connection: Connection, source: str, through: int) -> "_Met":
        stored = SeenHashes.stored(connection, source, through)
        return cls(stored, Snapshots.stored(connection, source, through))


@dataclass
class _Aside:
    """Records set aside that were met while raw was written; None when they became too many."""

    batches: list[pa.RecordBatch] | None
    size: int = 0

    def note(self, file: _File, judged: CheckedRecords) -> None:
        if self.batches is not None and any(judged.reasons):
            self.batches.append(_quarantined(file, judged))
            self.size += self.batches[-1].nbytes
            self.batches = self.batches if self.size <= _ASIDE else None


def load(
    lake: Lake, landing: Path, source: Source, files: Sequence[LedgerFile]
) -> list[FileCounts]:
    """Load files of one source, in order; raw and quarantine take one commit each.

    A repeat after a crash writes what is missing and nothing twice, and counts the same.

    Args:
        lake: Where the tables live.
        landing: Root that the files' paths are below.
        source: The interface.
        files: Files with consecutive `received`, ascending.
    """
    ensure_table(lake, RAW)
    ensure_table(lake, QUARANTINE)
    ensure_table(lake, REPEAT)
    scanned = [scan(landing / file.file) for file in files]
    envelopes = reconcile_files(lake, landing, source, files, scanned)
    opened = [
        _File(file, landing / file.file, layout, source)
        for file, layout in zip(files, envelopes.layouts, strict=True)
    ]
    for part in _parts(lake, source, opened):
        last = Transaction(source.name, part[-1].entry.received)
        _mend_repeats(lake, part, source.name)
        aside = _write_raw(lake, part, last)
        _write_quarantine(lake, part, last, aside)
    if files:
        envelopes.write(lake, Transaction(source.name, files[-1].received))
    return _counts(lake, source, opened)


def _parts(lake: Lake, source: Source, files: list[_File]) -> list[list[_File]]:
    """Part the files that raw has from the others: what a kill left out of the first goes first."""
    done = transaction_version(lake, RAW.name, source.name) or 0
    held = [file for file in files if file.entry.received <= done]
    return [part for part in (held, files[len(held) :]) if part]


def _write_raw(lake: Lake, files: Sequence[_File], last: Transaction) -> _Aside:
    """Write the messages of files that raw does not hold yet; give what was set aside in all."""
    done = transaction_version(lake, RAW.name, last.app_id) or 0
    aside = _Aside([] if done < files[0].entry.received else None)
    if done >= last.version:
        return aside
    with connect(lake, tables=[RAW.name, REPEAT.name, QUARANTINE.name]) as connection:
        met = _Met.stored(connection, last.app_id, done)

    def rows() -> Iterator[pa.RecordBatch]:
        for file in files:
            if file.entry.received > done:
                for judged in file.judged():
                    aside.note(file, judged)
                    yield _raw(file, judged, met)

    batches = rows()
    first = next(batches, pa.RecordBatch.from_pylist([], schema=arrow_schema(RAW)))
    _commit(lake, RAW, first, batches, last)
    _write_repeats(lake, met, last)
    return aside


def _mend_repeats(lake: Lake, files: Sequence[_File], source: str) -> None:
    """Find the repeats again that a kill after the commit of raw left out.

    All files before these were loaded whole, so what was known then is what they hold.
    """
    done = transaction_version(lake, RAW.name, source) or 0
    before = files[0].entry.received - 1
    if done <= before or (transaction_version(lake, REPEAT.name, source) or 0) >= done:
        return
    with connect(lake, tables=[RAW.name, REPEAT.name, QUARANTINE.name]) as connection:
        met = _Met.stored(connection, source, before)
    for file in files:
        if file.entry.received <= done:
            for judged in file.judged():
                _raw(file, judged, met)
    _write_repeats(lake, met, Transaction(source, done))


def _write_repeats(lake: Lake, met: _Met, last: Transaction) -> None:
    done = transaction_version(lake, REPEAT.name, last.app_id) or 0
    rows = pa.Table.from_batches(met.repeats, arrow_schema(REPEAT))
    rows = rows.filter(pc.greater(rows["received"], done))
    if rows.num_rows:
        write(lake, REPEAT, rows, mode="append", transaction=last)


def _write_quarantine(lake: Lake, files: Sequence[_File], last: Transaction, aside: _Aside) -> None:
    """Write what was set aside, read again unless it is held whole."""
    done = transaction_version(lake, QUARANTINE.name, last.app_id) or 0
    if done >= last.version:
        return
    if aside.batches is not None and done < files[0].entry.received:
        batches = iter(aside.batches)
    else:
        batches = (
            _quarantined(file, judged)
            for file in files
            if file.entry.received > done
            for judged in file.judged()
            if any(judged.reasons)
        )
    first = next(batches, None)
    if first is not None:
        _commit(lake, QUARANTINE, first, batches, last)


def _commit(
    lake: Lake,
    spec: TableSpec,
    first: pa.RecordBatch,
    others: Iterator[pa.RecordBatch],
    transaction: Transaction,
) -> None:
    def chain() -> Iterator[pa.RecordBatch]:
        yield first
        yield from others

    reader = pa.RecordBatchReader.from_batches(arrow_schema(spec), chain())
    write(lake, spec, reader, mode="append", transaction=transaction)


def _raw(file: _File, judged: CheckedRecords, met: _Met) -> pa.RecordBatch:
    """Give the rows of new messages; those that repeat their patient's last go to `met`."""
    keys = message_keys(*(judged.headers[name] for name in _KEY))
    fresh, reused = met.known.admit(judged.hashes, keys)
    new = _Rows.of(file, judged, fresh)
    places = [(file.entry.received, number) for number in new.values["message"].to_pylist()]
    aside = np.flatnonzero([reason is not None for reason in judged.reasons])
    between = np.searchsorted(judged.kept[fresh], aside)
    outcome = met.snapshots.admit(new.bodies, new.headers, places, between)
    values = new.values | {
        "patient_key": _texts(outcome.patients if outcome else None, len(fresh)),
        "snapshot_sha256": _texts(outcome.snapshots if outcome else None, len(fresh)),
        "is_key_reused": pa.array(reused, pa.bool_()),
        "body": new.bodies,
    }
    if outcome is None or not any(outcome.repeats):
        return _batch(RAW, values)
    repeated = np.array([place is not None for place in outcome.repeats], bool)
    pairs = [place or (None, None) for place in outcome.repeats]
    of_repeats = values | {
        "message_key": pa.array([keys[index] or None for index in fresh.tolist()], pa.binary()),
        "repeats_received": pa.array([received for received, _ in pairs], pa.int64()),
        "repeats_message": pa.array([message for _, message in pairs], pa.int64()),
    }
    met.repeats.append(_batch(REPEAT, of_repeats).filter(pa.array(repeated)))
    return _batch(RAW, values).filter(pa.array(~repeated))


def _texts(values: list[str | None] | None, count: int) -> pa.Array:
    return pa.nulls(count, pa.string()) if values is None else pa.array(values, pa.string())


@dataclass(frozen=True)
class _Rows:
    """Some of the messages of a block: their texts, their headers, and columns of both tables."""

    bodies: pa.Array
    headers: pa.Table
    values: dict[str, Any]

    @classmethod
    def of(cls, file: _File, judged: CheckedRecords, chosen: NDArray[np.int64]) -> "_Rows":
        local = judged.kept[chosen]
        at = local + judged.first
        batch, n = file.layout.batch[at], len(chosen)
        charsets, charset = judged.charset_names, pa.array(judged.charset[chosen])
        whole = n == len(judged.kept)
        headers = judged.headers if whole else judged.headers.take(pa.array(chosen))
        values: dict[str, Any] = _place(file, n) | {
            "message": pa.array(at + 1),
            "batch": pa.array(batch, mask=batch == 0),
            "byte_offset": pa.array(file.layout.starts[at]),
            "byte_length": pa.array(judged.block.lengths()[local]),
            "charset": pa.array([c.codec for c in charsets], pa.string()).take(charset),
            "charset_source": pa.array([c.origin for c in charsets], pa.string()).take(charset),
            "charset_flag": pa.array([c.flag for c in charsets], pa.string()).take(charset),
            "time_zone": pa.repeat(file.source.time_zone, n),
            "tz_policy": pa.repeat(file.source.tz_policy, n),
            "content_sha256": _hex([judged.hashes[i] for i in chosen.tolist()]),
        }
        for column, name in _FROM_HEADER.items():
            values[column] = headers[name].combine_chunks() if n else pa.nulls(0)
        bodies = judged.bodies if whole else judged.bodies.take(pa.array(chosen))
        return cls(bodies, headers, values)


def _hex(digests: list[bytes]) -> pa.Array:
    """Write SHA-256 hashes as text."""
    text = pa.py_buffer(b"".join(digests).hex().encode("ascii"))
    offsets = pa.py_buffer(np.arange(len(digests) + 1, dtype=np.int32) * 64)
    return pa.Array.from_buffers(pa.string(), len(digests), [None, offsets, text])


def _quarantined(file: _File, judged: CheckedRecords) -> pa.RecordBatch:
    local = [i for i, reason in enumerate(judged.reasons) if reason]
    at = np.array(local, np.int64) + judged.first
    places = [f"message {number}" for number in (at + 1).tolist()]
    reasons = [judged.reasons[i] or "" for i in local]
    head = f"{file.entry.source}|{file.entry.received}"
    problem = file.layout.problem
    lengths = [file.entry.bytes if problem else len(judged.block.record(i)) for i in local]
    values = _place(file, len(local)) | {
        "quarantine_id": pa.array([str(uuid5(NAMESPACE_URL, f"{head}|{p}")) for p in places]),
        "place": pa.array(places),
        "position": pa.array(at + 1),
        "byte_offset": pa.array(file.layout.starts[at]),
        "byte_length": pa.array(lengths, pa.int64()),
        "reason": pa.array(reasons),
        "detail": pa.array([DETAILS[reason] for reason in reasons]),
        "state": pa.repeat("open", len(local)),
        "content": pa.array([judged.block.record(i) for i in local], pa.binary()),
    }
    return _batch(QUARANTINE, values)


def _place(file: _File, rows: int) -> dict[str, pa.Array]:
    return {
        "source": pa.repeat(file.entry.source, rows),
        "received": pa.repeat(pa.scalar(file.entry.received, pa.int64()), rows),
        "day": pa.repeat(pa.scalar(file.entry.day, pa.date32()), rows),
        "file": pa.repeat(file.entry.file, rows),
    }


def _batch(spec: TableSpec, values: dict[str, pa.Array]) -> pa.RecordBatch:
    schema = arrow_schema(spec)
    columns = [values[name].cast(schema.field(name).type) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _counts(lake: Lake, source: Source, files: Sequence[_File]) -> list[FileCounts]:
    stored: dict[int, int] = {}
    quarantined: dict[int, int] = {}
    with connect(lake, tables=[RAW.name, QUARANTINE.name]) as connection:
        for table, counts in ((RAW.name, stored), (QUARANTINE.name, quarantined)):
            sql = f"select received, count(*) from {table} where source = ? group by received"
            counts.update(connection.execute(sql, [source.name]).fetchall())
    found = []
    for file in files:
        number, records = file.entry.received, file.layout.found
        kept, aside = stored.get(number, 0), quarantined.get(number, 0)
        repeated, promised = records - kept - aside, file.layout.promised
        found.append(FileCounts(number, records, kept, repeated, aside, "loaded", promised))
    return found
