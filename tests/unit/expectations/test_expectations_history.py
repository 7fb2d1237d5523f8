"""Quality history: what is recorded, what it means over time, how the page says it."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from lakeward.contracts import Contract
from lakeward.expectations.history import (
    NightlyResult,
    newest_result,
    nightly_results,
    record_results,
)
from lakeward.expectations.no_effect import NoEffect
from lakeward.expectations.quality_page import quality_html, render_quality_history
from lakeward.expectations.rule_results import UnitResult
from lakeward.expectations.run import check_table
from lakeward.expectations.trend import ResultChange, failing, odd_volume, result_changes, volumes
from lakeward.lake.query import Connection
from lakeward.lake.tables import Lake

DAY = date(2026, 11, 22)
Make = Callable[..., Contract]


def _night(days: int, rule: str, passed: bool, **more: object) -> NightlyResult:
    values: dict[str, object] = {
        "unit": "canonical",
        "table": "canonical__demo",
        "dimension": "completeness",
        "severity": "error",
        "evaluated": 10,
        "unexpected": 0 if passed else 3,
        **more,
    }
    return NightlyResult(day=DAY + timedelta(days=days), rule_id=rule, passed=passed, **values)  # type: ignore[arg-type]


def test_results_are_recorded_and_read_back(
    connection: Connection, contract_of: Make, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "lake")
    assert newest_result(lake, "canonical") is None
    assert nightly_results(lake) == []
    contract = contract_of({"k": {"required": True}})
    first = check_table(connection, contract, run_id="r1", day=DAY)
    record_results(lake, [first], {"canonical__demo": 4})
    assert newest_result(lake, "canonical") == UnitResult(
        "canonical", {"canonical__demo": 4}, "1.0.0", ("canonical__demo.k.required",)
    )
    connection.execute("delete from canonical__demo where k is null")
    second = check_table(connection, contract, run_id="r1", day=DAY)
    write = record_results(lake, [second], {"canonical__demo": 5})
    assert write.rows == len(second.results)
    assert newest_result(lake, "canonical") == UnitResult(
        "canonical", {"canonical__demo": 5}, "1.0.0", ()
    )
    assert newest_result(lake, "worklist__demo") is None
    read = nightly_results(lake)
    assert [(n.rule_id, n.passed) for n in read] == [("columns", True), ("k.required", True)]
    assert [(n.evaluated, n.unexpected) for n in read] == [(4, 0), (9, 0)]


def test_only_the_last_nights_are_read(
    connection: Connection, contract_of: Make, tmp_path: Path
) -> None:
    lake = Lake(tmp_path / "lake")
    contract = contract_of()
    for number in range(4):
        day = DAY + timedelta(days=number)
        found = check_table(connection, contract, run_id=f"r{number}", day=day)
        record_results(lake, [found], {"canonical__demo": number})
    assert [n.day.day for n in nightly_results(lake, last=2)] == [24, 25]


def test_what_changed_since_the_night_before() -> None:
    history = [
        _night(0, "a", passed=True),
        _night(0, "b", passed=False),
        _night(0, "c", passed=True),
        _night(0, "gone", passed=True),
        _night(1, "a", passed=False),
        _night(1, "b", passed=True),
        _night(1, "c", passed=True),
        _night(1, "new", passed=False),
        _night(1, "new_and_fine", passed=True),
    ]
    table = "canonical__demo"
    assert result_changes(history) == [
        ResultChange(table, "a", "broken"),
        ResultChange(table, "b", "mended"),
        ResultChange(table, "gone", "no longer checked"),
        ResultChange(table, "new", "new and broken"),
    ]
    assert result_changes(history[:4]) == []


def test_failing_since_the_first_night_of_the_unbroken_row() -> None:
    history = [
        _night(0, "a", passed=False),
        _night(1, "a", passed=True),
        _night(2, "a", passed=False),
        _night(2, "w", passed=False, severity="warning"),
        _night(3, "a", passed=False),
        _night(3, "w", passed=False, severity="warning"),
        _night(3, "fine", passed=True),
    ]
    assert [(f.now.rule_id, f.since) for f in failing(history)] == [
        ("a", DAY + timedelta(days=2)),
        ("w", DAY + timedelta(days=2)),
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([100, 101, 99, 100, 102], ""),
        ([100, 101, 99, 100, 0], "fewer rows than usual (0, usually 100)"),
        ([100, 101, 99, 100, 250], "more rows than usual (250, usually 100)"),
        ([100, 0], ""),
        ([0, 0, 0, 0, 2], ""),
    ],
)
def test_odd_volumes_are_said_in_words(rows: list[int], said: str) -> None:
    history = [
        _night(number, "a", passed=True, evaluated=count) for number, count in enumerate(rows)
    ]
    assert odd_volume(volumes(history, "canonical__demo")) == said


def test_the_page_says_what_a_reviewer_asks(contract_of: Make, tmp_path: Path) -> None:
    contract = contract_of({"k": {"required": True}})
    page = tmp_path / "data_docs/validations/canonical__demo/2026-11-23__r/20261124T010203Z"
    page.mkdir(parents=True)
    (page / "canonical__demo.html").touch()
    history = [
        _night(0, "columns", passed=True),
        _night(0, "k.required", passed=True),
        _night(1, "columns", passed=True),
        _night(1, "k.required", passed=False),
    ]
    html = quality_html(history, {contract.name: contract}, tmp_path)
    assert "1 blocking and 0 other rules are broken" in html
    assert "Every row has a value for k." in html
    assert "<td>2026-11-23</td><td>demo-team</td>" in html
    assert "../data_docs/validations/canonical__demo/2026-11-23__r/" in html
    assert "3 of 10" in html
    assert "http:" not in html
    assert "https:" not in html
    assert "<script" not in html


def test_the_page_counts_records_without_effect(contract_of: Make, tmp_path: Path) -> None:
    contract = contract_of()
    lost = ("adt_hl7", "ADT^A03", "record", "visit_not_found", 414, False, "source", "finds none")
    old = ("ehr_fhir", "Patient", "record", "superseded_version", 20, True, "", "a later one")
    counts = [NoEffect(*lost), NoEffect(*old)]
    html = quality_html([_night(0, "columns", True)], {contract.name: contract}, tmp_path, counts)
    assert "<td>finds none<small>visit_not_found</small></td>" in html
    assert "<td class=n>414</td><td>source</td>" in html
    assert "As it should be: 20" in html
    assert "Records without effect" not in quality_html(
        [_night(0, "columns", True)], {contract.name: contract}, tmp_path
    )


def test_the_page_of_an_empty_history_says_so(tmp_path: Path) -> None:
    page = render_quality_history(Lake(tmp_path / "lake"), tmp_path / "site")
    assert "No contract has been checked yet" in page.read_text(encoding="utf-8")
