"""A contract over one small table, made in the test."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakeward.contracts import Contract, load_contract
from lakeward.lake.query import Connection, connect

DAY = date(2026, 11, 22)


@pytest.fixture
def contract_of(tmp_path: Path) -> Callable[..., Contract]:
    """Make a contract on `canonical__demo(k VARCHAR, n BIGINT, at DATE, tags VARCHAR[])`."""

    def make(columns: dict[str, dict[str, Any]] | None = None, **table: Any) -> Contract:
        kinds = {
            "k": ("string", "VARCHAR"),
            "n": ("integer", "BIGINT"),
            "at": ("date", "DATE"),
            "tags": ("array", "VARCHAR[]"),
        }
        properties = [
            {
                "name": name,
                "logicalType": logical,
                "physicalType": physical,
                "classification": "N",
                "description": f"Column {name}.",
                **(columns or {}).get(name, {}),
            }
            for name, (logical, physical) in kinds.items()
        ]
        document = {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "canonical-demo",
            "version": "1.0.0",
            "status": "active",
            "domain": "demo",
            "description": {"purpose": "To be checked.", "limitations": "Not for billing."},
            "team": {"name": "demo-team"},
            "schema": [
                {
                    "name": "demo",
                    "physicalName": "canonical__demo",
                    "dataGranularityDescription": "One row per k.",
                    "properties": properties,
                    **table,
                }
            ],
            "slaProperties": [{"property": "endOfSupport", "value": "2030-01-01"}],
            "customProperties": [{"property": "unit", "value": "canonical"}],
        }
        path = tmp_path / "canonical__demo.odcs.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return load_contract(path)

    return make


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A database with `canonical__demo` (ten rows, some of them odd) and `canonical__other`."""
    with connect() as opened:
        opened.execute(
            """
            create table canonical__demo (k varchar, n bigint, "at" date, tags varchar[]);
            insert into canonical__demo values
                ('a', 1, date '2026-01-01', ['x']),
                ('b', 2, date '2026-01-02', ['x', 'y']),
                ('c', 3, date '2026-01-03', []),
                ('c', 4, date '2026-01-04', ['z']),
                (null, 5, date '2026-01-05', null),
                ('', 6, null, ['x']),
                ('long-value', 7, null, ['x']),
                ('a', -1, date '1899-12-31', ['x']),
                ('d', null, date '2026-01-08', ['x']),
                ('e', 100, date '2026-01-09', ['x']);
            create table canonical__other (k varchar);
            insert into canonical__other values ('a'), ('b'), ('c'), ('');
            """
        )
        yield opened
