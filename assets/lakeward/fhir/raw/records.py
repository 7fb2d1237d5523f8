"""What each record is: the envelope of a resource, or the reason why it is none.

Records are examined in columns, a block at a time, and only their envelopes are kept; the records
themselves are read again when they are written. Whether a whole file is FHIR at all, one document
or of a type that it should not hold is decided in `files`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeward.fhir.raw.lines import NOT_TEXT, TOO_LONG, UNREADABLE, Block, Part, blocks, spans
from lakeward.fhir.raw.shape_prefilter import path_condition, suspicion
from lakeward.fhir.raw.shapes import (
    LaxJsonError,
    Walks,
    known_names,
    mismatch,
    places,
    read_strictly,
)
from lakeward.lake.query import Connection
from lakeward.sqlonfhir.schema import WITHOUT_ID

REASONS = {
    "broken_json": "the record is not one JSON value",
    "not_an_object": "the record is JSON but not an object",
    "duplicate_key": "the object has a name twice, so that readers differ on what it says",
    "missing_resource_type": "the object has no resourceType",
    "illegal_resource_type": "resourceType is not the name of a type",
    "wrong_resource_type": "the resource is of another type than the file promises",
    "missing_id": "the resource has no id",
    "illegal_id": "id is not 1 to 64 letters, digits, hyphens and dots",
    "structure_mismatch": "an element has another shape than FHIR R4 says",
    NOT_TEXT: "the record is not UTF-8",
    TOO_LONG: "the record is longer than 64 MB; only its head is kept here",
    UNREADABLE: "the file ends, or is damaged, within or after this record",
}
"""Reason codes of quarantined records and what each says."""


def _text(value: str) -> str:
    """Give the text of a JSON string, NULL of other values; only escapes are worth a parser."""
    inner = f"if(contains({value}, '\\'), {value} ->> '$', {value}[2:-2])"
    return f"case when {value}[1] = '\"' then {inner} end"


_EXAMINE = rf"""
with parsed as (
    select
        *,
        cast(try(json_extract(
            content,
            ['$.resourceType', '$.id', '$.meta.versionId', '$.meta.lastUpdated', '$.meta.tag']
        )) as varchar[]) as found,
        case
            when opens then true
            else coalesce(regexp_matches(content, '^\s*\{{'), false)
        end as is_object
    from block
),
read as (
    select
        * exclude (found),
        found is null as is_broken,
        {_text("found[1]")} as resource_type,
        {_text("found[2]")} as own_id,
        coalesce(found[2] <> 'null', false) as has_id,
        coalesce({_text("found[3]")}, nullif(found[3], 'null')) as version_id,
        coalesce({_text("found[4]")}, nullif(found[4], 'null')) as last_updated_text,
        coalesce(contains(found[5], '"SUBSETTED"'), false) as is_subsetted
    from parsed
),
named as (
    select
        *,
        case
            when not has_id and resource_type in {WITHOUT_ID} then content_sha256 else own_id
        end as id
    from read
)
select
    received, line, byte_offset, byte_length, content_sha256, resource_type, id, version_id,
    last_updated_text, try_cast(last_updated_text as timestamptz) as last_updated, is_subsetted,
    case
        when flaw is not null then flaw
        when is_broken then 'broken_json'
        when not is_object then 'not_an_object'
        when resource_type is null then 'missing_resource_type'
        when not regexp_matches(resource_type, '^[A-Z][A-Za-z]{{0,63}}$')
            then 'illegal_resource_type'
        when id is null then 'missing_id'
        when not regexp_matches(id, '^[A-Za-z0-9\-.]{{1,64}}$') then 'illegal_id'
    end as reason,
    cast(null as varchar) as detail,
    case
        when resource_type is not null then 'typed'
        when flaw = '{UNREADABLE}' then 'strong'
        when (is_broken or not is_object) and contains(content, '"resourceType"') then 'strong'
        when is_broken then if(is_object, 'weak', 'none')
        else 'plain'
    end as sign,
    hash(resource_type, id) as key,
    case
        when resource_type is not null and flaw is null
            then hash(resource_type, json_keys(content))
    end as shape,
    cast(null as varchar[]) as unknown_elements
