"""Third-party exports and batches pass the whole night."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from lakeward.core.settings import Settings, load_settings
from lakeward.lake.query import connect
from lakeward.lake.release import history
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import land
from lakeward.orchestration.nightly import Night, run_day

DAY = date(2024, 1, 15)


@pytest.fixture(scope="module")
def night(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Night]:
    settings = load_settings(tmp_path_factory.mktemp("thirdparty") / "home")
    exports = sorted((shared / "fhir/synthea-100-patients").glob("*.ndjson"))
    land(settings.home.landing, "ehr_fhir", exports, DAY)
    stream = shared / "hl7v2/simhospital-small/small.stream.hl7"
    land(settings.home.landing, "adt_hl7", [stream], DAY)
    return settings, run_day(settings, DAY)


def test_everything_found_is_stored_duplicate_or_quarantined(
    night: tuple[Settings, Night],
) -> None:
    with connect(Lake(night[0].home.lake)) as connection:
        found = connection.execute(
            "select source, cast(sum(found) as bigint),"
            " cast(sum(stored + duplicate + quarantined) as bigint)"
            " from ledger group by source order by source"
        ).fetchall()
    assert found == [("adt_hl7", 1771, 1771), ("ehr_fhir", 38472, 38472)]


@pytest.mark.parametrize(
    "table", ["canonical__patient", "canonical__visit", "canonical__visit_event"]
)
def test_both_formats_reach_the_canonical_store(night: tuple[Settings, Night], table: str) -> None:
    with connect(Lake(night[0].home.lake)) as connection:
        systems = connection.execute(
            f'select distinct source_system from "{table}" order by 1'
        ).fetchall()
    assert {("adt_hl7",), ("ehr_fhir",)} <= set(systems)


def test_all_contracts_are_evaluated(night: tuple[Settings, Night]) -> None:
    settings, outcome = night
    assert not outcome.failures or outcome.broken  # a result, never a crash
    with connect(Lake(settings.home.lake)) as connection:
        checked = connection.execute('select distinct "table" from quality_result').fetchall()
    units = {release.unit for release in history(Lake(settings.home.lake))}
    assert "canonical" in units
    assert len(checked) >= 14
    shutil.rmtree(settings.home.work, ignore_errors=True)
