"""`docs/reference/coverage.md`: which canonical columns real feeds fill, and why some stay empty.

To write the page again: `make golden`.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from coverage_of_columns import Fill, fills, page, reasons, unexplained

from lakeward.core.settings import load_settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import land
from lakeward.orchestration.nightly import run_day

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "coverage.md"
DAY = date(2024, 1, 15)
FOREIGN = {
    "ehr_fhir": ("fhir/synthea-100-patients/*.ndjson",),
    "adt_hl7": ("hl7v2/simhospital-small/*.hl7", "hl7v2/ms-fhir-converter/ADT*.hl7"),
    "scheduling_hl7": ("hl7v2/ms-fhir-converter/SIU*.hl7",),
    "orders_hl7": tuple(
        f"hl7v2/ms-fhir-converter/{kind}*.hl7" for kind in ("OM", "ORM", "ORU", "LAB", "REF", "MDM")
    ),
}
SPECIFICATION = "fhir/r4-spec-examples"

Fills = dict[tuple[str, str], Fill]


@pytest.fixture(scope="module")
def foreign(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Fills:
    settings = load_settings(tmp_path_factory.mktemp("foreign") / "home")
    for source, patterns in FOREIGN.items():
        paths = [path for pattern in patterns for path in sorted(shared.glob(pattern))]
        land(settings.home.landing, source, paths, DAY)
    # their files have the names of the others
    examples = tmp_path_factory.mktemp("examples")
    for path in sorted((shared / SPECIFICATION).glob("*.ndjson")):
        (examples / f"r4-{path.name}").write_bytes(path.read_bytes())
    land(settings.home.landing, "ehr_fhir", sorted(examples.iterdir()), DAY)
    run_day(settings, DAY)
    with connect(Lake(settings.home.lake)) as connection:
        return fills(connection)


@pytest.fixture(scope="module")
def demo(finished: Path) -> Fills:
    with connect(Lake(finished / "lake")) as connection:
        return fills(connection)


@pytest.mark.slow
def test_no_column_says_nothing_in_both_without_a_reason(demo: Fills, foreign: Fills) -> None:
    assert unexplained(demo, foreign) == []


@pytest.mark.slow
def test_every_reason_is_of_a_column(demo: Fills) -> None:
    assert sorted(set(reasons()) - set(demo)) == []


@pytest.mark.slow
def test_the_page_says_what_was_measured(
    demo: Fills, foreign: Fills, golden: Callable[[Path, str], None]
) -> None:
    golden(PAGE, page(demo, foreign))