from named
order by position
"""

HELD = 256 << 20
"""Bytes of records that are kept, so that they need not be read a second time."""

_COMPACT_AT = 16

_CODED = ("resource_type", "reason", "detail", "sign")
"""Columns with few different values, kept as codes."""


@dataclass(frozen=True)
class _Shape:
    """What the root of alike resources shows."""

    names: frozenset[str]
    repeated: bool
    unknown: tuple[str, ...]


@dataclass
class _Examiner:
    """Examines blocks; remembers the shapes that it has met, and the names in them by type."""

    connection: Connection
    walks: Mapping[str, Walks]
    shapes: dict[int, _Shape] = field(default_factory=dict)
    roots: dict[str, frozenset[str]] = field(default_factory=dict)

    def envelope(self, block: Block) -> pa.Table:
        """Give the envelopes of a block."""
        whole = block.envelope()
        self.connection.register("block", whole)
        envelope = self.connection.sql(_EXAMINE).to_arrow_table()
        self._meet_shapes(block, envelope)
        found = self._verdicts(block, envelope, whole.column("content"))
        envelope = _with_unknown(_with_verdicts(envelope, found), self.shapes)
        self.connection.unregister("block")
        for name in _CODED:
            index = envelope.schema.get_field_index(name)
            envelope = envelope.set_column(index, name, envelope.column(name).dictionary_encode())
        return envelope

    def _meet_shapes(self, block: Block, envelope: pa.Table) -> None:
        hashes = pc.unique(envelope.column("shape")).drop_null()
        new = [shape for shape in hashes.to_pylist() if shape not in self.shapes]
        first = pc.index_in(pa.array(new, pa.uint64()), envelope.column("shape")).to_pylist()
        for shape, position in zip(new, first, strict=True):
            kind = envelope.column("resource_type")[position].as_py()
            found = self._shape(kind, block.record(position).decode())
            self.shapes[shape] = found
            self.roots[kind] = self.roots.get(kind, frozenset()) | found.names

    def _shape(self, kind: str, text: str) -> _Shape:
        (names,) = self.connection.execute("select json_keys(?)", [text]).fetchall()[0]
        known = known_names(kind)
        unknown = tuple(sorted(set(names) - known)) if known else ()
        return _Shape(frozenset(names), len(set(names)) < len(names), unknown)

    def _verdicts(
        self, block: Block, envelope: pa.Table, contents: pa.ChunkedArray
    ) -> dict[int, tuple[str, str | None]]:
        """Give reason and detail of the records whose content is wrong, by position."""
        found: dict[int, tuple[str, str | None]] = {}
        shapes = envelope.column("shape").to_numpy(zero_copy_only=False)
        for shape in {s for s, one in self.shapes.items() if one.repeated}:
            found |= dict.fromkeys(
                np.flatnonzero(shapes == shape).tolist(), ("duplicate_key", None)
            )
        kinds = envelope.column("resource_type")
        for position in self._suspects(block, envelope, contents) - found.keys():
            verdict = self._look(block.record(position), kinds[position].as_py())
            if verdict:
                found[position] = verdict
        return found

    def _suspects(self, block: Block, envelope: pa.Table, contents: pa.ChunkedArray) -> set[int]:
        """Give the positions of resources whose shape is to be looked at."""
        kinds = pc.if_else(pc.is_null(envelope["reason"]), envelope["resource_type"], None)
        clean = pa.array(self._clean(block, kinds))
        found: set[int] = set()
        for kind in pc.unique(kinds).drop_null().to_pylist():
            walks = self.walks.get(kind, ())
            chosen = pc.equal(kinds, kind)
            for rows, condition in (
                (pc.and_(chosen, clean), path_condition(kind, walks, self.roots[kind])),
                (pc.and_not(chosen, clean), suspicion(kind, walks).anywhere),
            ):
                if condition and pc.any(rows).as_py():
                    found |= self._chosen(contents, rows, condition)
        return found

    def _clean(self, block: Block, kinds: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """Tell which records stand in a text of one type without any suspicious pattern."""
        clean, first = [], 0
        for piece in block.pieces:
            here = pc.unique(kinds.slice(first, len(piece))).drop_null().to_pylist()
            patterns = suspicion(here[0], self.walks.get(here[0], ())).patterns if here else ()
            good = len(here) == 1 and not any(piece.contains(pattern) for pattern in patterns)
            clean.append(np.full(len(piece), good))
            first += len(piece)
        return np.concatenate(clean)

    def _chosen(self, contents: pa.ChunkedArray, rows: pa.ChunkedArray, condition: str) -> set[int]:
        columns = {"position": np.arange(len(rows)), "content": contents, "chosen": rows}
        self.connection.register("chosen_records", pa.table(columns))
        query = f"select position from chosen_records where chosen and ({condition})"
        found = {row[0] for row in self.connection.execute(query).fetchall()}
        self.connection.unregister("chosen_records")
        return found

    def _look(self, content: bytes, kind: str) -> tuple[str, str | None] | None:
        try:
            record = read_strictly(content.decode())
        except LaxJsonError:
            return "broken_json", None
        found = mismatch(record, places(kind, self.walks.get(kind, ())), kind)
        return ("structure_mismatch", found) if found else None


@dataclass(frozen=True)
class Records:
    """What stands in files.

    Attributes:
        envelopes: Of all records, in their order.
        blocks: The records themselves; None when they were too much to keep.
    """

    envelopes: pa.Table
    blocks: tuple[Block, ...] | None


def examine(connection: Connection, parts: Sequence[Part], walks: Mapping[str, Walks]) -> Records:
    """Give the envelopes of all records of files, and the records while they are few.

    Args:
        connection: A scratch connection.
        parts: The files.
        walks: What views walk, by resource type: there the shape of a record is judged.
    """
    examiner = _Examiner(connection, walks)
    done: list[pa.Table] = []
    found: list[pa.Table] = []
    size = 0
    held: list[Block] | None = None
    if sum(part.path.stat().st_size for part in parts) <= HELD:  # what is packed may be more
        held = []
    for block in blocks(parts):
        found.append(examiner.envelope(block))
        if len(found) == _COMPACT_AT:
            done, found = [*done, _compact(found)], []
        size += block.size
        held = [*held, block] if held is not None and size <= HELD else None
    if not (done or found):
        found = [examiner.envelope(Block((spans(0, b"", []),)))]
    envelopes = pa.concat_tables([*done, _compact(found)] if found else done)
    return Records(envelopes.unify_dictionaries(), tuple(held) if held is not None else None)


def _compact(envelopes: Sequence[pa.Table]) -> pa.Table:
    """Copy envelopes to buffers of their size: DuckDB's own are up to twice as large."""
    return pa.concat_tables(envelopes).unify_dictionaries().combine_chunks()


