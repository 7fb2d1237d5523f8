"""Decimals keep their text, whatever a double makes of them."""

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as configured
from hypothesis import strategies as st

from lakeward.core.settings import Settings
from lakeward.fhir.flat.view_rows import flatten_views as flatten
from lakeward.fhir.raw.load import load
from lakeward.fhir.run_view import run_view
from lakeward.lake.query import connect, register_text_function
from lakeward.lake.tables import Lake
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import load_inventory
from lakeward.sqlonfhir.decimals import decimal_text, exact
from lakeward.sqlonfhir.structure import Node
from lakeward.sqlonfhir.viewdefinition import parse_view

TEXTS = ["7.0", "1e2", "0.10", "123456789012345678.9", "36.60", "-0.0", "-0", "0.00001", "5", "1.5"]
USED = Node(
    "Observation",
    children={
        "valueQuantity": Node("Quantity", children={"value": Node("decimal")}),
        "valueInteger": Node("integer"),
        "code": Node("CodeableConcept", as_json=True),
    },
)


def observation(text: str, name: str = "o1") -> str:
    return (
        f'{{"resourceType":"Observation","id":"{name}","status":"final",'
        f'"code":{{"text":"pH \\ud83d\\ude00"}},"valueQuantity":{{"value":{text},"unit":"1"}}}}'
    )


def parsed(record: str, used: Node = USED) -> Any:
    with connect() as connection:
        connection.execute("create temp table delivered as select ? as resource", [record])
        relation = exact(partial(register_text_function, connection), "delivered", used)
        query = f"select from_json(resource, ?) from {relation}"
        return connection.execute(query, [json.dumps(used.structure())]).fetchall()[0][0]


NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
)


@configured(max_examples=150, deadline=None)
@given(NUMBERS, st.sampled_from(["", " ", "\n"]))
def test_any_number_keeps_its_text(number: str, space: str) -> None:
    record = observation(f"{space}{number}{space}")
    assert parsed(record)["valueQuantity"]["value"] == number


def test_what_is_no_decimal_stays_as_it_is() -> None:
    record = '{"code":{"x":[1.50,1e400,true,null,12345678901234567890123]},"valueInteger":4.0,'
    record += '"valueQuantity":{"value":2.50,"value":3.50,"unit":1.10}}'
    plain = parsed(record, Node("Observation", children={"code": USED.children["code"]}))
    found = parsed(record)
    assert json.loads(found["code"])["x"][1:] == ["1e400", *json.loads(plain["code"])["x"][2:]]
    assert (found["valueInteger"], found["valueQuantity"]) == (4, {"value": "2.50"})


@pytest.mark.parametrize("record", ["{", "[" * 100_000 + "]" * 100_000, '{"a":"\\ud800"}', "5.50"])
def test_odd_records_do_no_harm(record: str) -> None:
    assert isinstance(decimal_text(record, USED), str)
    assert decimal_text(record, USED).encode()


def test_a_whole_number_longer_than_python_reads() -> None:
    digits = "9" * 5000
    assert parsed(observation(digits + ".10"))["valueQuantity"]["value"] == digits + ".10"
    rewritten = json.loads(decimal_text(observation(digits), USED))
    assert rewritten["valueQuantity"]["value"] == digits


def test_flat_tables_and_views_keep_the_text(settings: Settings, tmp_path: Path) -> None:
    lake = Lake(settings.home.lake)
    content = "\n".join(observation(text, f"o{n}") for n, text in enumerate(TEXTS))
    (tmp_path / "o.ndjson").write_text(content)
    source = load_inventory(settings.home).source("ehr_fhir")
    file = LedgerFile(source.name, 1, date(2026, 1, 5), "o.ndjson", "", len(content))
    load(lake, tmp_path, source, [file])
    flatten(lake)
    with connect(lake) as connection:
        query = "select value_quantity_value from fhir__observation order by line"
        assert [text for (text,) in connection.execute(query).fetchall()] == TEXTS
    value = {"name": "value", "path": "value.ofType(Quantity).value", "type": "decimal"}
    more = {"name": "more", "path": "value.ofType(Quantity).value > 6.99", "type": "boolean"}
    view = {"resource": "Observation", "name": "v", "select": [{"column": [value, more]}]}
    rows = run_view(parse_view(view, "v"), tmp_path / "o.ndjson").rows.to_pylist()
    assert [row["value"] for row in rows] == TEXTS
    assert [row["more"] for row in rows] == [float(text) > 6.99 for text in TEXTS]
