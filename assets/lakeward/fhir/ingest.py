"""Landed FHIR files to `raw_fhir__resource`: each resource once, the bad lines to quarantine.

Files are read twice: first for the envelopes, which decide what is new, then for the lines that
are stored, so memory is bounded by a block and by the envelopes. Flat tables are in `flat`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa

from lakeward.fhir import records, retold
from lakeward.fhir.lines import Part
from lakeward.fhir.records import Examined
from lakeward.fhir.retold import REPEAT
from lakeward.fhir.tables import flat_tables, flatten
from lakeward.lake.query import Connection, connect, register_table
from lakeward.lake.tables import (
    Column,
    Lake,
    Phi,
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
        Column("source", "VARCHAR", Phi.N, "Interface that delivered the resource"),
        Column("received", "BIGINT", Phi.N, "Sequence number of the file within its source"),
        Column("day", "DATE", Phi.N, "Day of the delivery"),
        Column("file", "VARCHAR", Phi.LK, "Path below landing; names are the sender's"),
        Column("line", "BIGINT", Phi.N, "Line in the file, from 1"),
        Column("byte_offset", "BIGINT", Phi.N, "First byte of the line, after unpacking"),
        Column("resource_type", "VARCHAR", Phi.N, "resourceType"),
        Column("id", "VARCHAR", Phi.LK, "Resource id"),
        Column("version_id", "VARCHAR", Phi.N, "meta.versionId"),
        Column("last_updated_text", "VARCHAR", Phi.QI, "meta.lastUpdated as delivered"),
        Column("last_updated", "TIMESTAMP WITH TIME ZONE", Phi.QI, "meta.lastUpdated"),
        Column("content_sha256", "VARCHAR", Phi.LK, "SHA-256 of the line as delivered"),
        Column(
            "transaction_time",
            "TIMESTAMP WITH TIME ZONE",
            Phi.N,
            "transactionTime of the export that delivered it",
        ),
        Column("is_subsetted", "BOOLEAN", Phi.N, "Tagged SUBSETTED: never replaces a full one"),
        Column("resource", "VARCHAR", Phi.SP, "The line, verbatim"),
    ),
)

_RAW_ROWS = """
select
    f.source, j.received, f.day, f.file, j.line, j.byte_offset, j.resource_type, j.id,
    j.version_id, j.last_updated_text,
    try_cast(j.last_updated_text as timestamp with time zone) as last_updated,
    j.content_sha256, f.transaction_time, j.is_subsetted, decode(b.content) as resource
from block as b
join judged as j on b.received = j.received and b.line = j.line
join incoming as f on f.received = j.received
where j.received between $first and $last and j.reason is null and not j.is_duplicate
order by j.received, j.line
"""

_BAD_ROWS = """
select
    f.source, j.received, f.day, f.file, 'line ' || j.line as place, j.line as position,
    j.byte_offset, j.byte_length, j.reason, r.detail, 'open' as state, b.content