def _with_verdicts(envelope: pa.Table, found: dict[int, tuple[str, str | None]]) -> pa.Table:
    """Enter reasons of records that have none."""
    found = {n: one for n, one in found.items() if envelope.column("reason")[n].as_py() is None}
    if not found:
        return envelope
    for index, name in enumerate(("reason", "detail")):
        values = envelope.column(name).to_pylist()
        for position, verdict in found.items():
            values[position] = verdict[index]
        at = envelope.schema.get_field_index(name)
        envelope = envelope.set_column(at, name, pa.array(values, pa.string()))
    return envelope


def _with_unknown(envelope: pa.Table, shapes: dict[int, _Shape]) -> pa.Table:
    """Enter the elements at the root that FHIR R4 does not have."""
    unknown = {shape: list(one.unknown) for shape, one in shapes.items() if one.unknown}
    seen = envelope.column("shape")
    if unknown and pc.any(pc.is_in(seen, pa.array(list(unknown), pa.uint64()))).as_py():
        values = [unknown.get(shape) for shape in seen.to_pylist()]
        at = envelope.schema.get_field_index("unknown_elements")
        envelope = envelope.set_column(
            at, "unknown_elements", pa.array(values, pa.list_(pa.string()))
        )
    return envelope.drop_columns(["shape"])
