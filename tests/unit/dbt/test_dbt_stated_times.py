"""Times that resources state are read with their precision, in the zone of their source."""

from datetime import UTC, datetime

import duckdb
import pytest

from dbt_rendering import Renderer

NEW_YORK = "'America/New_York'"
RECORDED = "timestamptz '2026-03-05 15:00:00+00'"


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return connection


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer("duckdb", {"time_zone": "America/New_York"})


def value(engine: duckdb.DuckDBPyConnection, expression: str, text: str) -> object:
    [row] = engine.execute(f"select {expression} from (select ? as stated)", [text]).fetchall()
    found = row[0]
    return found.astimezone(UTC) if isinstance(found, datetime) else found


def at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


@pytest.mark.parametrize(
    ("text", "first", "precision", "zone_source"),
    [
        ("2026-03-09T10:00:00-04:00", "2026-03-09T14:00", "second", "offset"),
        ("2026-03-09T14:00:00Z", "2026-03-09T14:00", "second", "offset"),
        ("2026-03-09t14:00:00z", "2026-03-09T14:00", "second", "offset"),
        ("2026-03-09T14:00:60Z", "2026-03-09T14:00:59", "second", "offset"),
        ("2026-03-09T14:00Z", "2026-03-09T14:00", "minute", "offset"),
        ("2026-03-09T14:00:00+0000", "2026-03-09T14:00", "second", "offset"),
        ("2026-03-09 10:00:00-0400", "2026-03-09T14:00", "second", "offset"),
        ("2026-03-09T10:00:00-04", "2026-03-09T14:00", "second", "offset"),
        ("2026-03-09T14:00:00.123456789Z", "2026-03-09T14:00:00.123456", "second", "offset"),
        ("2026-03-09T10:00:00", "2026-03-09T14:00", "second", "assumed"),
        ("2026-03-09T10:00", "2026-03-09T14:00", "minute", "assumed"),
        ("2026-01-09T10:00:00", "2026-01-09T15:00", "second", "assumed"),
        ("2026-03-08T02:30:00", "2026-03-08T07:30", "second", "assumed_gap"),
        ("2026-11-01T01:30:00", "2026-11-01T05:30", "second", "assumed_overlap"),
        ("2026-11-01T01:30:00-05:00", "2026-11-01T06:30", "second", "offset"),
        ("2026-03-09", "2026-03-09T04:00", "day", "interface"),
        ("2026-03", "2026-03-01T05:00", "month", "interface"),
        ("2026", "2026-01-01T05:00", "year", "interface"),
        ("2026-02-30", None, None, None),
        ("soon", None, None, None),
        ("", None, None, None),
        ("2026-03-09T25:00:00Z", None, None, None),
    ],
)
def test_every_form_is_read(
    engine: duckdb.DuckDBPyConnection,
    renderer: Renderer,
    text: str,
    first: str | None,
    precision: str | None,
    zone_source: str | None,
) -> None:
    assert value(engine, renderer.macro("fhir_time_at", "stated", NEW_YORK), text) == at(first)
    assert value(engine, renderer.macro("fhir_time_precision", "stated"), text) == precision
    found = value(engine, renderer.macro("fhir_time_zone_source", "stated", NEW_YORK), text)
    assert found == zone_source


@pytest.mark.parametrize(
    ("text", "placed", "last"),
    [
        # recorded on 5 March at 10:00: the latest instant that was stated and not in the future
        ("2026-03-05", "2026-03-05T15:00", "2026-03-06T04:59"),
        ("2026-03-02", "2026-03-03T04:59", "2026-03-03T04:59"),
        ("2026-03-08", "2026-03-08T05:00", "2026-03-09T03:59"),  # a day of 23 hours
        ("2026-03", "2026-03-05T15:00", "2026-04-01T03:59"),
        ("2025", "2026-01-01T04:59", "2026-01-01T04:59"),
        ("2026-03-02T08:15Z", "2026-03-02T08:15", "2026-03-02T08:15"),
        ("soon", None, None),
        ("2026-02-30", None, None),
    ],
)
def test_a_coarse_time_is_placed_within_its_bounds(
    engine: duckdb.DuckDBPyConnection,
    renderer: Renderer,
    text: str,
    placed: str | None,
    last: str | None,
) -> None:
    expression = renderer.macro("fhir_placed_at", "stated", RECORDED, NEW_YORK)
    assert value(engine, expression, text) == at(placed)
    assert value(engine, renderer.macro("fhir_last_at", "stated", NEW_YORK), text) == at(last)


def test_a_source_elsewhere_has_its_own_zone() -> None:
    zones = {"here": "America/New_York", "there": "America/Los_Angeles"}
    renderer = Renderer("duckdb", {"time_zone": "America/New_York", "source_time_zones": zones})
    zone = renderer.macro("source_zone", "s")
    query = f"select s, {zone} from (values ('here'), ('there'), ('new')) t (s)"
    assert dict(duckdb.execute(query).fetchall()) == {**zones, "new": "America/New_York"}
