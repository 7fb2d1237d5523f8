"""The data dictionary: every table of the lake with its columns, as a page for people.

It is read from the asset graph, so it says what the code says: views, segment specs, system tables
and contracts, those of a home among them. What a table means beyond its columns is not here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from lakeward.core.phi import Phi
from lakeward.core.settings import Settings
from lakeward.orchestration.definitions import build_defs

GROUPS: Mapping[str, str] = {
    "raw": "Records as delivered",
    "fhir": "FHIR, flattened",
    "hl7v2": "HL7 v2, flattened",
    "canonical": "Canonical store",
    "worklists": "Worklists",
    "metrics": "Metrics",
}
"""Group of assets to the title of its chapter, in the order of the page; others follow by name."""

PHI_CLASSES: Mapping[Phi, str] = {
    Phi.N: "nothing personal",
    Phi.LK: "linkage key",
    Phi.QI: "quasi-identifier, such as dates of a person",
    Phi.DI: "direct identifier",
    Phi.CS: "clinical and sensitive",
    Phi.SP: "specially protected, and any free text",
}

HEAD = """# Data dictionary

Every Delta table of the lake with its columns, in the order in which data flows. Generated from
the code; `make golden` writes it again. Columns under contract (canonical store, worklists,
metrics) keep their names until the contract's end of support.

PHI classes: {classes}.
"""

_SHARED_AT_LEAST = 3
"""A chapter lists columns once, not in each table, when all its tables share this many or more."""


@dataclass(frozen=True)
class _Table:
    """A table of the page: name, chapter, description, and columns as the asset graph has them."""

    name: str
    group: str
    description: str
    columns: tuple[dg.TableColumn, ...]


def data_dictionary(settings: Settings) -> str:
    """Return the page, in Markdown, of all tables that the project writes with these settings.

    Args:
        settings: Whose home may hold views, segments and sources of its own.
    """
    tables = sorted(_tables(settings), key=lambda table: table.name)
    groups = [*GROUPS, *sorted({table.group for table in tables} - GROUPS.keys())]
    classes = "; ".join(f"`{phi}` {means}" for phi, means in PHI_CLASSES.items())
    chapters = [_chapter(group, [t for t in tables if t.group == group]) for group in groups]
    return "\n".join([HEAD.format(classes=classes), *chapters])


def _tables(settings: Settings) -> Iterator[_Table]:
    graph = build_defs(settings).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        asset = graph.get(key)
        schema = asset.metadata.get("dagster/column_schema")
        if isinstance(schema, dg.TableSchema):  # a release or a file for a consumer has none
            yield _Table(
                name=key.to_user_string(),
                group=asset.group_name or "",
                description=asset.description or "",
                columns=tuple(schema.columns),
            )


def _chapter(group: str, tables: Sequence[_Table]) -> str:
    shared = _shared(tables)
    lines = [f"## {GROUPS.get(group, group)}", ""]
    if shared:
        lines += ["Every table of this chapter begins with:", "", *_rows(shared), ""]
    for table in tables:
        own = table.columns[len(shared) :]
        lines += [f"### {table.name}", "", table.description, "", *_rows(own), ""]
    return "\n".join(lines)


def _shared(tables: Sequence[_Table]) -> tuple[dg.TableColumn, ...]:
    """Return the first columns that all tables have alike; none when they are few."""
    # not strict: tables have different numbers of columns, and the shortest ends what can be shared
    first = [same[0] for same in zip(*(t.columns for t in tables), strict=False)]
    count = 0
    for column in first:
        if any(t.columns[count] != column for t in tables):
            break
        count += 1
    return tuple(first[:count]) if len(tables) > 1 and count >= _SHARED_AT_LEAST else ()


def _rows(columns: Sequence[dg.TableColumn]) -> list[str]:
    head = ["| column | type | PHI | meaning |", "|---|---|---|---|"]
    return head + [
        f"| `{c.name}` | {c.type.lower()} | {c.tags.get('phi', '')} | {_cell(c.description)} |"
        for c in columns
    ]


def _cell(text: str | None) -> str:
    """Return a description that does not end its cell or its line."""
    return " ".join((text or "").replace("|", "\\|").split())
