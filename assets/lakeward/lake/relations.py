"""Relations that are derived by SQL from tables of the lake: `relations/<name>.sql`.

Which tables each reads is told here; what it says is in its SQL. Tables are made in `tables`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

_RAW = "raw_fhir__resource"
_PLACE = {"source": "varchar", "received": "bigint", "line": "bigint"}
_IDENTITY = {**_PLACE, "resource_type": "varchar", "id": "varchar"}


@dataclass(frozen=True)
class Relation:
    """One derived relation.

    Attributes:
        needs: Tables, and relations before it, without which it is not shown.
        uses: Tables that it reads if they are there, with the columns that it reads of each;
            one that is not there counts as empty.
    """

    needs: tuple[str, ...]
    uses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def tables(self) -> frozenset[str]:
        """Give all tables behind it."""
        below = [RELATIONS[n].tables() if n in RELATIONS else {n} for n in self.needs]
        return frozenset(self.uses).union(*below)


_REPEAT = {
    "raw_fhir__repeat": {
        **_PLACE,
        "repeat_received": "bigint",
        "repeat_line": "bigint",
        "transaction_time": "timestamptz",
        "is_beside_another": "boolean",
    }
}
_DELETION = {
    "fhir__bundle_deletion": {
        **_PLACE,
        "id": "varchar",
        "content_sha256": "varchar",
        "url": "varchar",
    }
}
_DISCRIMINATOR = {"fhir_discriminator": {**_IDENTITY, "discriminator": "varchar"}}

RELATIONS: Mapping[str, Relation] = {
    "fhir_version": Relation((_RAW,), {**_REPEAT, **_DELETION, **_DISCRIMINATOR}),
    "resolved_reference": Relation(
        ("fhir_version",),
        {
            "fhir_reference": {
                **_IDENTITY,
                **dict.fromkeys(("element", "kind", "server_base"), "varchar"),
                **dict.fromkeys(("target_type", "target_id"), "varchar"),
                **dict.fromkeys(("identifier_system", "identifier_value"), "varchar"),
                "ordinal": "bigint",
                "is_contained": "boolean",
            },
            "fhir_identifier": {
                **_IDENTITY,
                **dict.fromkeys(("identifier_system", "identifier_value"), "varchar"),
            },
            "ledger_entry": {"source": "varchar", "server_base": "varchar"},
        },
    ),
    "unresolved_reference": Relation(("resolved_reference",)),
    "fhir_current": Relation(("fhir_version", _RAW)),
    "fhir_collision": Relation(("fhir_version", _RAW), {**_REPEAT, **_DELETION}),
    "hl7v2_repeat_count": Relation(("hl7v2_repeat",)),
    "ledger": Relation(("ledger_entry",)),
    "load_completeness": Relation(
        ("ledger", _RAW),
        {
            **_REPEAT,
            "export_file": {
                **dict.fromkeys(("source", "manifest", "export_group"), "varchar"),
                **dict.fromkeys(("kind", "resource_type", "file"), "varchar"),
                **dict.fromkeys(("revision", "promised"), "bigint"),
                "day": "date",
                "transaction_time": "timestamptz",
            },
        },
    ),
}
"""In an order in which each comes after those it needs."""


def derived_views(shown: Collection[str], schema: str) -> Iterator[tuple[str, str]]:
    """Give name and SQL of each relation that can be derived from the tables shown."""
    there = set(shown)
    for name, relation in RELATIONS.items():
        if there.issuperset(relation.needs):
            there.add(name)
            yield name, _body(name, relation, there, schema)


def _body(name: str, relation: Relation, there: Collection[str], schema: str) -> str:
    body = _text(name).replace("{schema}", schema)
    for table, columns in relation.uses.items():
        body = body.replace(f"{{{table}}}", _reading(table, columns, there, schema))
    return body


def _reading(table: str, columns: Mapping[str, str], there: Collection[str], schema: str) -> str:
    if table in there:
        return f'{schema}."{table}"'
    nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())
    return f"(select * from (select {nulls}) where false)"


@lru_cache(maxsize=64)
def _text(name: str) -> str:
    return resources.files("lakeward.lake").joinpath(f"relations/{name}.sql").read_text("utf-8")
