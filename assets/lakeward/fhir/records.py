"""What stands on each line: the envelope of a resource, or the reason why it is none.

Lines are examined in columns, a block at a time, and only their envelopes are kept, in a table
`record` of a scratch connection; the lines themselves are read again when they are written.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from lakeward.fhir.lines import Part, blocks, read_document
from lakeward.lake.query import Connection

REASONS = {
    "broken_json": "the line is not one JSON value",
    "not_an_object": "the line is JSON but not an object",
    "missing_resource_type": "the object has no resourceType",
    "illegal_resource_type": "resourceType is not the name of a type",
    "missing_id": "the resource has no id",
    "illegal_id": "id is not 1 to 64 letters, digits, hyphens and dots",
    "invalid_utf8": "the line is not UTF-8",
    "truncated_gzip": "the file ends, or is damaged, within or after this line",
}
"""Reason codes of quarantined lines and what each says."""

_CREATE = """
create or replace table record (
    received bigint, line bigint, byte_offset bigint, byte_length bigint, content_sha256 varchar,
    resource_type varchar, id varchar, version_id varchar, last_updated_text varchar,
    is_subsetted boolean, reason varchar, signs varchar
)
"""

_EXAMINE = r"""
insert into record
with parsed as (
    select
        *,
        try(json_extract(
            content,
            ['$.resourceType', '$.id', '$.meta.versionId', '$.meta.lastUpdated', '$.meta.tag']
        )) as found,
        coalesce(regexp_matches(content, '^\s*\{'), false) as is_object,
        coalesce(contains(content, '"resourceType"'), false) as names_type
    from block
),
read as (
    select
        * exclude (found, content),
        found is null as is_broken,
        case when json_type(found[1]) = 'VARCHAR' then found[1] ->> '$' end as resource_type,
        case
            when json_type(found[2]) = 'VARCHAR' then found[2] ->> '$'
            -- deletions and documents come in Bundles without an id; their content names them
            when found[2] is null and found[1] ->> '$' = 'Bundle' then content_sha256
        end as id,
        found[3] ->> '$' as version_id,
        found[4] ->> '$' as last_updated_text,
        coalesce(contains(found[5], '"SUBSETTED"'), false) as is_subsetted
    from parsed
)
select
    received, line, byte_offset, byte_length, content_sha256,
    resource_type, id, version_id, last_updated_text, is_subsetted,
    case
        when flaw is not null then flaw
        when is_broken then 'broken_json'
        when not is_object then 'not_an_object'
        when resource_type is null then 'missing_resource_type'
        when not regexp_matches(resource_type, '^[A-Z][A-Za-z]{0,63}$') then 'illegal_resource_type'
        when id is null then 'missing_id'
        when not regexp_matches(id, '^[A-Za-z0-9\-.]{1,64}$') then 'illegal_id'
    end,
    case
        when resource_type is not null then 'typed'
        when flaw = 'truncated_gzip' or (names_type and (is_broken or not is_object)) then 'strong'
        when is_broken then if(is_object, 'weak', 'none')
        else 'plain'
    end
from read
order by received, line
"""

_SIGNS = "select distinct received, signs from record where received >= ? and received <= ?"
"""What a file's lines look like: `typed` is FHIR, `strong` and `weak` may have been FHIR before
they broke, `plain` is JSON of another kind, `none` is text."""


@dataclass(frozen=True)
class Examined:
    """What kind of file it is: `loaded` or `ignored`, and whether it is one JSON document."""

    state: str = "loaded"
    document: bool = False


def examine(connection: Connection, parts: Sequence[Part]) -> dict[int, Examined]:
    """Put the envelopes of the files' lines into `record`; none of a file that is not FHIR at all.

    A log, licence or manifest beside the data has no resourceType on any line and is ignored. A
    file of nothing but broken JSON may have been data, so its lines stay and go to quarantine.
    """
    connection.execute(_CREATE)
    signs = _insert(connection, parts)
    documents = [
        replace(part, document=True)
        for part in parts
        if _may_be_document(signs[part.received]) and _is_json(connection, part.path)
    ]
    _forget(connection, [part.received for part in documents])
    signs.update(_insert(connection, documents))
    ignored = {received for received, seen in signs.items() if _is_foreign(seen)}
    _forget(connection, ignored)
    whole = {part.received for part in documents}
    return {
        part.received: Examined(
            "ignored" if part.received in ignored else "loaded", part.received in whole
        )
        for part in parts
    }


def _may_be_document(signs: set[str]) -> bool:
    return "typed" not in signs and bool({"weak", "strong"} & signs)


def _is_foreign(signs: set[str]) -> bool:
    unlikely = "weak" not in signs or "plain" in signs
    return bool(signs) and not {"typed", "strong"} & signs and unlikely


def _insert(connection: Connection, parts: Sequence[Part]) -> dict[int, set[str]]:
    """Add the records of files; give the signs that each file shows."""
    signs: dict[int, set[str]] = {part.received: set() for part in parts}
    for block in blocks(parts):
        connection.register("block", block.envelope())
        connection.execute(_EXAMINE)
        connection.unregister("block")
    if parts:
        for received, sign in connection.execute(_SIGNS, [min(signs), max(signs)]).fetchall():
            signs.get(received, set()).add(sign)
    return signs


def _forget(connection: Connection, received: Collection[int]) -> None:
    if received:
        connection.execute(
            "delete from record where received in (select unnest(?))", [list(received)]
        )


def _is_json(connection: Connection, path: Path) -> bool:
    """Whether a file of bounded size is one JSON value spread over lines."""
    content = read_document(path)
    if content is None:
        return False
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return bool(connection.execute("select json_valid(?)", [text]).fetchall()[0][0])


def with_content(connection: Connection, parts: Iterable[Part], query: str) -> Iterator[pa.Table]:
    """Run a query over each block of the files: a relation `block` of received, line, content."""
    for block in blocks(parts):
        connection.register("block", block.with_bytes())
        bounds = {"first": block.received[0], "last": block.received[-1]}
        result = connection.sql(query, params=bounds).to_arrow_table()
        connection.unregister("block")
        if result.num_rows:
            yield result
