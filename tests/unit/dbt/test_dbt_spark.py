"""Every model is one SQL for two engines: rendered for Spark it parses, without DuckDB functions.

No Spark runs here: that the rows are the same on both engines was measured, not tested.
"""

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dbt_rendering import MODELS, Renderer

OWN_FUNCTIONS = {"key_namespace"}
"""What a session defines itself."""
UNKNOWN_TO_SQLGLOT = {"weekday"}
"""Functions of Spark that the parser takes as any name."""


def _unknown_functions(sql: str) -> set[str]:
    [tree] = sqlglot.parse(sql, read="spark")
    assert isinstance(tree, exp.Query)
    return {call.name.lower() for call in tree.find_all(exp.Anonymous)}


@pytest.fixture(scope="module")
def spark() -> Renderer:
    return Renderer("spark", {"day": "2026-01-05", "as_of": "2026-01-06T05:00:00Z"})


@pytest.mark.parametrize("model", MODELS)
def test_a_model_rendered_for_spark_parses_and_calls_functions_of_spark(
    spark: Renderer, model: str
) -> None:
    assert _unknown_functions(spark.render(model)) <= OWN_FUNCTIONS | UNKNOWN_TO_SQLGLOT


def test_sql_of_duckdb_does_not_pass() -> None:
    duckdb = Renderer("duckdb", {})
    with pytest.raises(SqlglotError):
        _unknown_functions(duckdb.render("canonical__consent"))  # a list in brackets
    assert "to_minutes" in _unknown_functions(duckdb.render("stg_fhir__encounter"))