from block as b
join judged as j on b.received = j.received and b.line = j.line
join incoming as f on f.received = j.received
join reasons as r on r.reason = j.reason
where j.received between $first and $last and j.reason is not null and f.repeats is null
order by j.received, j.line
"""


_INCOMING = pa.schema(
    [
        ("source", pa.string()),
        ("received", pa.int64()),
        ("day", pa.date32()),
        ("file", pa.string()),
        ("kind", pa.string()),
        ("promised_type", pa.string()),
        ("transaction_time", pa.timestamp("us", "UTC")),
        ("repeats", pa.int64()),
    ]
)


@dataclass(frozen=True)
class _Loading:
    """One call of `load`: files of one source, and what kind of file each is."""

    lake: Lake
    landing: Path
    source: str
    files: Sequence[LedgerFile]
    examined: dict[int, Examined]

    @property
    def last(self) -> int:
        return self.files[-1].received

    def done(self, table: str) -> int:
        """Give the last `received` that a table holds already."""
        return transaction_version(self.lake, table, self.source) or 0

    def rows(self, connection: Connection, query: str, after: int) -> Iterator[pa.Table]:
        """Run a row query over each block of the files after one.

        While delta-rs pulls from here it must not be called itself.
        """
        parts = [
            Part(file.received, self.landing / file.file, state.document)
            for file in self.files
            if (state := self.examined[file.received]).state == "loaded" and file.received > after
        ]
        return records.with_content(connection, parts, query)


def load(
    lake: Lake, landing: Path, source: Source, files: Sequence[LedgerFile]
) -> list[FileCounts]:
    """Load files of one source, ascending and without gaps, exactly once.

    Quarantine and raw are each written in one commit that carries the last `received`; rows that
    an interrupted earlier call committed are left out. Counts come from what is stored.

    Args:
        lake: Where the tables live.
        landing: Folder that `LedgerFile.file` is relative to.
        source: The interface.
        files: Pending files, in order of arrival.
    """
    if not files:
        return []
    ensure_table(lake, RAW)
    ensure_table(lake, QUARANTINE)
    with connect() as connection:
        register_table(connection, lake, RAW.name, None)
        parts = [Part(file.received, landing / file.file) for file in files]
        examined = records.examine(connection, parts)
        loading = _Loading(lake, landing, source.name, files, examined)
        _judge(connection, loading)
        _store(connection, loading)
        return _counts(connection, loading)


def _judge(connection: Connection, loading: _Loading) -> None:
    """Find out which records are duplicates of earlier ones."""
    rows = [vars(file) for file in loading.files]
    connection.register("incoming", pa.Table.from_pylist(rows, schema=_INCOMING))
    reasons = [{"reason": code, "detail": text} for code, text in records.REASONS.items()]
    connection.register("reasons", pa.Table.from_pylist(reasons))
    retold.judge(connection, loading.lake, loading.source, loading.files[0].received)


def _store(connection: Connection, loading: _Loading) -> None:
    transaction = Transaction(loading.source, loading.last)
    done = loading.done(QUARANTINE.name)
    if _count(connection, "reason is not null", done):
        bad = list(loading.rows(connection, _BAD_ROWS, done))
        write_quarantine(loading.lake, _with_ids(bad), transaction)
    done = loading.done(RAW.name)
    if _count(connection, "reason is null and not is_duplicate", done):
        schema = arrow_schema(RAW)
        batches = (
            batch
            for table in loading.rows(connection, _RAW_ROWS, done)
            for batch in table.select(schema.names).cast(schema).to_batches(max_chunksize=4096)
        )
        reader = pa.RecordBatchReader.from_batches(schema, batches)
        write(loading.lake, RAW, reader, mode="append", transaction=transaction)
    retold.remember(connection, loading.lake, loading.source, loading.last)


def _count(connection: Connection, condition: str, after: int) -> int:
    query = f"select count(*) from judged where {condition} and received > ?"
    return int(connection.execute(query, [after]).fetchall()[0][0])


def _with_ids(tables: Sequence[pa.Table]) -> pa.Table:
    """Put the parts together and give each rejected line its identifier."""
    schema = arrow_schema(QUARANTINE)
    if not tables:
        return schema.empty_table()
    rows = pa.concat_tables(tables)
    places = (rows.column(n).to_pylist() for n in ("source", "received", "place"))
    ids = [str(uuid5(NAMESPACE_URL, f"{s}|{r}|{p}")) for s, r, p in zip(*places, strict=True)]
    return rows.append_column("quarantine_id", pa.array(ids, pa.string()))


def _counts(connection: Connection, loading: _Loading) -> list[FileCounts]:
    """Count per file: found from the lines, stored and quarantined from the tables."""
    found = dict(connection.execute("select received, count(*) from record group by 1").fetchall())
    with connect() as after:
        for table in (RAW.name, QUARANTINE.name):
            register_table(after, loading.lake, table, None)
        kept, bad = (
            dict(
                after.execute(
                    f"select received, count(*) from {table}"
                    " where source = ? and received >= ? group by 1",
                    [loading.source, loading.files[0].received],
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
            state=loading.examined[n].state,
        )
        for n in (file.received for file in loading.files)
    ]


__all__ = ["RAW", "REPEAT", "flat_tables", "flatten", "load"]
