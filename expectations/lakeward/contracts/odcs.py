"""Turns `*.odcs.yaml` files into contracts and rejects a contract that promises too little.

Every error names the file, the element, what is wrong and what was expected. Rules are compiled in
`rules`; the file itself is read in `document`.
"""

import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakeward.contracts.document import read_document
from lakeward.contracts.list_terms import PROPERTIES, read_list_terms
from lakeward.contracts.model import Contract, ContractColumn
from lakeward.contracts.rules import compile_rules
from lakeward.contracts.service_levels import latency_of, needs_of, service_levels
from lakeward.core.errors import LakewardError, SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from open_data_contract_standard.model import (
        OpenDataContractStandard,
        SchemaObject,
        SchemaProperty,
        Team,
    )

SUFFIX = ".odcs.yaml"
PHI_CLASSES = ("N", "LK", "QI", "DI", "CS", "SP")
COMPUTED_AT_EXPORT = "action"
_VERSIONS = ("v3.1.0", "v3.2.0")
_STATUS = ("proposed", "draft", "active", "deprecated", "retired")
_STALENESS = ("block", "previous_day", "mark")
_LOGICAL_TYPES = (
    "string",
    "date",
    "timestamp",
    "time",
    "number",
    "integer",
    "object",
    "array",
    "boolean",
)
_CUSTOM = ("unit", "staleness", "consumer", "exportColumns", "exportFormats", *PROPERTIES)
# a table name is an identifier in SQL, a folder in the lake and an asset key: all three allow this
_TABLE_NAME = re.compile(r"[a-z][a-z0-9]*(__?[a-z0-9]+)*")


def contracts_folder() -> Path:
    """Return the folder of the contracts that ship with Lakeward: that of this module."""
    return Path(__file__).resolve().parent


def load_contracts(folder: Path | None = None) -> dict[str, Contract]:
    """Load every contract of a folder (default: the shipped ones) by table name, sorted."""
    return dict(_load(folder or contracts_folder()))


