"""Landed FHIR files to `raw_fhir__resource`: each resource once, the bad records to quarantine.

The envelopes decide what is new. Records of up to 256 MB are kept meanwhile; larger files are read
again for what is stored, so memory is bounded by that and the envelopes. Flat tables are in `flat`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeward.core.errors import RetryableError, SpecError
from lakeward.core.phi import Phi
from lakeward.fhir.flat.derived_tables import flat_tables, flatten
from lakeward.fhir.raw.crash_recovery import settle_reasons
from lakeward.fhir.raw.files import Examined, examine_files
from lakeward.fhir.raw.lines import blocks
from lakeward.fhir.raw.records import REASONS
from lakeward.fhir.raw.repeats import REPEAT, find_duplicates, remember
from lakeward.fhir.raw.shapes import Walks, walks_of
from lakeward.fhir.view_tables import all_views, packaged_views
from lakeward.lake.origin import ORIGIN
from lakeward.lake.query import connect, register_table
from lakeward.lake.tables import (
    Column,
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
from lakeward.quarantine.table import QUARANTINE, write_quarantine

RAW = TableSpec(
    name="raw_fhir__resource",
    description="FHIR resources as delivered, with the envelope that says where and which",
    grain="One row per source, resource type, id and content",
    partition_by=("resource_type",),
    columns=(
        *ORIGIN,
        Column(
            "line", "BIGINT", Phi.N, "Line in the file or entry of the Bundle, from 1; 0 itself"
        ),
        Column("byte_offset", "BIGINT", Phi.N, "First byte of the record, after unpacking"),
        Column("resource_type", "VARCHAR", Phi.N, "resourceType"),
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

BATCH_ROWS = 512
"""Rows handed over at once. delta-rs pulls many batches ahead of what it writes: with 4096 rows a
2 GB file took 300 MB more."""


@dataclass(frozen=True)
class _Loading:
    """One call of `load`: files of one source, and what stands in them.

    Attributes:
        duplicate: Which records are stored already.
        is_held: Which records an interrupted call put into quarantine.
    """

    lake: Lake
    files: Sequence[LedgerFile]
    examined: Examined
    duplicate: npt.NDArray[np.bool_]
    is_held: npt.NDArray[np.bool_]

    @property
    def transaction(self) -> Transaction:
        return Transaction(self.files[-1].source, self.files[-1].received)

    @property
    def is_bad(self) -> npt.NDArray[np.bool_]:
        reasons = self.examined.records.column("reason")
        return np.asarray(pc.is_valid(reasons))

    @property
    def is_repeat(self) -> npt.NDArray[np.bool_]:
        """Tell which records stand in a file whose content came before: its bad ones did, too."""
        repeats = pa.array([f.received for f in self.files if f.repeats is not None], pa.int64())
        received = self.examined.records.column("received")
        return np.asarray(pc.is_in(received, repeats), np.bool_)

    @property
    def is_pending(self) -> npt.NDArray[np.bool_]:
        """Tell which records stand in files that raw does not hold already."""
        done = transaction_version(self.lake, RAW.name, self.files[-1].source) or 0
        return np.asarray(pc.greater(self.examined.records.column("received"), done), np.bool_)


def load(
    lake: Lake,
    landing: Path,
    source: Source,
    files: Sequence[LedgerFile],
    views: Path | None = None,
) -> list[FileCounts]:
    """Load files of one source, ascending and without gaps, exactly once.

    Quarantine and raw are each written in one commit that carries the last `received`; what an
    interrupted earlier call committed stands (see `settled`). Counts come from what is stored.

    Args:
        lake: Where the tables live.
        landing: Folder that `LedgerFile.file` is relative to.
        source: The interface.
        files: Pending files, in order of arrival.
        views: Folder with views of the deployment: what they walk is judged, too.
    """
    if not files:
        return []
    ensure_table(lake, RAW)
    ensure_table(lake, QUARANTINE)
    with connect() as connection:
        register_table(connection, lake, RAW.name, None)
        examined = examine_files(connection, landing, files, _walks(views))
        records, is_held = settle_reasons(lake, examined.records, files)
        examined = replace(examined, records=records)
        duplicate = find_duplicates(connection, lake, records, files)
        pa.default_memory_pool().release_unused()
        loading = _Loading(lake, files, examined, duplicate, is_held)
        _store_bad(loading)
        _store_good(loading)
        remember(connection, lake, source.name, files[-1].received)
    return _counts(loading)


def _walks(views: Path | None) -> Mapping[str, Walks]:
    """Give what views walk; a faulty view stops the flat tables, not the way into raw."""
    try:
        return walks_of(all_views(views))
    except SpecError:
        return walks_of(packaged_views())


def _store_bad(loading: _Loading) -> None:
    chosen = loading.is_bad & ~loading.is_repeat & ~loading.is_held
    if chosen.any():
        rows = pa.concat_tables(
            _bad_rows(rows, loading.examined) for rows in _with_content(loading, chosen)
        )
        write_quarantine(loading.lake, rows, loading.transaction)


def _store_good(loading: _Loading) -> None:
    chosen = ~loading.is_bad & ~loading.duplicate & loading.is_pending
    if chosen.any():
        schema = arrow_schema(RAW)
        changed: list[RetryableError] = []
        batches = _good_batches(loading, chosen, schema, changed)
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        try:
            write(loading.lake, RAW, reader, mode="append", transaction=loading.transaction)
        except Exception:
            if changed:  # delta-rs wraps what comes from the rows that it pulls
                raise changed[0] from None
            raise


def _good_batches(
    loading: _Loading,
    chosen: npt.NDArray[np.bool_],
    schema: pa.Schema,
    changed: list[RetryableError],
) -> Iterator[pa.RecordBatch]:
    try:
        for rows in _with_content(loading, chosen):
            yield from _good_rows(rows, schema).to_batches(max_chunksize=BATCH_ROWS)
    except RetryableError as error:
        changed.append(error)
        raise


def _with_content(loading: _Loading, chosen: npt.NDArray[np.bool_]) -> Iterator[pa.Table]:
    """Give the chosen records with file and content, by block; what was not kept is read again.

    While delta-rs pulls from here it must not be called itself.

    Raises:
        RetryableError: A file was changed in between.
    """
    records, first = loading.examined.records, 0
    known = pa.Table.from_pylist([vars(file) for file in loading.files], schema=_FILE)
    held = loading.examined.blocks
    for block in blocks(loading.examined.parts) if held is None else held:
        count = len(block)
        rows, mask = records.slice(first, count), chosen[first : first + count]
        if not np.array_equal(rows.column("byte_length").to_numpy(), block.lengths):
            raise RetryableError(
                "landing", "a file changed while it was read", "files as delivered", "run again"
            )
        first += count
        if mask.any():
            content = block.contents(pa.binary_view(), chosen=mask)
            rows = rows.filter(pa.array(mask)) if not mask.all() else rows
            rows = rows.append_column("content", content)
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


def _good_rows(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    content = rows.column("content").cast(pa.string_view())
    return rows.append_column("resource", content).select(schema.names).cast(schema)


def _bad_rows(rows: pa.Table, examined: Examined) -> pa.Table:
    """Give rejected records with place, detail and identifier."""
    units = {part.received: part.unit for part in examined.parts}
    received, numbers = (rows.column(n).to_pylist() for n in ("received", "line"))
    places = [_place(units[r], n) for r, n in zip(received, numbers, strict=True)]
    reasons, details = (rows.column(n).to_pylist() for n in ("reason", "detail"))
    told = [d or REASONS[r] for r, d in zip(reasons, details, strict=True)]
    sources = rows.column("source").to_pylist()
    ids = [
        str(uuid5(NAMESPACE_URL, f"{s}|{r}|{p}"))
        for s, r, p in zip(sources, received, places, strict=True)
    ]
    more = {
        "quarantine_id": pa.array(ids),
        "place": pa.array(places),
        "position": pa.array(numbers),
        "detail": pa.array(told),
        "state": pa.array(["open"] * len(rows)),
    }
    rows = rows.drop_columns(["detail"])
    for name, column in more.items():
        rows = rows.append_column(name, column)
    schema = arrow_schema(QUARANTINE)
    return rows.select(schema.names).cast(schema)


def _place(unit: str, number: int) -> str:
    return f"{unit} {number}" if number else "bundle"


def _counts(loading: _Loading) -> list[FileCounts]:
    """Count per file: found from the records, stored and quarantined from the tables."""
    found = _per_file(loading.examined.records.column("received"))
    first, source = loading.files[0].received, loading.files[0].source
    with connect() as connection:
        for table in (RAW.name, QUARANTINE.name):
            register_table(connection, loading.lake, table, None)
        kept, bad = (
            dict(
                connection.execute(
                    f"select received, count(*) from {table}"
                    " where source = ? and received >= ? group by 1",
                    [source, first],
                ).fetchall()
            )
            for table in (RAW.name, QUARANTINE.name)
        )
    return [
        FileCounts(
            received=n,
            found=found.get(n, 0),
            stored=kept.get(n, 0),
            duplicate=found.get(n, 0) - kept.get(n, 0) - bad.get(n, 0),
            quarantined=bad.get(n, 0),
            state="ignored" if n in loading.examined.ignored else "loaded",
        )
        for n in (file.received for file in loading.files)
    ]


def _per_file(received: pa.ChunkedArray) -> dict[int, int]:
    numbers, counts = np.unique(received.to_numpy(), return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


__all__ = ["RAW", "REPEAT", "flat_tables", "flatten", "load"]
