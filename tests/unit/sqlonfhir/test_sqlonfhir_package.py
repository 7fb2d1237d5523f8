"""The example in the docstring of the package is what it prints, and DuckDB runs it."""

import doctest

import lakeward.sqlonfhir
from lakeward.lake.query import connect


def example() -> doctest.DocTest:
    (found,) = [t for t in doctest.DocTestFinder().find(lakeward.sqlonfhir) if t.examples]
    return found


def test_the_example_prints_what_it_says() -> None:
    failed, tried = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example())
    assert (failed, tried) == (0, 5)


def test_the_example_runs() -> None:
    sql = example().examples[-1].want
    resource = '{"resourceType": "Patient", "id": "a", "active": true}'
    with connect() as connection:
        connection.execute("create table patients as select ? as resource", [resource])
        assert connection.execute(sql).fetchall() == [("a", True)]