@cache
def _load(folder: Path) -> dict[str, Contract]:
    """Read once per process: every layer asks for contracts, and reading takes a quarter second."""
    found = [load_contract(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    # two lists in one folder would overwrite each other's manifest and `_READY`
    owners: dict[str, str] = {}
    for contract in found:
        if (
            contract.consumer
            and owners.setdefault(contract.consumer, contract.name) != contract.name
        ):
            raise SpecError(
                f"contract {contract.name}",
                f"its consumer {contract.consumer} has a list already",
                "one list per folder of the outbox",
                "name another folder, as `<consumer>/<list>`",
            )
    return {contract.name: contract for contract in found}


def check_contracts(folder: Path | None = None) -> list[str]:
    """List what is wrong with the contracts of a folder, one line a problem."""
    # all problems in one go: a reader mends a folder, not a line
    problems: list[str] = []
    contracts: dict[str, Contract] = {}
    for path in sorted((folder or contracts_folder()).glob(f"*{SUFFIX}")):
        try:
            contract = load_contract(path)
            contracts[contract.name] = contract
        except LakewardError as error:
            problems.append(str(error))
    return problems + list(_dangling_references(contracts))


def _dangling_references(contracts: dict[str, Contract]) -> "Iterator[str]":
    for contract in contracts.values():
        for rule in contract.rules:
            for read in rule.check.reads() if rule.check is not None else ():
                target = contracts.get(read.table or contract.name)
                if target is None or target.column(read.name) is None:
                    yield (
                        f"contract {contract.name}{SUFFIX}: rule {rule.id} refers to "
                        f"{read.table}.{read.name}; expected a column that a contract promises"
                    )


def load_contract(path: Path) -> Contract:
    """Load one file, whose name is `<table>.odcs.yaml`."""
    document = read_document(path)
    where = f"contract {path.name}"
    table = _table(where, path, document)
    custom = _custom(where, document)
    owner, owner_email = _team(where, document)
    about = document.description
    levels = service_levels(where, document)
    columns = tuple(_column(where, item) for item in table.properties or [])
    _one_of(where, "status", document.status, _STATUS)
    exported = _export_columns(where, custom, columns)
    return Contract(
        id=_need(where, "id", document.id),
        name=str(table.physicalName),
        version=_need(where, "version", document.version),
        domain=_need(where, "domain", document.domain),
        purpose=_need(where, "description.purpose", about and about.purpose),
        description=" ".join((table.description or "").split()),
        usage=str((about and about.usage) or ""),
        limitations=str((about and about.limitations) or ""),
        owner=owner,
        owner_email=owner_email,
        grain=_need(where, "dataGranularityDescription", table.dataGranularityDescription),
        unit=_need(where, "customProperties unit", custom.get("unit")),
        staleness=_one_of(where, "staleness", custom.get("staleness", "previous_day"), _STALENESS),
        consumer=str(custom.get("consumer", "")),
        export_columns=exported,
        export_formats=_export_formats(where, custom),
        columns=columns,
        rules=compile_rules(where, table),
        latency=latency_of(where, levels),
        needs=needs_of(where, document, has_consumer=bool(custom.get("consumer"))),
        retention=" ".join(levels.get("retention", ())).strip(),
        end_of_support=_end_of_support(where, levels),
        terms=read_list_terms(where, custom, exported, {column.name for column in columns}),
    )


def _table(where: str, path: Path, document: "OpenDataContractStandard") -> "SchemaObject":
    _one_of(where, "kind", document.kind, ("DataContract",))
    _one_of(where, "apiVersion", document.apiVersion, _VERSIONS)
    tables = document.schema_ or []
    if len(tables) != 1:
        raise SpecError(where, f"schema has {len(tables)} objects", "exactly one table")
    table = tables[0]
    _need(where, "schema name", table.name)
    name = _need(where, "schema physicalName", table.physicalName)
    if not _TABLE_NAME.fullmatch(name):
        raise SpecError(where, f"physicalName {name} is no table name", "lower_snake__case")
    # else two files could promise the same table, and which one counts would depend on their order
    if path.name != f"{name}{SUFFIX}":
        raise SpecError(where, f"physicalName is {name}", f"the file to be called {name}{SUFFIX}")
    if not table.properties:
        raise SpecError(where, "schema has no properties", "every column of the table")
    # the ODCS model accepts a column that is listed twice
    names = [item.name for item in table.properties]
    for double in sorted({str(name) for name in names if names.count(name) > 1}):
        raise SpecError(where, f"column {double} stands twice", "each column once")
    return table


def _column(where: str, item: "SchemaProperty") -> ContractColumn:
    where = f"{where} column {_need(where, 'column name', item.name)}"
    if item.physicalName not in (None, item.name):
        raise SpecError(where, "physicalName differs from name", "one name per column")
    if item.properties or item.map:
        raise SpecError(where, "nested properties cannot be compiled", "a flat column")
    if item.items and (item.items.quality or item.items.logicalTypeOptions or item.items.enum):
        raise SpecError(where, "rules on items cannot be compiled", "a sql rule on the table")
    physical = _need(where, "physicalType", item.physicalType)
    # `timezone: true` promises an instant, and only this type is one
    zoned = (item.logicalTypeOptions or {}).get("timezone")
    if zoned is not None and zoned is not ("TIME ZONE" in physical.upper()):
        raise SpecError(where, "timezone and physicalType differ", "TIMESTAMP WITH TIME ZONE")
    return ContractColumn(
        name=str(item.name),
        physical_type=physical,
        logical_type=_one_of(where, "logicalType", item.logicalType, _LOGICAL_TYPES),
        phi=_one_of(where, "classification", item.classification, PHI_CLASSES),
        description=" ".join(_need(where, "description", item.description).split()),
        primary_key=bool(item.primaryKey),
    )


def _custom(where: str, document: "OpenDataContractStandard") -> dict[str, Any]:
    custom = {str(item.property): item.value for item in document.customProperties or []}
    for name in sorted(set(custom) - set(_CUSTOM)):
        raise SpecError(where, f"customProperty {name} is unknown", ", ".join(_CUSTOM))
    return custom


def _export_columns(
    where: str, custom: dict[str, Any], columns: tuple[ContractColumn, ...]
) -> tuple[str, ...]:
    listed = _names(where, custom, "exportColumns")
    promised = {column.name for column in columns} | {COMPUTED_AT_EXPORT}
    for name in listed:
        if name not in promised:
            raise SpecError(where, f"exportColumns names {name}", "columns of the table, once each")
    # a consumer without columns would be sent nothing, columns without
    # a consumer would reach nobody
    if bool(listed) is not bool(custom.get("consumer")):
        raise SpecError(where, "consumer and exportColumns go together", "both or neither")
    return listed


def _export_formats(where: str, custom: dict[str, Any]) -> tuple[str, ...]:
    """Read the names of formats; which there are is known to `worklists`, which checks them."""
    formats = _names(where, custom, "exportFormats")
    if formats and not custom.get("consumer"):
        raise SpecError(where, "exportFormats without a consumer", "a consumer, or no formats")
    return formats


def _names(where: str, custom: dict[str, Any], key: str) -> tuple[str, ...]:
    listed = custom.get(key, [])
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise SpecError(where, f"{key} is no list of names", "[first, second]")
    for name in listed:
        if listed.count(name) > 1:
            raise SpecError(where, f"{key} names {name} twice", "each name once")
    return tuple(listed)


def _team(where: str, document: "OpenDataContractStandard") -> tuple[str, str]:
    team = document.team
    if team is None or isinstance(team, list) or not team.name:
        raise SpecError(where, "no team", "team: {name: <team>, members: [...]}")
    if not re.fullmatch(r"[a-z0-9-]+", team.name):
        raise SpecError(where, f"team {team.name} is no slug", "lower-case-with-dashes")
    return f"team:{team.name}", _owner_email(team)


def _owner_email(team: "Team") -> str:
    owners = [member.username for member in team.members or [] if member.role == "owner"]
    return str(owners[0]) if owners else ""


def _end_of_support(where: str, levels: dict[str, tuple[str, str]]) -> date:
    try:
        return date.fromisoformat(levels["endOfSupport"][0])
    except (KeyError, ValueError):
        raise SpecError(
            where, "no endOfSupport date", "slaProperties endOfSupport: 'YYYY-MM-DD'"
        ) from None


def _need(where: str, name: str, value: object) -> str:
    if value is None or not str(value).strip():
        raise SpecError(where, f"{name} is missing", "a value")
    return str(value)


def _one_of(where: str, name: str, value: object, allowed: tuple[str, ...]) -> str:
    if value in allowed:
        return str(value)
    raise SpecError(where, f"{name} is {value or 'missing'}", f"one of {', '.join(allowed)}")
