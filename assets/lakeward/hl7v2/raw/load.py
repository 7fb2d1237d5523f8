"""Files of one HL7 v2 source to `raw_hl7v2__message` and quarantine, each message once.

How rows are committed exactly once is in `landing.loading`; deriving the flat tables from raw is in
`hl7v2.flat`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.hl7v2.framing.batch import FileLayout, scan
from lakeward.hl7v2.raw.envelopes import ENVELOPES, Reconciled, reconcile_files
from lakeward.hl7v2.raw.messages import DETAILS, CheckedMessages, check_file
from lakeward.hl7v2.raw.repeats import Snapshots
from lakeward.hl7v2.raw.seen import SeenHashes, message_keys
from lakeward.hl7v2.raw.table import RAW, REPEAT
from lakeward.lake.arrow import hex_texts
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake, TableSpec, arrow_schema, ensure_table
from lakeward.landing.ledger import FileCounts, LedgerFile
from lakeward.landing.loading import Output, Reading, Rows, load_files
from lakeward.landing.sources import Source
from lakeward.quarantine.table import QUARANTINE, quarantine_rows

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
"""Columns of raw that come from MSH, and what `headers` calls them."""

_HELD_BYTES = 32 << 20
"""Bytes of rejected records that are held while raw is written; when there are more, the files are
read a second time. A file of nothing but rejects would else be held whole."""


def load(
    lake: Lake,
    landing: Path,
    source: Source,
    files: Sequence[LedgerFile],
    own_specs: Path | None = None,
) -> list[FileCounts]:
    """Load files of one source, in order, exactly once.

    Args:
        lake: Where the tables live.
        landing: Root that the files' paths are below.
        source: The interface: its rules decide what is accepted.
        files: Files with ascending `received`.
        own_specs: Specs of the deployment; they decide about flat tables only.
    """
    del own_specs
    return load_files(lake, RAW, files, partial(_read, lake, landing, source))


@dataclass(frozen=True)
class _File:
    """A delivered file with its layout."""

    entry: LedgerFile
    path: Path
    layout: FileLayout
    source: Source

    def checked(self) -> Iterator[CheckedMessages]:
        """Yield its records a block at a time, with the reasons of those that are rejected."""
        return check_file(self.path, self.layout, self.source)


@dataclass(frozen=True)
class SeenMessages:
    """What a source has sent before; both grow while files are read, in their order."""

    hashes: SeenHashes
    snapshots: Snapshots

    @classmethod
    def before(cls, lake: Lake, file: LedgerFile) -> "SeenMessages":
        """Read what is stored of the files of a source before one, all of which are loaded."""
        with connect(lake, tables=[RAW.name, REPEAT.name, QUARANTINE.name]) as connection:
            # not all that is stored: after a kill, raw may hold the messages of these very files,
            # which would be duplicates of themselves
            hashes = SeenHashes.stored(connection, file.source, through=file.received - 1)
            snapshots = Snapshots.stored(connection, file.source, through=file.received - 1)
            return cls(hashes, snapshots)


@dataclass
class RejectedBuffer:
    """Rejected records found while raw was written, for quarantine, which is written after it."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    size: int = 0
    is_full: bool = False

    def add(self, batch: pa.RecordBatch) -> None:
        """Hold a batch, or drop all when they become too many."""
        self.size += batch.nbytes
        # all or none: for the rest, the files would have to be read again all the same
        self.is_full = self.size > _HELD_BYTES
        self.batches.append(batch)
        if self.is_full:
            self.batches.clear()


@dataclass
class _Pass:
    """One pass over the files of a part: its rows of raw, and what it found for later tables.

    Messages are compared with those before them, so the files are read in order, and reading them
    is most of the work. So one pass finds the rows of all tables: those of raw are streamed,
    repeats (few columns) and rejected records (up to `_HELD_BYTES`) are kept.

    Attributes:
        repeats: Rows of `hl7v2_repeat`; None before the pass.
        rejected: Rows of quarantine; None before the pass, which need not happen when raw is
            stored already.
        duplicates: Messages that are neither stored nor rejected, by `received`; of no file
            before the pass.
    """

    lake: Lake
    files: Sequence[_File]
    repeats: list[pa.RecordBatch] | None = None
    rejected: RejectedBuffer | None = None
    duplicates: dict[int, int] = field(default_factory=dict)

    def raw_rows(self) -> Iterator[pa.RecordBatch]:
        """Read all files; yield the messages to be stored."""
        seen = SeenMessages.before(self.lake, self.files[0].entry)
        return self._rows(seen)

    def _rows(self, seen: SeenMessages) -> Iterator[pa.RecordBatch]:
        self.repeats, self.rejected = [], RejectedBuffer()
        for file in self.files:
            number = file.entry.received
            self.duplicates[number] = 0
            for checked in file.checked():
                if any(checked.reasons):
                    self.rejected.add(_rejected_rows(file, checked))
                stored, repeats = _compare(file, checked, seen)
                if repeats is not None:
                    self.repeats.append(repeats)
                self.duplicates[number] += len(checked.kept) - len(stored)
                yield stored


