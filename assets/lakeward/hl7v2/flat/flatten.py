"""Flat tables `hl7v2__<segment>`: the rows that segment specs give for the raw messages.

Messages are split once for all tables. `hl7v2__msh` has a row for every message, so it answers for
the dozens of tables that seldom have any. A table follows its spec: when the spec changes, the
table is rebuilt. How progress is kept is in `lake.incremental`, how a message is split in
`hl7v2.parsing`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lakeward.hl7v2.parsing.parse import Messages, parse
from lakeward.hl7v2.parsing.segments import (
    ChildSpec,
    SegmentSpec,
    child_table,
    main_table,
    segment_specs,
    spec_sha,
)
from lakeward.hl7v2.parsing.times import message_offsets
from lakeward.lake.incremental import (
    DerivedTable,
    OnFailure,
    OnLost,
    appoint_witness,
    bring_up,
    open_derived,
    raise_failure,
)
from lakeward.lake.progress import RawTable, Slice
from lakeward.lake.query import Connection
from lakeward.lake.tables import Lake, TableSpec, TableWrite, arrow_schema

MESSAGES = RawTable("raw_hl7v2__message", record="message", size="byte_length")

_EVERY_MESSAGE = "hl7v2__msh"
"""The table that has a row for every message."""

_BATCH_MESSAGES = 4096
"""Messages that are split at once: what is touched then stays in the processor's cache."""

_ORIGIN = ("source", "received", "file", "message", "day")
_READ = (*_ORIGIN, "charset", "time_zone", "tz_policy", "message_at_text", "body")


def flatten(
    lake: Lake,
    own_specs: Path | None = None,
    on_failure: OnFailure = raise_failure,
    on_lost: OnLost | None = None,
) -> list[TableWrite]:
    """Bring every flat table up to the raw messages; return the writes of rows.

    Args:
        lake: Where the tables live.
        own_specs: Folder with segment specs of the deployment.
        on_failure: Called with each of those that is wrong, whose tables then stay as they are.
        on_lost: Called with each table and source whose messages cannot be split; default: raise.
    """
    specs = segment_specs(own_specs, on_failure)
    owners = [owner for spec in specs for owner in _owners(spec)]
    tables = [open_derived(lake, _table(owner), spec_sha(owner)) for owner in owners]
    tables.sort(key=lambda table: table.spec.name == _EVERY_MESSAGE)  # commits after the others
    appoint_witness(tables[-1], tables)
    return bring_up(lake, MESSAGES, tables, partial(_rows_of, specs), on_lost=on_lost)


def _owners(spec: SegmentSpec) -> tuple[SegmentSpec | ChildSpec, ...]:
    return (spec, *spec.children)


def _table(owner: SegmentSpec | ChildSpec) -> TableSpec:
    return main_table(owner) if isinstance(owner, SegmentSpec) else child_table(owner)


def _rows_of(
    specs: Sequence[SegmentSpec],
    connection: Connection,
    part: Slice,
    tables: Sequence[DerivedTable],
) -> Iterator[tuple[DerivedTable, pa.Table]]:
    """Yield the rows of a slice; only segments that some table lacks are looked at."""
    lacking = {table.spec.name for table in tables}
    needed = [s for s in specs if lacking & {_table(owner).name for owner in _owners(s)}]
    rows: dict[str, list[pa.Table]] = {}
    # by source: `_Origin` takes a batch to be of one
    for source in part.ends:
        for batch in _batches(connection, part, source):
            for name, parsed in _parsed(batch, needed).items():
                rows.setdefault(name, []).append(parsed)
    for table in tables:
        # popped, so that the rows of a table are given back once it is committed
        yield table, _united(rows.pop(table.spec.name, []), table.spec)


def _batches(connection: Connection, part: Slice, source: str) -> Iterator[pa.RecordBatch]:
    """Yield the messages that one source delivered, each batch with one way to read its times."""
    messages = part.relation(", ".join(_READ), source)
    for batch in connection.sql(f"from {messages}").to_arrow_reader(_BATCH_MESSAGES):
        yield from _by_zone(batch)


def _by_zone(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Part messages that came while the interface had another time zone or another policy."""
    reading = pc.binary_join_element_wise(batch["time_zone"], batch["tz_policy"], " ")
    different = pc.unique(reading)
    for each in different:
        yield batch if len(different) == 1 else batch.filter(pc.equal(reading, each))


def _parsed(batch: pa.RecordBatch, specs: Sequence[SegmentSpec]) -> dict[str, pa.Table]:
    """Return the rows of a batch by table: origin, then the columns in which any has a value."""
    messages = Messages(
        bodies=batch["body"].cast(pa.string()),
        codecs=batch["charset"].to_pylist(),
        zone=batch["time_zone"][0].as_py(),
        offsets=message_offsets(batch["message_at_text"].cast(pa.string())),
        offset_first=batch["tz_policy"][0].as_py() == "msh7",
    )
    tables = parse(messages, specs)
    origin = _Origin.of(batch, max((rows.num_rows for rows in tables.values()), default=0))
    return {table: origin.in_front_of(rows) for table, rows in tables.items()}


@dataclass(frozen=True)
class _Origin:
    """Where the messages of a batch come from.

    Most batches are of one file, and dozens of tables get the same columns: what is the same for
    all messages is repeated once, to the length of the longest table, and shared by slices of it.

    Attributes:
        same: Columns of one value, as long as the longest table.
        other: The other columns, a row a message.
    """

    same: Mapping[str, pa.Array]
    other: pa.Table

    @classmethod
    def of(cls, batch: pa.RecordBatch, longest: int) -> "_Origin":
        """Build the origin of a batch of one source."""
        is_one_file = len(pc.unique(batch["received"])) == 1
        same = [name for name in _ORIGIN if name != "message"] if is_one_file else ["source"]
        other = pa.table({name: batch[name] for name in _ORIGIN if name not in same})
        return cls({name: pa.repeat(batch[name][0], longest) for name in same}, other)

    def in_front_of(self, rows: pa.Table) -> pa.Table:
        """Return rows with the origin of each row's message in place of `row`, its index."""
        columns = {name: values[: rows.num_rows] for name, values in self.same.items()}
        taken = self.other.take(rows["row"])
        columns |= {name: taken[name] for name in taken.column_names}
        return pa.table(columns | {n: rows[n] for n in rows.column_names if n != "row"})


def _united(parts: list[pa.Table], spec: TableSpec) -> pa.Table:
    """Return the parts as one table with all columns of the spec, also those without a value."""
    schema = arrow_schema(spec)
    if not parts:
        return schema.empty_table()
    # a batch has only columns in which it has a value; the others are filled with NULL
    united = pa.concat_tables(parts, promote_options="default")
    present = set(united.column_names)
    columns = [
        united[field.name] if field.name in present else pa.nulls(united.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema.names).cast(schema)
