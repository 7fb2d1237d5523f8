"""Relations that are derived by SQL from tables of the lake, wherever in the package they stand.

A folder `<room>/relations/` holds one SQL file for each relation and a `relations.yaml`, which
lists what each reads. The folders are found by looking, so the lake names no table of a format:

    lakeward/fhir/relations/relations.yaml      fhir_version: {needs: [raw_fhir__resource], ...}
                            fhir_version.sql    select ... from {schema}.raw_fhir__resource
    lakeward/landing/relations/relations.yaml   ledger: {needs: [ledger_entry]}
                               ledger.sql

Tables are made in `tables`; relations are shown to a connection by `query`.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

import yaml
from pydantic import BaseModel, ConfigDict

_CATALOGUES = "*/relations/relations.yaml"


class ViewsByValue(BaseModel):
    """Views that each show the rows of a table with one value of a column.

    Attributes:
        table: Whose rows.
        column: Has few values, each a name such as `MedicationRequest`.
        prefix: Of the views' names; the value follows in snake case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    column: str
    prefix: str


class Relation(BaseModel):
    """One derived relation.

    Attributes:
        description: What it holds, with its grain.
        path: Its SQL. `{schema}` stands for the schema, `{<table>}` for a table that it uses.
        needs: Tables and relations without which it is not shown.
        uses: Tables that it reads if they exist, with the columns that it reads of each; one that
            does not exist counts as empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    path: Path
    needs: tuple[str, ...]
    uses: Mapping[str, Mapping[str, str]]

    def tables(self) -> frozenset[str]:
        """Return all tables behind it, also those behind the relations that it needs."""
        known = relations()
        below = [known[n].tables() if n in known else {n} for n in self.needs]
        return frozenset(self.uses).union(*below)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str
    needs: tuple[str, ...]
    uses: tuple[str, ...] = ()


class _Catalogue(BaseModel):
    """One `relations.yaml`: its relations, and the columns that they read of tables they use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    relations: Mapping[str, _Entry]
    columns: Mapping[str, Mapping[str, str]] = {}
    views_by_value: tuple[ViewsByValue, ...] = ()


@lru_cache(maxsize=1)
def relations() -> Mapping[str, Relation]:
    """Return all relations by name, each after those that it needs."""
    found = {
        name: Relation(
            description=entry.description,
            path=path.with_name(f"{name}.sql"),
            needs=entry.needs,
            uses={table: catalogue.columns[table] for table in entry.uses},
        )
        for path, catalogue in _catalogues().items()
        for name, entry in catalogue.relations.items()
    }
    order = TopologicalSorter({name: found[name].needs for name in sorted(found)}).static_order()
    return MappingProxyType({name: found[name] for name in order if name in found})


def views_by_value() -> tuple[ViewsByValue, ...]:
    """Return the views to make over single values of columns."""
    return tuple(each for c in _catalogues().values() for each in c.views_by_value)


def derived_views(shown: Collection[str], schema: str) -> Iterator[tuple[str, str]]:
    """Yield name and SQL of each relation that can be derived from the tables shown."""
    existing = set(shown)
    for name, relation in relations().items():
        if existing.issuperset(relation.needs):
            existing.add(name)
            yield name, _body(relation, existing, schema)


@lru_cache(maxsize=1)
def _catalogues() -> Mapping[Path, _Catalogue]:
    """Read every `relations.yaml`; the package has several roots, and each may hold rooms."""
    roots = import_module("lakeward").__path__
    paths = sorted({path for root in roots for path in Path(root).glob(_CATALOGUES)})
    return {
        path: _Catalogue.model_validate(yaml.safe_load(path.read_text("utf-8"))) for path in paths
    }


def _body(relation: Relation, existing: Collection[str], schema: str) -> str:
    # not `format`: the SQL holds braces of its own, in regular expressions such as `{1,64}`
    body = _text(relation.path).replace("{schema}", schema)
    for table, columns in relation.uses.items():
        body = body.replace(f"{{{table}}}", _reading(table, columns, existing, schema))
    return body


def _reading(table: str, columns: Mapping[str, str], existing: Collection[str], schema: str) -> str:
    if table in existing:
        return f'{schema}."{table}"'
    nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
    return f"(select * from (select {nulls}) where false)"


@lru_cache(maxsize=64)
def _text(path: Path) -> str:
    return path.read_text("utf-8")
