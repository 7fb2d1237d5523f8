"""Relations are found by folder, in an order in which each comes after those that it needs."""

import re

import pytest

from lakeward.lake.query import connect
from lakeward.lake.relations import derived_views, relations, views_by_value

ALWAYS = {name for name, relation in relations().items() if not relation.needs}
"""Relations that models read whether or not there is a table behind them yet."""


def test_relations_of_every_room_are_found() -> None:
    rooms = {relation.path.parent.parent.name for relation in relations().values()}
    assert rooms >= {"fhir", "hl7v2", "landing"}
    assert all(relation.path.is_file() for relation in relations().values())


def test_every_sql_file_beside_a_catalogue_is_listed_in_it() -> None:
    folders = {relation.path.parent for relation in relations().values()}
    files = {path for folder in folders for path in folder.glob("*.sql")}
    assert files == {relation.path for relation in relations().values()}


def test_each_comes_after_those_it_needs() -> None:
    names = list(relations())
    for position, relation in enumerate(relations().values()):
        needed = [names.index(name) for name in relation.needs if name in names]
        assert all(place < position for place in needed)


@pytest.mark.parametrize("name", relations())
def test_the_sql_reads_what_the_catalogue_lists(name: str) -> None:
    relation = relations()[name]
    sql = re.sub(r"--[^\n]*", "", relation.path.read_text("utf-8"))
    assert set(re.findall(r"\{schema\}\.(\w+)", sql)) == set(relation.needs)
    assert set(re.findall(r"\{([a-z]\w*)\}", sql)) - {"schema"} == set(relation.uses)


def test_what_is_behind_a_relation_are_tables() -> None:
    assert relations()["fhir_current"].tables() >= {"raw_fhir__resource", "raw_fhir__repeat"}
    for relation in relations().values():
        assert not relation.tables() & relations().keys()


def test_a_table_that_is_missing_counts_as_empty() -> None:
    shown = dict(derived_views(["hl7v2_repeat"], "main"))
    assert set(shown) == {"hl7v2_repeat_count", *ALWAYS}
    shown = dict(derived_views(["ledger_entry", "raw_fhir__resource"], "main"))
    assert "load_completeness" in shown
    assert "where false" in shown["load_completeness"]


def test_views_by_value_are_over_tables_that_relations_know() -> None:
    tables = set().union(*(relation.tables() for relation in relations().values()))
    assert {views.table for views in views_by_value()} <= tables


def test_relations_are_shown_to_a_connection(lake) -> None:
    with connect(lake) as connection:
        assert {name for (name,) in connection.execute("show tables").fetchall()} == ALWAYS
