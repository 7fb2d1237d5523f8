"""Reading `*.odcs.yaml`: what a contract says arrives whole, what is wrong is rejected."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from lakeward.contracts import Contract, check_contracts, load_contract, load_contracts
from lakeward.contracts.odcs import contracts_folder
from lakeward.core.errors import SpecError

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: worklist-demo
version: 1.2.0
status: active
domain: patient_flow
description: {purpose: Whom to call., usage: Each morning., limitations: Local calls.}
team: {name: front-desk, members: [{username: desk@example.org, role: owner}]}
schema:
  - name: demo
    physicalName: worklist__demo
    dataGranularityDescription: One row per call.
    quality:
      - {id: some_rows, metric: rowCount, mustBeGreaterThan: 0}
    properties:
      - {name: row_id, logicalType: string, physicalType: VARCHAR, primaryKey: true,
         classification: N, description: The row.}
      - {name: phone, logicalType: string, physicalType: VARCHAR,
         classification: DI, description: Whom to call.}
slaProperties:
  - {property: latency, value: 24, unit: h}
  - {property: retention, value: 6, unit: y}
  - {property: endOfSupport, value: 2028-12-31}
customProperties:
  - {property: unit, value: worklist__demo}
  - {property: staleness, value: block}
  - {property: consumer, value: vendor}
  - {property: exportColumns, value: [row_id, action, phone]}
"""


CONSUMER = "  - {property: consumer, value: vendor}\n"


def _load(folder: Path, text: str = CONTRACT) -> Contract:
    path = folder / "worklist__demo.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


