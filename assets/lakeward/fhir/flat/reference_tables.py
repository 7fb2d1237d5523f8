"""All references of all resources, and what they may name by identifier.

Tables `fhir_reference` and `fhir_identifier`. Which elements are references comes from the FHIR
schema. A reference is one of eight kinds; what it names is resolved in `resolved_reference`, over
what is current. Columns of views that hold the id of a reference are in `sqlonfhir.references`.

Source: FHIR R4, References (2.3.0), "Reference Data Type".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lakeward.core.phi import Phi
from lakeward.fhir.flat.cross_type_tables import ORIGIN, CrossTypeTable, digest_of
from lakeward.lake.tables import Column, TableSpec
from lakeward.sqlonfhir.schema import elements
from lakeward.sqlonfhir.viewdefinition import ViewDefinition

REFERENCE = TableSpec(
    name="fhir_reference",
    description="References from stored resources, taken apart",
    grain="One row per reference of a stored version",
    partition_by=("resource_type",),
    columns=(
        *ORIGIN,
        Column("element", "VARCHAR", Phi.N, "Path of the element, without positions"),
        Column("ordinal", "BIGINT", Phi.N, "Position of its first repeating element, from 0"),
        Column(
            "kind",
            "VARCHAR",
            Phi.N,
            "relative, absolute, versioned, contained, urn, conditional, logical, display or"
            " malformed",
        ),
        Column("server_base", "VARCHAR", Phi.LK, "Server that an absolute reference names"),
        Column("target_type", "VARCHAR", Phi.LK, "Resource type that it names, whatever it says"),
        Column("target_id", "VARCHAR", Phi.LK, "Id that it names"),
        Column("identifier_system", "VARCHAR", Phi.LK, "System of the identifier that it names"),
        Column("identifier_value", "VARCHAR", Phi.DI, "The identifier that it names"),
        Column("is_contained", "BOOLEAN", Phi.N, "The resource contains what it names"),
    ),
)

IDENTIFIER = TableSpec(
    name="fhir_identifier",
    description="Identifiers of stored resources of types that references name by identifier",
    grain="One row per identifier of a stored version",
    partition_by=("resource_type",),
    columns=(
        *ORIGIN,
        Column("identifier_system", "VARCHAR", Phi.LK, "Identifier.system"),
        Column("identifier_value", "VARCHAR", Phi.DI, "Identifier.value"),
    ),
)

_ELSEWHERE = frozenset({"Extension", "Meta", "Narrative", "Resource"})
"""Types that are not walked: they are on every element, or hold resources of their own."""

_DEPTH = 5
"""Elements above a reference, at most: a bound that no type of the packaged views reaches."""

_ID = r"[A-Za-z0-9\-.]{1,255}"
_PLAIN = rf"(.*://.*/)?[A-Z][A-Za-z]+/{_ID}(/_history/{_ID})?"

# Whether a reference has a form is asked without groups and its parts are cut at the slashes:
# patterns with groups take twenty times as long.
_REFERENCES = rf"""
with trimmed as (
    select
        * exclude (contained_id),
        trim(reference) as text,
        regexp_full_match(trim(reference), '{_PLAIN}') as is_plain,
        contains(reference, '/_history/') as is_versioned,
        string_split(trim(reference), '/') as parts,
        string_split(regexp_extract(reference, '^[^?]*'), '/') as path,
        list_contains(contained_id, substr(reference, 2)) as is_held
    from {{rows}}
),
classified as (
    select
        *,
        case
            when is_plain and is_versioned then 'versioned'
            when is_plain and len(parts) > 2 then 'absolute'
            when is_plain then 'relative'
            when starts_with(text, '#') then 'contained'
            when starts_with(text, 'urn:uuid:') or starts_with(text, 'urn:oid:') then 'urn'
            when regexp_full_match(text, '(.*://.*/)?[A-Z][A-Za-z]+\?.+') then 'conditional'
            when text <> '' then 'malformed'
            when logical_value is not null then 'logical'
            when display is not null then 'display'
        end as kind
    from trimmed
),
targeted as (
    select
        *,
        case
            when kind = 'versioned' then parts[:-3]
            when kind in ('relative', 'absolute') then parts
            -- the type, and nothing where an id would be
            when kind = 'conditional' then list_append(path, '')
        end as target_path,
        case when kind = 'conditional' then
            -- a text that is no encoding of UTF-8 ended the night of all tables
            try(url_decode(regexp_extract(text, '[?&]identifier=([^&]*)', 1)))
        end as token
    from classified
)
select
    source, resource_type, id, received, line, element, ordinal, kind,
    case when len(target_path) > 2 then array_to_string(target_path[:-3], '/') end as server_base,
    case
        when target_path is not null then target_path[-2]
        when kind in ('urn', 'logical', 'display') then
            nullif(regexp_extract(type, '[A-Z][A-Za-z]+$'), '')
    end as target_type,
    case
        when kind = 'urn' then substr(text, if(starts_with(text, 'urn:uuid:'), 10, 9))
        else nullif(target_path[-1], '')
    end as target_id,
    case kind
        when 'conditional' then
            case when contains(token, '|') then split_part(token, '|', 1) end
        when 'logical' then logical_system
    end as identifier_system,
    case kind
        when 'conditional' then nullif(substr(token, position('|' in token) + 1), '')
        when 'logical' then logical_value
    end as identifier_value,
    kind = 'contained' and (text = '#' or coalesce(is_held, false)) as is_contained