@contextmanager
def _read(
    lake: Lake, landing: Path, source: Source, files: Sequence[LedgerFile]
) -> Iterator[Reading]:
    """Scan files for their messages and reconcile their envelopes.

    Raw is committed first, because its rows are streamed while the files are read; what else the
    pass finds is committed after it. After a kill in between, the same rules find the same again:
    `landing.source_rules` keeps them until the files are closed.
    """
    ensure_table(lake, REPEAT)
    scanned = [scan(landing / file.file) for file in files]
    envelopes = reconcile_files(lake, landing, source, files, scanned)
    opened = [
        _File(file, landing / file.file, layout, source)
        for file, layout in zip(files, envelopes.layouts, strict=True)
    ]
    pass_ = _Pass(lake, opened)
    yield Reading(
        outputs=(
            # marked also without rows, or a file of nothing but repeats is read again after a kill
            Output(RAW, partial(_stored, pass_), marks_progress=True),
            Output(REPEAT, partial(_repeats, pass_)),
            Output(QUARANTINE, partial(_rejected, pass_)),
            Output(ENVELOPES, partial(_envelopes, envelopes)),
        ),
        found={file.entry.received: file.layout.found for file in opened},
        promised={file.entry.received: file.layout.promised for file in opened},
        duplicate=pass_.duplicates,
    )


def _stored(pass_: _Pass, done: int) -> Rows:
    """Return rows of raw: of all files, or of none, as `load_files` parts them."""
    # the last file decides: `load_files` gives only files that are stored, or only others
    is_stored = done >= pass_.files[-1].entry.received
    return Rows(iter(()) if is_stored else pass_.raw_rows())


def _repeats(pass_: _Pass, done: int) -> Rows:
    """Return rows of `hl7v2_repeat`, found again if raw was stored before a kill."""
    # raw was stored before a kill, so nobody pulled its rows in this run
    if done < pass_.files[-1].entry.received and pass_.repeats is None:
        for _ in pass_.raw_rows():
            pass  # only what it finds beside raw is needed
    batches = pass_.repeats or []
    return Rows(b.filter(pc.greater(b.column("received"), done)) for b in batches)


def _rejected(pass_: _Pass, done: int) -> Rows:
    """Return rows of quarantine, read again unless the pass holds all of them."""
    if pass_.rejected is not None and not pass_.rejected.is_full:
        batches = pass_.rejected.batches
        return Rows(b.filter(pc.greater(b.column("received"), done)) for b in batches)
    return Rows(
        _rejected_rows(file, checked)
        for file in pass_.files
        if file.entry.received > done
        for checked in file.checked()
        if any(checked.reasons)
    )


def _envelopes(envelopes: Reconciled, _done: int) -> Rows:
    """Return rows of `hl7v2_batch`; those of files that it holds were left out before."""
    return Rows(iter(pa.Table.from_pylist(envelopes.rows, arrow_schema(ENVELOPES)).to_batches()))


