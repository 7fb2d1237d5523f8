"""Derives the flat tables from `raw_hl7v2__message`, each raw message once.

How far a table is stands in the metadata of its own newest commit, so rows and progress cannot
differ. `hl7v2__msh` has a row for every message and commits last: a table that got no rows needs no
commit to be known as done. A table whose spec changed is derived anew, whole.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
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
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import (
    Lake,
    TableSpec,
    TableWrite,
    arrow_schema,
    content_of,
    ensure_table,
    write,
)

RAW_NAME = "raw_hl7v2__message"
_EVERY_MESSAGE = "hl7v2__msh"
_SHIFT = 32
"""A position is `received << 32 | message`: one number that grows with every raw message."""

_SLICE = 64 << 20
"""Bytes of messages that go into one commit of each table, about."""

_ROWS = 4096
"""Messages that are parsed at once; what is touched then stays in the processor's cache."""

_ENVELOPE = ("source", "received", "file", "message", "day")


@dataclass(frozen=True)
class _Span:
    """Raw messages of one source from one position up to another, both included."""

    source: str
    first: int
    through: int

    @property
    def condition(self) -> str:
        """Give the SQL that picks them; in one file by ranges that row groups are skipped by."""
        (low, start), (high, end) = (
            divmod(self.first, 1 << _SHIFT),
            divmod(self.through, 1 << _SHIFT),
        )
        if low == high:
            return f"received = {low} and message between {start} and {end}"
        return (
            f"received between {low} and {high}"
            f" and (received > {low} or message >= {start})"
            f" and (received < {high} or message <= {end})"
        )


@dataclass
class _Target:
    """One flat table and how far it is.

    Attributes:
        spec: The table.
        sha: Version of its segment spec.
        through: For each source the position it is complete up to.
        anew: The next commit replaces what the table holds.
        deriving: It has not caught up with the others since its spec changed.
    """

    spec: TableSpec
    sha: str
    through: dict[str, int]
    anew: bool
    deriving: bool

    def missing(self, spans: Sequence[_Span]) -> bool:
        return any(self.through.get(span.source, 0) < span.through for span in spans)


def flatten(lake: Lake, folder: Path | None = None) -> list[TableWrite]:
    """Bring every flat table up to the raw table; give the writes that were needed.

    Args:
        lake: Where the tables live.
        folder: Folder with segment specs of the deployment.
    """
    specs = segment_specs(folder)
    targets = _targets(lake, specs)
    if not lake.path(RAW_NAME).is_dir():
        return []
    writes = []
    with connect(lake, tables=[RAW_NAME]) as connection:
        pieces = _pieces(connection, targets)
        for number, spans in enumerate(pieces, start=1):
            last = number == len(pieces)
            writes += _advance(lake, connection, spans, targets, specs, last=last)
    return writes


def _targets(lake: Lake, specs: Sequence[SegmentSpec]) -> list[_Target]:
    """Give all flat tables, the one with a row for every message last."""
    known = _known(lake)
    targets = [_target(lake, owner, known) for spec in specs for owner in _owners(spec)]
    targets.sort(key=lambda target: target.spec.name == _EVERY_MESSAGE)
    for target in targets:
        if not target.deriving:
            for source, position in targets[-1].through.items():
                target.through[source] = max(target.through.get(source, 0), position)
    return targets


def _owners(spec: SegmentSpec) -> tuple[SegmentSpec | ChildSpec, ...]:
    return (spec, *spec.children)


def _known(lake: Lake) -> frozenset[str] | None:
    """Give the tables that took part in the newest commit of all; None when it does not say.

    A spec of the deployment may be away for a while (broken, say). Its table missed what came then.
    """
    content = content_of(lake, _EVERY_MESSAGE) if lake.path(_EVERY_MESSAGE).is_dir() else None
    tables = json.loads(content).get("tables") if content else None
    return None if tables is None else frozenset(tables)


def _target(
    lake: Lake, owner: SegmentSpec | ChildSpec, known: frozenset[str] | None = None
) -> _Target:
    spec = main_table(owner) if isinstance(owner, SegmentSpec) else child_table(owner)
    ensure_table(lake, spec)
    sha, content = spec_sha(owner), content_of(lake, spec.name)
    progress = json.loads(content) if content else None
    missed = known is not None and spec.name not in known
    if progress is None or progress["spec"] != sha or missed:
        return _Target(spec, sha, {}, anew=True, deriving=True)
    return _Target(spec, sha, progress["through"], anew=False, deriving=progress["deriving"])


def _pieces(connection: Connection, targets: Sequence[_Target]) -> list[list[_Span]]:
    """Cut what is new into pieces of bounded size, in order of arrival."""
    pieces: list[list[_Span]] = []
    free = 0
    sql = f"select distinct source from {RAW_NAME} order by 1"
    for (source,) in connection.execute(sql).fetchall():
        after = min(target.through.get(source, 0) for target in targets)
        for span, size in _spans(connection, source, after):
            if free <= 0:
                pieces.append([])
                free = _SLICE
            pieces[-1].append(span)
            free -= size
    return pieces


