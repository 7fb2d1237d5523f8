"""What dbt must list and the rest of the project knows: written by `lakeward contracts build`.

Places that would otherwise be kept by hand, and forgotten: which tables of the lake staging models
read and of which resource types, where code maps are used, which steps worklists
have, and the grain of staging models and steps. YAML of models under contract is generated in
`contracts.dbt_yaml`; the rest of `dbt_project/` is written by hand.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from lakeward.assets.formats import FORMATS
from lakeward.contracts import load_contracts
from lakeward.core.errors import SpecError
from lakeward.fhir.view_tables import packaged_views, table_name
from lakeward.lake.relations import relations
from lakeward.quarantine.withheld import WITHHELD

SOURCES = "models/staging/_lake__sources.yml"
STAGED_TYPES = "macros/staged_types.sql"
UNMAPPED_CODES = "models/canonical/canonical__unmapped_code.sql"
RECORD_EFFECTS = "models/intermediate/int__record_effect.sql"
SUPPRESSIONS = "models/worklists/worklist__suppression.sql"
CRITERIA = "models/worklists/worklist__criteria.sql"
STAGING = "models/staging/_staging__models.yml"
STEPS = "models/worklists/steps/_steps__models.yml"

_MADE_OF_OTHERS = frozenset(
    f"canonical__{name}"
    for name in [
        "bed",
        "bed_stay",
        "location",
        "master_file",
        "order",
        "patient",
        "patient_identifier",
        "patient_merge",
        "practitioner",
        "provider_availability",
        "queue",
        "queue_item",
        "referral_status",
        "visit",
        "visit_event",
        "wait_interval",
    ]
)
"""Tables whose rows are folded from statements and events, which name all their records."""

_SOURCE_CALL = re.compile(r"""\bsource\(\s*'lake'\s*,\s*'(\w+)'\s*\)""")
_LIST = r"(?<=\{{% set {name} = \[\n).*?(?=\] %\}})"
_GRAIN = re.compile(r"^-- Grain: (.*(?:\n-- .+)*)", re.MULTILINE)
_WIDEST = 110
"""Columns that sqlfluff allows in a line of SQL."""
_HEADER = "AUTO-GENERATED: do not edit; run `lakeward contracts build`."


def write_dbt_files(project: Path) -> list[Path]:
    """Write the generated files of a dbt project; return the paths of those that changed."""
    changed = []
    for path, text in _files(project).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def check_dbt_files(project: Path) -> list[str]:
    """List the generated files that differ from what they are made of, one line each."""
    return [
        f"{path.relative_to(project).as_posix()}: is not what it is generated from;"
        " run `lakeward contracts build`"
        for path, text in _files(project).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def _files(project: Path) -> dict[Path, str]:
    tables = _tables_read(project)
    unmapped, suppressions = project / UNMAPPED_CODES, project / SUPPRESSIONS
    effects, criteria = project / RECORD_EFFECTS, project / CRITERIA
    return {
        project / SOURCES: _sources(tables),
        project / STAGED_TYPES: _staged_types(tables),
        unmapped: _with_list(unmapped, "coded_columns", _code_map_uses(project)),
        effects: _with_list(effects, "row_tables", _row_tables()),
        suppressions: _with_list(suppressions, "candidates", _steps(project, "candidate")),
        criteria: _with_list(criteria, "considered", _steps(project, "criteria")),
        project / STAGING: _described_models(project / STAGING),
        project / STEPS: _described_models(project / STEPS),
    }


def _tables_read(project: Path) -> list[str]:
    """Return the tables and relations of the lake that models read, in order of their names."""
    # read from the text, as lineage is: dbt would have to parse the project
    # first, which needs this list
    files = (path for folder in ("models", "macros") for path in project.glob(f"{folder}/**/*.sql"))
    texts = (path.read_text(encoding="utf-8") for path in files)
    return sorted({name for text in texts for name in _SOURCE_CALL.findall(text)})


def _sources(tables: list[str]) -> str:
    """Return the YAML that declares the tables to dbt, with the words that describe them."""
    described = _descriptions()
    unknown = [name for name in tables if name not in described]
    if unknown:
        raise SpecError(
            "dbt sources",
            f"{', '.join(unknown)} is read by a model and no table of the lake",
            "a flat table, a raw table or a relation",
            "add the view or segment first",
        )
    source = {
        "name": "lake",
        "schema": "lake",
        "description": "Delta tables of the lake, one view each, pinned to the versions of a run.",
        "tables": [{"name": name, "description": described[name]} for name in tables],
    }
    document = {"version": 2, "sources": [source]}
    text = yaml.safe_dump(document, sort_keys=False, width=100, allow_unicode=True)
    return f"# {_HEADER}\n{text}"


@lru_cache(maxsize=1)
def _descriptions() -> Mapping[str, str]:
    """Return what describes each packaged table and each relation of the lake."""
    specs = [
        spec
        for each in FORMATS
        for spec in (each.raw, *each.beside, *each.flat_tables(None).tables)
    ]
    specs.append(WITHHELD)
    described = {s.name: f"{s.description.rstrip('.')}. {s.grain.rstrip('.')}." for s in specs}
    return described | {name: relation.description for name, relation in relations().items()}


def _staged_types(tables: list[str]) -> str:
    """Return the macro with the resource types that staging models read."""
    types = {table_name(view.name): view.resource for view in packaged_views()}
    names = sorted({types[table] for table in tables if table in types})
    listed = "".join(f"    '{name}'{',' if name != names[-1] else ''}\n" for name in names)
    return (
        f"{{#- {_HEADER} -#}}\n"
        "{#- Resource types that staging models read; `stg_fhir__version` and `stg_fhir__reference`"
        " hold these. -#}\n"
        f"{{% macro staged_types() -%}}\n(\n{listed})\n{{%- endmacro %}}\n"
    )


def _with_list(model: Path, name: str, entries: Iterable[Sequence[str]]) -> str:
    """Return the SQL of a model with the Jinja list of that name made of these entries."""
    listed = "".join(_tuple(*entry) for entry in entries)
    sql = model.read_text(encoding="utf-8")
    # a function, since a replacement text would have its backslashes read as escapes
    return re.sub(_LIST.format(name=name), lambda _: listed, sql, flags=re.DOTALL)


def _tuple(*items: str) -> str:
    line = f"    ({', '.join(items)}),\n"
    if len(line) <= _WIDEST + 1:
        return line
    return "    (\n" + "".join(f"        {item},\n" for item in items) + "    ),\n"


def _code_map_uses(project: Path) -> Iterator[Sequence[str]]:
    """Yield each use of a code map, as the YAML of the seeds says: map, model, its two columns."""
    seeds = yaml.safe_load((project / "seeds" / "_seeds.yml").read_text(encoding="utf-8"))
    for seed in seeds["seeds"]:
        meta: dict[str, Any] = seed.get("config", {}).get("meta", {})
        name = seed["name"].removeprefix("code_map_")
        for use in meta.get("uses", ()):
            yield f"'{name}'", f"ref('{use['model']}')", f"'{use['code']}'", f"'{use['mapped']}'"


def _row_tables() -> Iterator[Sequence[str]]:
    """Yield each canonical table whose rows alone name their records: effect, model, key column."""
    # by contract, so that the records of a new table have an effect without another line anywhere
    for contract in load_contracts().values():
        key = contract.primary_key
        if (
            contract.unit == "canonical"
            and contract.name not in _MADE_OF_OTHERS
            and len(key) == 1
            and contract.column("source_ref")
        ):
            effect = contract.name.removeprefix("canonical__")
            yield f"'{effect}'", f"ref('{contract.name}')", f"'{key[0]}'"


def _steps(project: Path, kind: str) -> Iterator[Sequence[str]]:
    """Yield each worklist that has a step of a kind, with the step: `int__<worklist>_<kind>`."""
    # by name, so that a new list has its suppressions counted without another line anywhere
    for path in sorted((project / STEPS).parent.glob(f"int__*_{kind}.sql")):
        worklist = path.stem.removeprefix("int__").removesuffix(f"_{kind}")
        yield f"'{worklist}'", f"ref('{path.stem}')"


def _described_models(target: Path) -> str:
    """Return the YAML of the models beside and below a file, by the grain that their SQL states."""
    models = []
    for path in sorted(target.parent.rglob("*.sql"), key=lambda model: model.stem):
        grain = _GRAIN.search(path.read_text(encoding="utf-8"))
        if grain is None:
            raise SpecError(
                path.name, "states no grain", "a first comment `-- Grain: one row per …`"
            )
        words = " ".join(grain[1].replace("\n-- ", " ").split())
        models.append({"name": path.stem, "description": words[0].upper() + words[1:]})
    text = yaml.safe_dump(
        {"version": 2, "models": models}, sort_keys=False, width=100, allow_unicode=True
    )
    return f"# {_HEADER}\n{text}"
