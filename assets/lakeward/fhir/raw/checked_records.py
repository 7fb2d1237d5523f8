"""Which resource each record is, or the reason why it is rejected.

A block of records is checked in four steps, each for fewer records than the one before:

1. One SQL statement reads type, id and stamps of every record and finds what is no resource.
2. Records with the same names at their root are taken together, and the names of each group are
   looked at once: does one occur twice, are there any that R4 does not know?
3. `shape_prefilter` finds, in SQL too, the records that may have an element of another shape.
4. Those are read one by one in Python, and `shapes` decides.

Of each block the columns of `CheckedRecords.table` are kept, and the records themselves only while
they are few: else they are read again when they are written. Whether a whole file is FHIR at all,
one document, or of a type that it should not hold is decided in `file_kinds`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakeward.fhir.raw.file_bytes import TOO_FAR, TRUNCATED
from lakeward.fhir.raw.lines import TOO_LONG, TOO_MANY, UNREADABLE, FilePart, blocks
from lakeward.fhir.raw.record_blocks import LEVELS, NOT_TEXT, TOO_DEEP, Block, piece_of_spans
from lakeward.fhir.raw.shape_prefilter import build_prefilter, path_condition
from lakeward.fhir.raw.shapes import (
    LaxJsonError,
    Walks,
    checked_elements,
    find_mismatch,
    known_names,
    read_strictly,
)
from lakeward.lake.query import Connection
from lakeward.sqlonfhir.schema import WITHOUT_ID, is_known_resource

REASONS = {
    "broken_json": "the record is not one JSON value",
    "not_an_object": "the record is JSON but not an object",
    "duplicate_key": "the object has a name twice, so that readers differ on what it says",
    "missing_resource_type": "the object has no resourceType",
    "illegal_resource_type": "resourceType is not the name of a type of FHIR R4",
    "wrong_resource_type": "the resource is of another type than the file promises",
    "missing_id": "the resource has no id",
    "illegal_id": "id is not 1 to 255 letters, digits, hyphens and dots",
    "structure_mismatch": "an element has another shape than FHIR R4 says",
    NOT_TEXT: "the record is not UTF-8",
    TOO_LONG: "the record is longer than 64 MB; only its head is kept here",
    TOO_DEEP: f"objects and lists are nested deeper than {LEVELS} levels",
    TRUNCATED: "the file ends, or is damaged, within or after this record",
    TOO_FAR: "the file unfolds to over 200 times its size; what follows was not read",
    TOO_MANY: "the lines are too short for any resource; what follows was not read",
}
"""Reason codes of quarantined records and what each says."""


def _text(value: str) -> str:
    """Return SQL for the text of a JSON string, NULL for other values.

    The quotes are cut off; only a string with escapes is parsed, since that is slow.
    """
    inner = f"if(contains({value}, '\\'), {value} ->> '$', {value}[2:-2])"
    return f"case when {value}[1] = '\"' then {inner} end"


_CHECK_BLOCK = rf"""
with parsed as (
    -- `try`: NULL for text that is no JSON. A first byte that is a brace is the usual case and
    -- spares a regular expression.
    select
        *,
        cast(try(json_extract(
            content,
            ['$.resourceType', '$.id', '$.meta.versionId', '$.meta.lastUpdated', '$.meta.tag']
        )) as varchar[]) as found,
        case
            when starts_with_brace then true
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
identified as (
    -- a type that may stand without an id is stored under its hash
    select
        *,
        case
            when not has_id and resource_type in {WITHOUT_ID} then content_sha256 else own_id
        end as id,
        -- DuckDB also reads `infinity`, years before Christ and of six digits, at which the table
        -- writer ended the night. FHIR's years have four digits, of which 0000 is none.
        case
            when regexp_matches(last_updated_text, '^[0-9]{{4}}-[^(]*$')
                and not starts_with(last_updated_text, '0000')
                then try_cast(last_updated_text as timestamptz)
        end as instant
    from read
)
select
    received, line, byte_offset, byte_length, content_sha256, resource_type, id, version_id,
    last_updated_text, instant as last_updated, is_subsetted,
    case
        when flaw is not null then flaw
        when is_broken then 'broken_json'
        when not is_object then 'not_an_object'
        when resource_type is null then 'missing_resource_type'
        when not regexp_matches(resource_type, '^[A-Z][A-Za-z]{{0,63}}$')
            then 'illegal_resource_type'
        when id is null then 'missing_id'
        when not regexp_matches(id, '^[A-Za-z0-9\-.]{{1,255}}$') then 'illegal_id'
    end as reason,
    cast(null as varchar) as detail,
    -- what each sign means: `file_kinds._Look`
    case
        when resource_type is not null then 'typed'
        when flaw in {UNREADABLE} then 'strong'
        when (is_broken or not is_object) and contains(content, '"resourceType"') then 'strong'
        when is_broken then if(is_object, 'weak', 'none')
        else 'plain'
    end as sign,
    -- hashes: numbers are compared faster than texts, and two records with one hash cost only time
    hash(resource_type, id) as key,
    -- records with the same names in the same order have the same root
    case
        when resource_type is not null and flaw is null
            then hash(resource_type, json_keys(content))
    end as root,
    cast(null as varchar[]) as unknown_elements
from identified
order by position
"""

KEPT_BYTES = 256 << 20
"""Bytes of records that are kept in memory, so that they need not be read a second time."""

_COMPACT_AT = 16
"""Blocks after which their columns are copied together, see `_compact`."""

_CODED = ("resource_type", "reason", "detail", "sign")
"""Columns with few different values, kept as codes."""

Rejection = tuple[str, str | None]
"""Reason code of a rejected record, and what is wrong with it as far as that is known."""


@dataclass(frozen=True)
class _Root:
    """What the root of resources shows that all have the same names there.

    Attributes:
        names: The names.
        has_repeated_name: Whether one of them occurs twice.
        unknown: Those that FHIR R4 does not have.
    """

    names: frozenset[str]
    has_repeated_name: bool
    unknown: tuple[str, ...]


@dataclass
class _Checker:
    """Checks block after block.

    Attributes:
        connection: A scratch connection.
        walks: The names in the views' expressions, by resource type, see `shapes.Walks`.
        roots: The roots seen so far, by the hash of type and names (column `root`).
        names: The names seen so far at the roots of each type.
    """

    connection: Connection
    walks: Mapping[str, Walks]
    roots: dict[int, _Root] = field(default_factory=dict)
    names: dict[str, frozenset[str]] = field(default_factory=dict)

    def check(self, block: Block) -> pa.Table:
        """Return the checked records of a block, see `CheckedRecords.table`."""
        whole = block.to_table()
        self.connection.register("block", whole)
        records = self.connection.sql(_CHECK_BLOCK).to_arrow_table()
        self._add_roots(block, records)
        found = self._rejections(block, records, whole.column("content"))
        records = _with_unknown_elements(_with_rejections(records, found), self.roots)
        self.connection.unregister("block")
        for name in _CODED:
            index = records.schema.get_field_index(name)
            records = records.set_column(index, name, records.column(name).dictionary_encode())
        return records

    def _add_roots(self, block: Block, records: pa.Table) -> None:
        """Look at one record of each root not seen before: a day has a few dozen in all."""
        hashes = pc.unique(records.column("root")).drop_null()
        new = [root for root in hashes.to_pylist() if root not in self.roots]
        # the first record of each root stands for all of them
        first = pc.index_in(pa.array(new, pa.uint64()), records.column("root")).to_pylist()
        for root, position in zip(new, first, strict=True):
            kind = records.column("resource_type")[position].as_py()
            found = self._read_root(kind, block.record(position).decode())
            self.roots[root] = found
            # grows only: `path_condition` looks for names that were seen, at the
            # root of any earlier block too
            self.names[kind] = self.names.get(kind, frozenset()) | found.names

    def _read_root(self, kind: str, text: str) -> _Root:
        # json_keys keeps a name that occurs twice, where a Python dict would hide it
        (names,) = self.connection.execute("select json_keys(?)", [text]).fetchall()[0]
        known = known_names(kind)
        unknown = tuple(sorted(set(names) - known)) if known else ()
        return _Root(frozenset(names), len(set(names)) < len(names), unknown)

    def _rejections(
        self, block: Block, records: pa.Table, contents: pa.ChunkedArray
    ) -> dict[int, Rejection]:
        """Return the rejections of records whose content is wrong, by position in the block."""
        found: dict[int, Rejection] = self._of_unknown_type(records)
        roots = records.column("root").to_numpy(zero_copy_only=False)
        for root in {hash_ for hash_, one in self.roots.items() if one.has_repeated_name}:
            found |= dict.fromkeys(np.flatnonzero(roots == root).tolist(), ("duplicate_key", None))
        kinds = records.column("resource_type")
        for position in self._suspects(block, records, contents) - found.keys():
            rejection = self._check_exactly(block.record(position), kinds[position].as_py())
            if rejection:
                found[position] = rejection
        return found

    def _of_unknown_type(self, records: pa.Table) -> dict[int, Rejection]:
        """Return the rejections of resources whose type R4 does not have.

        A stored type becomes the name of a folder and of a view: whatever word stood there, a
        patient's name perhaps, would be in the paths of the lake.
        """
        kinds = pc.if_else(pc.is_null(records["reason"]), records["resource_type"], None)
        unknown = [k for k in pc.unique(kinds).drop_null().to_pylist() if not is_known_resource(k)]
        if not unknown:
            return {}
        chosen = pc.is_in(kinds, pa.array(unknown, pa.string())).to_numpy(zero_copy_only=False)
        return dict.fromkeys(np.flatnonzero(chosen).tolist(), ("illegal_resource_type", None))

    def _suspects(self, block: Block, records: pa.Table, contents: pa.ChunkedArray) -> set[int]:
        """Return the positions of resources whose shape needs an exact look."""
        kinds = pc.if_else(pc.is_null(records["reason"]), records["resource_type"], None)
        clean = pa.array(self._is_clean(block, kinds))
        found: set[int] = set()
        # In a clean piece no pattern is found, so only what patterns cannot see is looked for.
        for kind in pc.unique(kinds).drop_null().to_pylist():
            walks = self.walks.get(kind, ())
            chosen = pc.equal(kinds, kind)
            for rows, condition in (
                (pc.and_(chosen, clean), path_condition(kind, walks, self.names[kind])),
                (pc.and_not(chosen, clean), build_prefilter(kind, walks).condition),
            ):
                if condition and pc.any(rows).as_py():
                    found |= self._positions_where(condition, contents, rows)
        return found

    def _is_clean(self, block: Block, kinds: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
        """Return which records stand in a piece of one type without any suspicious pattern.

        A bulk export has one type in a file and nothing suspicious, so nearly all pieces are clean:
        a few searches through 16 MB instead of some for each record.
        """
        clean, first = [], 0
        for piece in block.pieces:
            here = pc.unique(kinds.slice(first, len(piece))).drop_null().to_pylist()
            patterns: tuple[str, ...] = ()
            if here:
                patterns = build_prefilter(here[0], self.walks.get(here[0], ())).patterns
            good = len(here) == 1 and not any(piece.contains(pattern) for pattern in patterns)
            clean.append(np.full(len(piece), good))
            first += len(piece)
        return np.concatenate(clean)

    def _positions_where(
        self, condition: str, contents: pa.ChunkedArray, rows: pa.ChunkedArray
    ) -> set[int]:
        """Return the positions of the given rows for whose content a condition is true."""
        columns = {"position": np.arange(len(rows)), "content": contents, "chosen": rows}
        self.connection.register("chosen_records", pa.table(columns))
        query = f"select position from chosen_records where chosen and ({condition})"
        found = {row[0] for row in self.connection.execute(query).fetchall()}
        self.connection.unregister("chosen_records")
        return found

    def _check_exactly(self, content: bytes, kind: str) -> Rejection | None:
        try:
            record = read_strictly(content.decode())
        except LaxJsonError:
            return "broken_json", None
        found = find_mismatch(record, checked_elements(kind, self.walks.get(kind, ())), kind)
        return ("structure_mismatch", found) if found else None


@dataclass(frozen=True)
class CheckedRecords:
    """What stands in files.

    Attributes:
        table: One row per record, in their order:
            received, line (1 is the first), byte_offset, byte_length: where it stands;
            content_sha256: hexadecimal hash of its bytes as delivered;
            resource_type, id, version_id, last_updated_text, last_updated (UTC), is_subsetted:
            what it states of itself;
            reason, detail: why it is rejected, NULL for a good one;
            sign: what it looks like, see `file_kinds._Look`;
            key: hash of type and id;
            unknown_elements: names at its root that R4 does not have.
        blocks: The records themselves; None when they were too much to keep.
    """

    table: pa.Table
    blocks: tuple[Block, ...] | None


def check_records(
    connection: Connection, parts: Sequence[FilePart], walks: Mapping[str, Walks]
) -> CheckedRecords:
    """Check all records of files; return them, too, while they are few.

    Args:
        connection: A scratch connection.
        parts: The files.
        walks: The names in the views' expressions, by resource type, see `shapes.Walks`: the shape
            of the elements that they name is checked.
    """
    checker = _Checker(connection, walks)
    done: list[pa.Table] = []
    found: list[pa.Table] = []
    size = 0
    kept: list[Block] | None = None
    # What is packed may be more, so the size is counted below as well.
    if sum(part.path.stat().st_size for part in parts) <= KEPT_BYTES:
        kept = []
    for block in blocks(parts):
        found.append(checker.check(block))
        if len(found) == _COMPACT_AT:
            done, found = [*done, _compact(found)], []
        size += block.size
        kept = [*kept, block] if kept is not None and size <= KEPT_BYTES else None
    if not (done or found):  # no records at all: an empty block gives the columns
        found = [checker.check(Block((piece_of_spans(0, b"", []),)))]
    table = pa.concat_tables([*done, _compact(found)] if found else done)
    return CheckedRecords(table.unify_dictionaries(), tuple(kept) if kept is not None else None)


def _compact(tables: Sequence[pa.Table]) -> pa.Table:
    """Copy tables to buffers of their size: DuckDB's own are up to twice as large."""
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _with_rejections(records: pa.Table, found: dict[int, Rejection]) -> pa.Table:
    """Enter reason and detail of records that have none; the first reason found stays."""
    found = {n: one for n, one in found.items() if records.column("reason")[n].as_py() is None}
    if not found:
        return records
    for index, name in enumerate(("reason", "detail")):
        values = records.column(name).to_pylist()
        for position, rejection in found.items():
            values[position] = rejection[index]
        at = records.schema.get_field_index(name)
        records = records.set_column(at, name, pa.array(values, pa.string()))
    return records


def _with_unknown_elements(records: pa.Table, roots: dict[int, _Root]) -> pa.Table:
    """Enter the elements at the root that FHIR R4 does not have, and drop the column `root`."""
    unknown = {root: list(one.unknown) for root, one in roots.items() if one.unknown}
    column = records.column("root")
    if unknown and pc.any(pc.is_in(column, pa.array(list(unknown), pa.uint64()))).as_py():
        values = [unknown.get(root) for root in column.to_pylist()]
        at = records.schema.get_field_index("unknown_elements")
        records = records.set_column(
            at, "unknown_elements", pa.array(values, pa.list_(pa.string()))
        )
    return records.drop_columns(["root"])