def _spans(connection: Connection, source: str, after: int) -> Iterator[tuple[_Span, int]]:
    rows = connection.execute(
        f"select received * {1 << _SHIFT} + message as position, byte_length from {RAW_NAME}"
        f" where source = ? and received >= {after >> _SHIFT} and position > ? order by 1",
        [source, after],
    ).fetchnumpy()
    positions = np.asarray(rows["position"], np.int64)
    total = np.cumsum(rows["byte_length"])
    start = done = 0
    for end in np.flatnonzero(np.diff(total // _SLICE, append=-1)).tolist():
        yield _Span(source, int(positions[start]), int(positions[end])), int(total[end]) - done
        start, done = end + 1, int(total[end])


def _advance(
    lake: Lake,
    connection: Connection,
    spans: Sequence[_Span],
    targets: Sequence[_Target],
    specs: Sequence[SegmentSpec],
    *,
    last: bool,
) -> list[TableWrite]:
    behind = [target for target in targets if target.missing(spans)]
    wanted = {target.spec.name for target in behind}
    needed = [s for s in specs if wanted & {s.table, *(f"hl7v2__{c.table}" for c in s.children)}]
    rows: dict[str, list[pa.Table]] = {}
    for span in spans:
        _collect(connection, span, needed, rows)
    writes = [
        _commit(lake, target, targets, spans, rows.pop(target.spec.name, []), last=last)
        for target in behind
    ]
    return [done for done in writes if done is not None]


def _commit(
    lake: Lake,
    target: _Target,
    targets: Sequence[_Target],
    spans: Sequence[_Span],
    rows: list[pa.Table],
    *,
    last: bool,
) -> TableWrite | None:
    data = _conform([_missing_rows(table, target.through) for table in rows], target.spec)
    for span in spans:
        target.through[span.source] = max(target.through.get(span.source, 0), span.through)
    if not data.num_rows and not (last and target.deriving):
        return None
    target.deriving = target.deriving and not last
    state = {"spec": target.sha, "through": target.through, "deriving": target.deriving}
    if target.spec.name == _EVERY_MESSAGE:
        state["tables"] = sorted(other.spec.name for other in targets)
    mode: Literal["append", "overwrite"] = "overwrite" if target.anew else "append"
    done = write(lake, target.spec, data, mode=mode, content=json.dumps(state, sort_keys=True))
    target.anew = False
    return done


def _missing_rows(table: pa.Table, through: Mapping[str, int]) -> pa.Table:
    """Leave out rows that the table has already; all rows are of one source."""
    done = through.get(table["source"][0].as_py(), 0)
    position = pc.add(pc.shift_left(table["received"], _SHIFT), table["message"])
    missing = pc.greater(position, done)
    return table if pc.all(missing).as_py() else table.filter(missing)


def _conform(parts: list[pa.Table], spec: TableSpec) -> pa.Table:
    """Put rows together and add the columns in which none of them holds a value."""
    schema = arrow_schema(spec)
    if not parts:
        return schema.empty_table()
    found = pa.concat_tables(parts, promote_options="default")
    held = set(found.column_names)
    columns = [
        found[field.name] if field.name in held else pa.nulls(found.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema.names).cast(schema)


def _collect(
    connection: Connection,
    span: _Span,
    specs: Sequence[SegmentSpec],
    rows: dict[str, list[pa.Table]],
) -> None:
    """Parse the messages of a span and append their rows by table."""
    reader = connection.sql(
        f"select {', '.join(_ENVELOPE)}, charset, time_zone, tz_policy, message_at_text, body"
        f" from {RAW_NAME}"
        f" where source = $source and {span.condition}",
        params={"source": span.source},
    ).to_arrow_reader(_ROWS)
    for batch in reader:
        for part in _by_zone(batch):
            for table, parsed in _parsed(part, specs).items():
                rows.setdefault(table, []).append(parsed)


def _by_zone(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Part messages that came while the interface had another zone or another policy."""
    reading = pc.binary_join_element_wise(batch["time_zone"], batch["tz_policy"], " ")
    different = pc.unique(reading)
    for each in different:
        yield batch if len(different) == 1 else batch.filter(pc.equal(reading, each))


def _parsed(batch: pa.RecordBatch, specs: Sequence[SegmentSpec]) -> dict[str, pa.Table]:
    messages = Messages(
        bodies=batch["body"].cast(pa.string()),
        codecs=batch["charset"].to_pylist(),
        zone=batch["time_zone"][0].as_py(),
        offsets=message_offsets(batch["message_at_text"].cast(pa.string())),
        offset_first=batch["tz_policy"][0].as_py() == "msh7",
    )
    tables = parse(messages, specs)
    envelope = _Envelope.of(batch, max((rows.num_rows for rows in tables.values()), default=0))
    return {table: envelope.before(rows) for table, rows in tables.items()}


@dataclass(frozen=True)
class _Envelope:
    """Where messages come from: columns that are the same for all of them, and the others.

    The former are as long as the longest table and shared by all tables.
    """

    same: Mapping[str, pa.Array]
    other: pa.Table

    @classmethod
    def of(cls, batch: pa.RecordBatch, longest: int) -> "_Envelope":
        one_file = len(pc.unique(batch["received"])) == 1
        of_file = [n for n in _ENVELOPE if n != "message"] if one_file else ["source"]
        other = pa.table({n: batch[n] for n in _ENVELOPE if n not in of_file})
        return cls({name: pa.repeat(batch[name][0], longest) for name in of_file}, other)

    def before(self, rows: pa.Table) -> pa.Table:
        """Put the envelope of each row's message before its columns."""
        columns = {name: values[: rows.num_rows] for name, values in self.same.items()}
        taken = self.other.take(rows["row"])
        columns |= {name: taken[name] for name in taken.column_names}
        return pa.table(columns | {n: rows[n] for n in rows.column_names if n != "row"})