def _compare(
    file: _File, checked: CheckedMessages, seen: SeenMessages
) -> tuple[pa.RecordBatch, pa.RecordBatch | None]:
    """Compare messages with those seen before them.

    Returns:
        Rows of raw for new messages, and rows of `hl7v2_repeat` for those that repeat the last
        message of their patient; None when there are none. A duplicate is in neither.
    """
    keys = message_keys(*(checked.headers[name] for name in _KEY))
    fresh, reused = seen.hashes.admit(checked.hashes, keys)
    new = _Messages.of(file, checked, fresh)
    positions = [(file.entry.received, number) for number in new.values["message"].to_pylist()]
    rejected = np.flatnonzero([reason is not None for reason in checked.reasons])
    # for each rejected record, which of the new messages is the first behind it
    between = np.searchsorted(checked.kept[fresh], rejected)
    outcome = seen.snapshots.admit(new.bodies, new.headers, positions, between)
    values = new.values | {
        "patient_key": _texts(outcome.patients if outcome else None, len(fresh)),
        "snapshot_sha256": _texts(outcome.snapshots if outcome else None, len(fresh)),
        "is_key_reused": pa.array(reused, pa.bool_()),
        "body": new.bodies,
    }
    if outcome is None or not any(outcome.repeats):
        return _batch(RAW, values), None
    is_repeat = np.array([stored is not None for stored in outcome.repeats], bool)
    pairs = [stored or (None, None) for stored in outcome.repeats]
    of_repeats = values | {
        "message_key": pa.array([keys[index] or None for index in fresh.tolist()], pa.binary()),
        "repeats_received": pa.array([received for received, _ in pairs], pa.int64()),
        "repeats_message": pa.array([message for _, message in pairs], pa.int64()),
    }
    return (
        _batch(RAW, values).filter(pa.array(~is_repeat)),
        _batch(REPEAT, of_repeats).filter(pa.array(is_repeat)),
    )


def _texts(values: list[str | None] | None, count: int) -> pa.Array:
    return pa.nulls(count, pa.string()) if values is None else pa.array(values, pa.string())


@dataclass(frozen=True)
class _Messages:
    """Some of the messages of a block: their texts, their headers, and columns of both tables."""

    bodies: pa.Array
    headers: pa.Table
    values: dict[str, Any]

    @classmethod
    def of(cls, file: _File, checked: CheckedMessages, chosen: NDArray[np.int64]) -> "_Messages":
        local = checked.kept[chosen]
        at = local + checked.first
        # indices: `chosen` among the messages kept, `local` in the block, `at` in the file
        batch, n = file.layout.batch[at], len(chosen)
        charsets, charset = checked.charset_names, pa.array(checked.charset[chosen])
        whole = n == len(checked.kept)
        headers = checked.headers if whole else checked.headers.take(pa.array(chosen))
        values: dict[str, Any] = _origin(file, n) | {
            "message": pa.array(at + 1),
            "batch": pa.array(batch, mask=batch == 0),
            "byte_offset": pa.array(file.layout.starts[at]),
            "byte_length": pa.array(checked.block.lengths()[local]),
            "charset": pa.array([c.codec for c in charsets], pa.string()).take(charset),
            "charset_source": pa.array([c.origin for c in charsets], pa.string()).take(charset),
            "charset_flag": pa.array([c.flag for c in charsets], pa.string()).take(charset),
            "time_zone": pa.repeat(file.source.time_zone, n),
            "tz_policy": pa.repeat(file.source.tz_policy, n),
            "content_sha256": hex_texts([checked.hashes[i] for i in chosen.tolist()]),
        }
        for column, name in _FROM_HEADER.items():
            values[column] = headers[name].combine_chunks() if n else pa.nulls(0)
        bodies = checked.bodies if whole else checked.bodies.take(pa.array(chosen))
        return cls(bodies, headers, values)


def _rejected_rows(file: _File, checked: CheckedMessages) -> pa.RecordBatch:
    """Build the rows of quarantine for the rejected records of a block."""
    local = [i for i, reason in enumerate(checked.reasons) if reason]
    at = np.array(local, np.int64) + checked.first
    reasons = [checked.reasons[i] or "" for i in local]
    # content of a file that is no HL7 v2 is cut; its length is that of the file as delivered
    is_whole_file = file.layout.problem is not None
    block = checked.block
    delivered = np.where(block.is_cut, block.ends - block.starts, 0).tolist()
    lengths = [
        file.entry.bytes if is_whole_file else delivered[i] or len(block.record(i)) for i in local
    ]
    rejected = _origin(file, len(local)) | {
        "place": pa.array([f"message {number}" for number in (at + 1).tolist()]),
        "position": pa.array(at + 1),
        "byte_offset": pa.array(file.layout.starts[at]),
        "byte_length": pa.array(lengths, pa.int64()),
        "reason": pa.array(reasons),
        "detail": pa.array([DETAILS[reason] for reason in reasons]),
        "content": pa.array([checked.block.record(i) for i in local], pa.binary()),
    }
    return quarantine_rows(pa.table(rejected)).combine_chunks().to_batches()[0]


def _origin(file: _File, rows: int) -> dict[str, pa.Array]:
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
