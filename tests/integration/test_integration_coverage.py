"""`docs/reference/coverage.md`: which canonical columns real feeds fill, and why some stay empty.

To write the page again: `make golden`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from coverage_of_columns import Fill, fills, page, reasons, unexplained

from lakeward.lake.query import connect
from lakeward.lake.tables import Lake

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "coverage.md"
Fills = dict[tuple[str, str], Fill]


@pytest.fixture(scope="module")
def third_party(foreign: Path) -> Fills:
    with connect(Lake(foreign / "lake")) as connection:
        return fills(connection)


@pytest.fixture(scope="module")
def demo(finished: Path) -> Fills:
    with connect(Lake(finished / "lake")) as connection:
        return fills(connection)


@pytest.mark.slow
def test_no_column_says_nothing_in_both_without_a_reason(demo: Fills, third_party: Fills) -> None:
    assert unexplained(demo, third_party) == []


@pytest.mark.slow
def test_every_reason_is_of_a_column(demo: Fills) -> None:
    assert sorted(set(reasons()) - set(demo)) == []


@pytest.mark.slow
def test_the_page_says_what_was_measured(
    demo: Fills, third_party: Fills, golden: Callable[[Path, str], None]
) -> None:
    golden(PAGE, page(demo, third_party))