from targeted
where kind is not null
"""


@lru_cache(maxsize=256)
def reference_paths(kind: str) -> tuple[tuple[str, str], ...]:
    """List the elements of a resource type that are references.

    Returns:
        The element, and the path of its first repeating part (empty when none repeats); both as
        FHIRPath, sorted.
    """
    return tuple(sorted(_paths(kind, (), (), "")))


def _paths(
    kind: str, seen: tuple[str, ...], chain: tuple[str, ...], repeating: str
) -> Iterator[tuple[str, str]]:
    for element in elements(kind).values():
        for type_ in element.choices or (element.type,):
            step = f"{element.name}.ofType({type_})" if element.choices else element.name
            path = (*chain, step)
            first = repeating or (".".join(path) if element.many else "")
            if type_ == "Reference":
                yield ".".join(path), first
            # `seen`: an item of a Questionnaire holds items, without end; see `nestings`
            elif type_ not in (*_ELSEWHERE, *seen) and len(chain) < _DEPTH:
                yield from _paths(type_, (*seen, type_), path, first)


@dataclass(frozen=True)
class Nesting:
    """An element whose items hold items of their own kind, without end.

    Attributes:
        element: Its path, as `item`.
        first: The first repeating element on the way to it; empty when none repeats.
        steps: Paths from an item to the items in it, as `item` and `answer.item`.
    """

    element: str
    first: str
    steps: tuple[str, ...]


@lru_cache(maxsize=256)
def nestings(kind: str) -> tuple[Nesting, ...]:
    """List the elements of a resource type that nest in themselves, sorted."""
    found: dict[tuple[str, str], set[str]] = {}
    for element, first, step in _nested(kind, {}, (), ""):
        found.setdefault((element, first), set()).add(step)
    return tuple(Nesting(*key, tuple(sorted(steps))) for key, steps in sorted(found.items()))


def _nested(
    kind: str, entered: Mapping[str, tuple[int, str]], chain: tuple[str, ...], repeating: str
) -> Iterator[tuple[str, str, str]]:
    """Yield where a type was entered, the first repeating element there, and a way back to it.

    Args:
        kind: Type whose elements are walked.
        entered: By type, the number of steps to where it was entered, and what repeats up to there.
        chain: The steps to here.
        repeating: The first repeating element on the way to here.
    """
    for element in elements(kind).values():
        path = (*chain, element.name)
        first = repeating or (".".join(path) if element.many else "")
        if element.type in entered:
            length, first_there = entered[element.type]
            yield ".".join(chain[:length]), first_there, ".".join(path[length:])
        # a reference is the end of the way, though its identifier has an assigner
        elif (
            not element.choices
            and element.type not in (*_ELSEWHERE, "Reference")
            and len(chain) < _DEPTH
        ):
            inner = {**entered, element.type: (len(path), first)}
            yield from _nested(element.type, inner, path, first)


def reference_table(types: Iterable[str]) -> CrossTypeTable:
    """Build the table of references from resources of some types."""
    # 1: to be raised when other elements are listed; they come from the schema, which is not hashed
    digest = digest_of(2, _REFERENCES)
    return CrossTypeTable(REFERENCE, frozenset(types), _references_of, _REFERENCES, digest)


def identifier_table(types: Iterable[str]) -> CrossTypeTable:
    """Build the table of identifiers of resources of some types."""
    select = "select * from {rows} where identifier_value is not null"
    digest = digest_of(1, select)
    return CrossTypeTable(IDENTIFIER, frozenset(types), _identifiers_of, select, digest)


@lru_cache(maxsize=256)
def _references_of(kind: str) -> ViewDefinition | None:
    paths = reference_paths(kind)
    branches = [_branch(path, first) for path, first in paths]
    branches += [
        _nested_branch(path, nesting)
        for nesting in nestings(kind)
        for path, _ in paths
        if path.startswith(f"{nesting.element}.")
    ]
    if not branches:
        return None
    # types such as Bundle contain nothing; `{}` is FHIRPath for nothing
    path = "contained.id" if "contained" in elements(kind) else "{}"
    contained = {**_column("contained_id", path, "id"), "collection": True}
    return ViewDefinition.model_validate(
        {
            "resource": kind,
            "name": f"references of {kind}",
            # a branch for each element, all in one view: then a resource is parsed only once
            "select": [{"column": [contained]}, {"unionAll": branches}],
        }
    )


def _columns(path: str) -> list[dict[str, Any]]:
    return [
        _column("element", f"'{path.replace('.ofType(Reference)', '')}'"),
        _column("reference", "reference"),
        _column("type", "type"),
        _column("logical_system", "identifier.system"),
        _column("logical_value", "identifier.value"),
        _column("display", "display"),
    ]


def _nested_branch(path: str, nesting: Nesting) -> dict[str, Any]:
    """Select what `_branch` selects, in the items below the first ones, at any depth.

    An item in an item has the element of the outer one, and the position of the outermost.
    """
    below = path.removeprefix(f"{nesting.element}.")
    ordinal = _column("ordinal", "%rowIndex", "integer")
    inner = {"forEach": below, "column": _columns(path)}
    if not nesting.first:
        repeat = {"repeat": list(nesting.steps), "column": [ordinal], "select": [inner]}
        return {"forEach": nesting.element, "select": [repeat]}
    repeat = {"repeat": list(nesting.steps), "select": [inner]}
    rest = nesting.element.removeprefix(nesting.first).removeprefix(".")
    if rest:
        repeat = {"forEach": rest, "select": [repeat]}
    return {"forEach": nesting.first, "column": [ordinal], "select": [repeat]}


def _branch(path: str, first: str) -> dict[str, Any]:
    columns = _columns(path)
    # in the first list on the way: it numbers the participant, or item, that refers to something
    ordinal = _column("ordinal", "%rowIndex", "integer")
    rest = path.removeprefix(first).removeprefix(".") if first else ""
    if not rest:
        return {"forEach": path, "column": [ordinal, *columns]}
    inner = {"forEach": rest, "column": columns}
    return {"forEach": first, "column": [ordinal], "select": [inner]}


def _column(name: str, path: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "path": path, "type": kind}


@lru_cache(maxsize=256)
def _identifiers_of(kind: str) -> ViewDefinition | None:
    found = elements(kind).get("identifier")
    if found is None or found.type != "Identifier":
        return None
    columns = [_column("identifier_system", "system"), _column("identifier_value", "value")]
    return ViewDefinition.model_validate(
        {
            "resource": kind,
            "name": f"identifiers of {kind}",
            "select": [{"forEach": "identifier", "column": columns}],
        }
    )
