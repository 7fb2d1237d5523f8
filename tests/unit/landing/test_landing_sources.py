from datetime import UTC, date, datetime

import pytest

from lakeward.core.errors import SpecError, UsageError
from lakeward.core.settings import Settings
from lakeward.landing.sources import load_inventory


def test_the_packaged_inventory_names_four_sources(settings: Settings) -> None:
    inventory = load_inventory(settings.home)
    assert [s.name for s in inventory.sources] == [
        "ehr_fhir",
        "adt_hl7",
        "scheduling_hl7",
        "orders_hl7",
    ]


def test_the_cut_off_is_midnight_of_the_facility_in_winter_and_summer(settings: Settings) -> None:
    facility = load_inventory(settings.home).facility
    assert facility.cut_off(date(2026, 1, 5)) == datetime(2026, 1, 6, 5, tzinfo=UTC)
    assert facility.cut_off(date(2026, 7, 5)) == datetime(2026, 7, 6, 4, tzinfo=UTC)
    assert facility.today(datetime(2026, 1, 6, 4, 59, tzinfo=UTC)) == date(2026, 1, 5)


def test_an_unknown_source_is_reported_with_the_nearest_name(settings: Settings) -> None:
    with pytest.raises(UsageError, match="did you mean adt_hl7"):
        load_inventory(settings.home).source("adt_hl")


def test_a_home_has_its_own_inventory_and_its_errors_name_the_entry(settings: Settings) -> None:
    settings.home.root.mkdir(parents=True)
    (settings.home.root / "sources.yaml").write_text(
        "facility: {id: X, name: Y, time_zone: Mars/Base}\nsources: []\n"
    )
    with pytest.raises(SpecError, match=r"facility\.time_zone"):
        load_inventory(settings.home)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("facilities: [{id: X, name: Z, time_zone: UTC}]", "one id or code"),
        ("facilities: [{id: Z, name: Z, time_zone: UTC, codes: [X]}]", "one id or code"),
        ('facilities: [{id: "a\'b", name: Z, time_zone: UTC}]', r"facilities\.0\.id"),
    ],
)
def test_facilities_that_cannot_be_kept_apart_are_rejected(
    settings: Settings, more: str, problem: str
) -> None:
    settings.home.root.mkdir(parents=True)
    (settings.home.root / "sources.yaml").write_text(
        f"facility: {{id: X, name: Y, time_zone: UTC}}\n{more}\nsources: []\n"
    )
    with pytest.raises(SpecError, match=problem):
        load_inventory(settings.home)
