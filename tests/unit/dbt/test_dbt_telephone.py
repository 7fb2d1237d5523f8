"""What a telephone number as people write it means as E.164: nothing where nobody can dial it."""

import duckdb
import pytest

from dbt_rendering import Renderer

WRITTEN = {
    "617-555-0132": "+16175550132",
    "(617)555-0132": "+16175550132",
    "617.555.0132": "+16175550132",
    "617/555-0132": "+16175550132",
    "617\u2011555\u20110132": "+16175550132",
    "1-617-555-0132": "+16175550132",
    "01(617)555-0132": "+16175550132",
    "+1 617 555 0132": "+16175550132",
    "TEL:617-555-0132": "+16175550132",
    "+44 (0)20 7946 0958": "+442079460958",
    "011 44 20 7946 0958": "+442079460958",
    # an extension is kept apart, whatever it is written with
    "+1 617 555 0132 x12": "+16175550132;ext=12",
    "(617)555-0132X12": "+16175550132;ext=12",
    "617-555-0132 ext. 12": "+16175550132;ext=12",
    "617-555-0132 extension 4": "+16175550132;ext=4",
    "617 555 0132 #12": "+16175550132;ext=12",
    "tel:+1-617-555-0132;ext=12": "+16175550132;ext=12",
    "6175550132,,12": "+16175550132;ext=12",
    # nobody guesses
    "": None,
    "none": None,
    "+": None,
    "x12": None,
    "555-0132": None,
    "617555O132": None,
    "000-000-0000": None,
    "9999999999": None,
    "61755501321": None,
    "+1 117 555 0132": None,
    "+1617555013212": None,
    "617 555 0132 x 1234567": None,
    "617 555 0132 p12": None,
    "617-555-0132 (home)": None,
    "0044 20 7946 0958": None,
    "617-555-0132 or 617-555-9132": None,
    "617-555-0132, 617-555-9132": None,
    "617-555-0132;617-555-9132": None,
    "617-555-0132/617-555-9132": None,
    "+1 617 555 0132/33": None,
    "+16175550132 +16175559132": None,
}


def _meant(written: str, calling_code: str) -> str | None:
    renderer = Renderer("duckdb", {})
    numbers = renderer.render_text("select e164 from {{ with_numbers('written') }} as numbers")
    with duckdb.connect() as connection:
        connection.execute("create table written (stated text, calling_code text)")
        connection.execute("insert into written values (?, ?)", [written, calling_code])
        ((found,),) = connection.sql(numbers).fetchall()
    return found


@pytest.mark.parametrize(("written", "meant"), WRITTEN.items())
def test_a_number_is_dialled_as_it_was_meant_or_not_at_all(written: str, meant: str | None) -> None:
    assert _meant(written, "1") == meant


@pytest.mark.parametrize(
    ("written", "calling_code", "meant"),
    [
        ("020 7946 0958", "44", "+442079460958"),
        ("0044 30 1234567", "44", "+44301234567"),
        ("030 1234567", "49", "+49301234567"),
        ("06 1234 5678", "39", "+390612345678"),
        ("617-555-0132", "44", None),
        ("617-555-0132", "", None),
        ("+1 617 555 0132", "", "+16175550132"),
        ("0123456789", "999", None),
    ],
)
def test_a_number_without_a_country_belongs_to_that_of_its_source(
    written: str, calling_code: str, meant: str | None
) -> None:
    assert _meant(written, calling_code) == meant


def test_a_source_has_the_calling_code_of_its_zone() -> None:
    zones = {"london": "Europe/London", "nowhere": "Etc/UTC"}
    renderer = Renderer("duckdb", {"time_zone": "America/New_York", "source_time_zones": zones})
    code = renderer.render_text(
        "select {{ calling_code_of('source') }} from (values ('london'), ('nowhere'), ('other'))"
        " as sources (source)"
    )
    with duckdb.connect() as connection:
        assert connection.sql(code).fetchall() == [("44",), ("",), ("1",)]