def test_a_contract_arrives_whole(tmp_path: Path) -> None:
    contract = _load(tmp_path)
    assert contract.name == "worklist__demo"
    assert contract.owner == "team:front-desk"
    assert (contract.usage, contract.limitations) == ("Each morning.", "Local calls.")
    assert contract.owner_email == "desk@example.org"
    assert contract.unit == "worklist__demo"
    assert contract.staleness == "block"
    assert contract.export_columns == ("row_id", "action", "phone")
    assert contract.end_of_support == date(2028, 12, 31)
    assert contract.latency == timedelta(hours=24)
    assert contract.primary_key == ("row_id",)
    assert contract.retention == "6 y"
    assert [(c.name, c.phi) for c in contract.columns] == [("row_id", "N"), ("phone", "DI")]
    assert [rule.id for rule in contract.rules] == [
        "columns",
        "some_rows",
        "primary_key",
        "row_id.required",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mustBeGreaterThan: 0", "mustBeGreaterThen: 0", "mustBeGreaterThen is no key"),
        ("version: 1.2.0\n", "version: 1.2.0\nversion: 1.3.0\n", "stands twice"),
        ("metric: rowCount", "metric: rowCounts", "metric rowCounts is unknown"),
        ("mustBeGreaterThan: 0", "mustBeGreaterThan: 0, mustBe: 1", "2 thresholds"),
        (", mustBeGreaterThan: 0", "", "0 thresholds"),
        ("id: some_rows, ", "", "without id"),
        ("classification: DI, ", "", "classification is missing"),
        ("classification: DI", "classification: PII", "classification is PII"),
        (", description: Whom to call.}\nsla", "}\nsla", "description is missing"),
        ("{purpose: Whom to call., usage", "{usage", "purpose is missing"),
        ("team: {name", "team: {description", "no team"),
        ("  - {property: endOfSupport, value: 2028-12-31}\n", "", "no endOfSupport"),
        ("value: 2028-12-31", "value: some day", "no endOfSupport date"),
        ("physicalName: worklist__demo", "physicalName: worklist__x", "to be called"),
        ("property: staleness", "property: stalenes", "customProperty stalenes is unknown"),
        ("action, phone]", "action, mrn]", "exportColumns names mrn"),
        ("  - {property: consumer, value: vendor}\n", "", "consumer and exportColumns"),
        (
            CONSUMER,
            f"{CONSUMER}  - {{property: exportRows, value: twice}}\n",
            "exportRows is unknown",
        ),
        (
            CONSUMER,
            f"{CONSUMER}  - {{property: exportRows, value: once}}\n",
            "no column listed_until",
        ),
        (
            CONSUMER,
            f"{CONSUMER}  - {{property: agingColumns, value: [age]}}\n",
            "no list of exported",
        ),
        (
            CONSUMER,
            f"{CONSUMER}  - {{property: madeAt, value: noon}}\n",
            "madeAt is no time of day",
        ),
        (CONSUMER, f"{CONSUMER}  - {{property: madeAt, value: '14:40'}}\n", "do not fit"),
        (
            CONSUMER,
            f"{CONSUMER}  - {{property: madeAt, value: '14:00'}}\n"
            "  - {property: cutOff, value: '14:01'}\n",
            "do not fit",
        ),
        ("name: phone,", "name: row_id,", "column row_id stands twice"),
        ("apiVersion: v3.1.0", "apiVersion: v2.0.0", "apiVersion is v2.0.0"),
        ("    properties:", "    columns:", "columns is no key"),
        ("value: 24, unit: h", "value: soon, unit: h", "latency is no number"),
        ("property: retention", "property: throughput", "property is throughput"),
        ("[row_id, action, phone]", "row_id", "exportColumns is no list of names"),
        ("[row_id, action", "[row_id, row_id, action", "exportColumns names row_id twice"),
        ("kind: DataContract", "kind: [", "valid YAML"),
    ],
)
def test_what_is_wrong_is_rejected(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in CONTRACT
    with pytest.raises(SpecError, match=r"contract worklist__demo\.odcs\.yaml") as error:
        _load(tmp_path, CONTRACT.replace(old, new, 1))
    assert said in str(error.value)


def test_codes_that_yaml_would_change_stay_as_written(tmp_path: Path) -> None:
    rule = "{id: known, metric: invalidValues, mustBe: 0, arguments: {validValues: [NO, ON, Y]}}"
    text = CONTRACT.replace("classification: DI", f"classification: DI, quality: [{rule}]")
    contract = _load(tmp_path, text)
    assert contract.rules[-1].check.values == ("NO", "ON", "Y")


def test_a_number_among_the_values_of_a_text_column_is_rejected(tmp_path: Path) -> None:
    rule = "{id: known, metric: invalidValues, mustBe: 0, arguments: {validValues: [01, 02]}}"
    text = CONTRACT.replace("classification: DI", f"classification: DI, quality: [{rule}]")
    with pytest.raises(SpecError, match="unquoted"):
        _load(tmp_path, text)


def test_a_reference_to_a_column_that_nobody_promises_is_reported(tmp_path: Path) -> None:
    _load(
        tmp_path,
        CONTRACT.replace(
            "classification: DI", "relationships: [{to: canonical__x.key}], classification: DI"
        ),
    )
    (problem,) = check_contracts(tmp_path)
    assert "phone.reference refers to canonical__x.key" in problem


def test_shipped_contracts_are_sound() -> None:
    assert check_contracts() == []
    assert list(load_contracts()) == sorted(load_contracts())


@pytest.mark.parametrize(
    "path", sorted(contracts_folder().glob("*.odcs.yaml")), ids=lambda p: p.name
)
def test_shipped_contracts_follow_the_json_schema_of_odcs(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    import yaml
    from open_data_contract_standard.model import OpenDataContractStandard

    schema = json.loads(OpenDataContractStandard.json_schema())
    validator = jsonschema.validators.validator_for(schema)(schema)
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(document)] == []


def test_text_of_records_is_never_classed_n() -> None:
    """Statistics of such columns stand in clear in the log of their table."""
    words = {"name", "phone", "display", "provider", "unit", "room", "bed", "label", "address"}
    plain = [
        f"{contract.name}.{column.name}"
        for contract in load_contracts().values()
        for column in contract.columns
        if column.phi == "N"
        and column.name.split("_")[-1] in words
        and column.physical_type == "VARCHAR"
    ]
    assert plain == []
