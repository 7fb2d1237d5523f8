"""Landed FHIR files to `raw_fhir__resource` and quarantine, each resource once.

Which records are new is decided on their origin, identity and hash alone. Records of up to 256 MB
are kept in memory meanwhile; larger files are read again for what is stored, so memory is bounded
by that and these few columns. How rows are committed exactly once is in `landing.loading`; flat
tables are in `fhir.flat`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakeward.core.errors import RetryableError, SpecError
from lakeward.core.phi import Phi
from lakeward.fhir.raw.checked_records import REASONS
from lakeward.fhir.raw.crash_recovery import restore_reasons
from lakeward.fhir.raw.file_kinds import Examined, examine_files
from lakeward.fhir.raw.lines import blocks
from lakeward.fhir.raw.repeats import REPEAT, find_duplicates, new_repeats
from lakeward.fhir.raw.shapes import Walks, walks_of
from lakeward.fhir.view_tables import RESOURCE_TYPE, all_views, packaged_views
from lakeward.lake.origin import ORIGIN
from lakeward.lake.query import Connection, connect, register_table
from lakeward.lake.tables import Column, Lake, TableSpec, arrow_schema, transaction_version
from lakeward.landing.ledger import FileCounts, LedgerFile
from lakeward.landing.loading import Output, Reading, Rows, load_files
from lakeward.landing.sources import Source
from lakeward.quarantine.table import QUARANTINE, quarantine_rows

RAW = TableSpec(
    name="raw_fhir__resource",
    description="FHIR resources as delivered, with their origin and identity",
    grain=(
        "One row per source, resource type, id and content; of a resource without stamps one row"
        " each time that its content changed (A, B and A again are three)"
    ),
    partition_by=("resource_type",),
    columns=(
        *ORIGIN,
        Column(
            "line", "BIGINT", Phi.N, "Line in the file or entry of the Bundle, from 1; 0 itself"
        ),
        Column("byte_offset", "BIGINT", Phi.N, "First byte of the record, after unpacking"),
        RESOURCE_TYPE,
        Column("id", "VARCHAR", Phi.LK, "Resource id; content_sha256 where a type may lack one"),
        Column("version_id", "VARCHAR", Phi.N, "meta.versionId"),
        Column("last_updated_text", "VARCHAR", Phi.QI, "meta.lastUpdated as delivered"),
        Column("last_updated", "TIMESTAMP WITH TIME ZONE", Phi.QI, "meta.lastUpdated"),
        Column("content_sha256", "VARCHAR", Phi.LK, "SHA-256 of the record as delivered"),
        Column(
            "transaction_time",
            "TIMESTAMP WITH TIME ZONE",
            Phi.N,
            "transactionTime of the export that delivered it",
        ),
        Column("is_subsetted", "BOOLEAN", Phi.N, "Tagged SUBSETTED: never replaces a full one"),
        Column("unknown_elements", "VARCHAR[]", Phi.LK, "Elements at the root that R4 lacks"),
        Column("resource", "VARCHAR", Phi.SP, "The record, verbatim"),
    ),
)

Mask = NDArray[np.bool_]
"""One truth value per record of a load."""

BATCH_ROWS = 512
"""Rows handed over at once. delta-rs pulls many batches ahead of what it writes: with 4096 rows a
2 GB file took 300 MB more."""


def load(
    lake: Lake,
    landing: Path,
    source: Source,
    files: Sequence[LedgerFile],
    views: Path | None = None,
) -> list[FileCounts]:
    """Load files of one source, ascending and without gaps, exactly once.

    Args:
        lake: Where the tables live.
        landing: Folder that `LedgerFile.file` is relative to.
        source: The interface.
        files: Pending files, in order of arrival.
        views: Folder with views of the deployment: the shape of what they walk is checked, too.
    """
    del source  # FHIR has no rules of a source; its name stands in the files
    return load_files(lake, RAW, files, partial(_read, lake, landing, _walks(views)))


@dataclass(frozen=True)
class _Found:
    """Files of one part of a load, and what stands in them.

    Attributes:
        files: Of one source, ascending.
        examined: Their records, in the order of files and lines; the masks below are over them.
        is_duplicate: Which records are stored already.
        is_quarantined: Which records an interrupted load put into quarantine.
    """

    files: Sequence[LedgerFile]
    examined: Examined
    is_duplicate: Mask
    is_quarantined: Mask

    @property
    def is_rejected(self) -> Mask:
        return np.asarray(pc.is_valid(self.examined.records.column("reason")))

    @property
    def is_of_repeated_file(self) -> Mask:
        """Which records stand in a file whose content came before: quarantine has its rejected."""
        repeats = pa.array([f.received for f in self.files if f.repeats is not None], pa.int64())
        received = self.examined.records.column("received")
        return np.asarray(pc.is_in(received, repeats), np.bool_)

    def is_after(self, done: int) -> Mask:
        """Which records stand in files after one."""
        return np.asarray(pc.greater(self.examined.records.column("received"), done), np.bool_)

    @property
    def is_left_out(self) -> Mask:
        """Which records get no row anywhere: they, or the file that they stand in, came before."""
        return np.where(self.is_rejected, self.is_of_repeated_file, self.is_duplicate)

    def counts(self, chosen: Mask | None = None) -> dict[int, int]:
        """Return the number of records by `received`: of all, or of those chosen."""
        received = self.examined.records.column("received").to_numpy()
        numbers, positions = np.unique(received, return_inverse=True)
        counts = np.bincount(positions, weights=chosen, minlength=len(numbers))
        return dict(zip(numbers.tolist(), counts.astype(np.int64).tolist(), strict=True))


@contextmanager
def _read(
    lake: Lake, landing: Path, walks: Mapping[str, Walks], files: Sequence[LedgerFile]
) -> Iterator[Reading]:
    """Read files and decide what becomes of each record.

    Quarantine is committed before raw. Views and code may change between a kill and the next run,
    and then decide differently: a record that is in quarantine stays rejected, and when raw has the
    file, every other record of it is stored (see `crash_recovery`).
    """
    with connect() as connection:
        register_table(connection, lake, RAW.name, None)
        examined = examine_files(connection, landing, files, walks)
        records, is_quarantined = restore_reasons(lake, examined.records, files)
        is_duplicate = find_duplicates(connection, lake, records, files)
        # Arrow keeps freed memory for itself: the writer that comes next needs it
        pa.default_memory_pool().release_unused()
        found = _Found(files, replace(examined, records=records), is_duplicate, is_quarantined)
        yield Reading(
            outputs=(
                Output(QUARANTINE, partial(_rejected, found)),
                Output(RAW, partial(_stored, found)),
                Output(REPEAT, partial(_repeats, connection, files[0].source)),
            ),
            found=found.counts(),
            ignored=examined.ignored,
            duplicate=_left_out(found, transaction_version(lake, RAW.name, files[0].source) or 0),
        )


def _left_out(found: _Found, closed: int) -> dict[int, int]:
    """Return the records left out, by `received`, of files whose counts can be made of records.

    A repeated file that a kill left with all its rows is absent: a record that was bad then is in
    quarantine under the earlier file, and may be good as checked now.
    """
    unsure = {f.received for f in found.files if f.repeats is not None and f.received <= closed}
    counts = found.counts(found.is_left_out)
    return {received: n for received, n in counts.items() if received not in unsure}


def _walks(views: Path | None) -> Mapping[str, Walks]:
    """Return what views walk (`shapes.Walks`); a faulty view stops flat tables, not raw."""
    try:
        return walks_of(all_views(views))
    except SpecError:
        return walks_of(packaged_views())


def _rejected(found: _Found, _done: int) -> Rows:
    """Return rows of quarantine; by record, not by file: more may be rejected than before."""
    chosen = found.is_rejected & ~found.is_of_repeated_file & ~found.is_quarantined
    tables = (quarantine_rows(_explained(rows, found)) for rows in _with_content(found, chosen))
    return Rows(batch for table in tables for batch in table.to_batches())


def _stored(found: _Found, done: int) -> Rows:
    schema = arrow_schema(RAW)
    # after a kill, raw has the files up to `done`: their rows would be stored a second time
    chosen = ~found.is_rejected & ~found.is_duplicate & found.is_after(done)
    return Rows(
        batch
        for rows in _with_content(found, chosen)
        for batch in _raw_rows(rows, schema).to_batches(max_chunksize=BATCH_ROWS)
    )


def _repeats(connection: Connection, source: str, done: int) -> Rows:
    rows, mode = new_repeats(connection, source, done)
    return Rows(iter(rows.to_batches()), mode)


def _with_content(found: _Found, chosen: Mask) -> Iterator[pa.Table]:
    """Yield the chosen records with file and content, by block; what was not kept is read again.

    Columns are those of `Examined.records`, `content` (binary view), `source`, `day`, `file` and
    `transaction_time`; one row per record.

    Raises:
        RetryableError: A file was changed in between.
    """
    if not chosen.any():
        return
    records, first = found.examined.records, 0
    known = pa.Table.from_pylist([vars(file) for file in found.files], schema=_FILE)
    kept = found.examined.blocks
    for block in blocks(found.examined.parts) if kept is None else kept:
        count = len(block)
        rows, mask = records.slice(first, count), chosen[first : first + count]
        # decisions were made on the first reading: of other bytes the wrong records would be stored
        if not np.array_equal(rows.column("byte_length").to_numpy(), block.lengths):
            raise RetryableError(
                "landing", "a file changed while it was read", "files as delivered", "run again"
            )
        first += count
        if mask.any():
            # bytes, not text: rejected records are among them, which may not be UTF-8
            content = block.contents(pa.binary_view(), chosen=mask)
            rows = rows.filter(pa.array(mask)) if not mask.all() else rows
            rows = rows.append_column("content", content)
            # added here and not kept with each record: four values a file, for millions of records
            numbers = pc.index_in(rows.column("received"), known.column("received"))
            for name in ("source", "day", "file", "transaction_time"):
                rows = rows.append_column(name, known.column(name).take(numbers))
            yield rows


_FILE = pa.schema(
    [
        ("received", pa.int64()),
        ("source", pa.string()),
        ("day", pa.date32()),
        ("file", pa.string()),
        ("transaction_time", pa.timestamp("us", "UTC")),
    ]
)


def _raw_rows(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    content = rows.column("content").cast(pa.string_view())
    return rows.append_column("resource", content).select(schema.names).cast(schema)


def _explained(rows: pa.Table, found: _Found) -> pa.Table:
    """Add what quarantine says of rejected records: place, position, and a detail for each."""
    units = {part.received: part.unit for part in found.examined.parts}
    received, numbers = (rows.column(name).to_pylist() for name in ("received", "line"))
    places = [_place(units[r], n) for r, n in zip(received, numbers, strict=True)]
    reasons, details = (rows.column(name).to_pylist() for name in ("reason", "detail"))
    details = [d or REASONS[r] for r, d in zip(reasons, details, strict=True)]
    rows = rows.drop_columns(["detail"])
    for name, values in (("place", places), ("position", numbers), ("detail", details)):
        rows = rows.append_column(name, pa.array(values))
    return rows


def _place(unit: str, number: int) -> str:
    return f"{unit} {number}" if number else "bundle"
