"""When each list leaves: reminders on the day before, by the facility's clock; desks' at night."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from lakeward.core.errors import UsageError
from lakeward.core.settings import Settings
from lakeward.fhir.bulk.clock import ExportClock
from lakeward.landing.sources import Facility, load_inventory
from lakeward.orchestration.definitions import build_defs
from lakeward.orchestration.list_runs import (
    check_as_of,
    cut_off_of,
    find_list,
    list_schedules,
    published_keys,
)
from lakeward.orchestration.nightly import run_list

REMINDERS = "appointment_reminders"
NEW_YORK = Facility(id="H", name="Here", time_zone="America/New_York")
DAY = date(2026, 1, 5)


def _names(keys: object) -> set[str]:
    return {key.to_user_string() for key in keys or ()}  # type: ignore[attr-defined]


def _request(fires: datetime, now: datetime) -> dg.RunRequest:
    (schedule,) = list_schedules(NEW_YORK, ExportClock(now=lambda: now), running=False)
    request = schedule(dg.build_schedule_context(scheduled_execution_time=fires))
    assert isinstance(request, dg.RunRequest)
    return request


@pytest.mark.parametrize(
    ("fires", "day", "as_of"),
    [
        # 14:40 in winter, in summer, and on the days on which the clocks change
        ("2026-01-05T19:40:00+00:00", "2026-01-05", "2026-01-05T19:00:00+00:00"),
        ("2026-07-06T18:40:00+00:00", "2026-07-06", "2026-07-06T18:00:00+00:00"),
        ("2026-03-08T18:40:00+00:00", "2026-03-08", "2026-03-08T18:00:00+00:00"),
        ("2026-11-01T19:40:00+00:00", "2026-11-01", "2026-11-01T19:00:00+00:00"),
    ],
)
def test_reminders_leave_on_their_day_with_the_data_of_two(
    fires: str, day: str, as_of: str
) -> None:
    at = datetime.fromisoformat(fires)
    request = _request(at, at)
    assert request.partition_key == day
    assert request.tags["as_of"] == as_of
    assert request.tags["made_at"] == fires


def test_a_tick_that_comes_late_is_for_its_day_and_knows_how_late_it_is() -> None:
    fires = datetime(2026, 1, 5, 19, 40, tzinfo=UTC)
    request = _request(fires, fires + timedelta(hours=18))
    assert request.partition_key == "2026-01-05"
    assert request.tags["as_of"] == "2026-01-05T19:00:00+00:00"
    assert request.tags["made_at"] == "2026-01-06T13:40:00+00:00"


def test_the_night_and_deliveries_leave_reminders_to_their_own_time(settings: Settings) -> None:
    defs = build_defs(settings)
    nightly = next(s for s in defs.schedules or [] if s.name == "nightly_daily")
    assert isinstance(nightly, dg.ScheduleDefinition)
    fires = datetime(2026, 1, 6, 7, 30, tzinfo=UTC)
    request = nightly(dg.build_schedule_context(scheduled_execution_time=fires))
    assert isinstance(request, dg.RunRequest)
    keys = _names(request.asset_selection)
    own = {f"{kind}__{REMINDERS}" for kind in ("worklist", "release", "outbox")}
    assert not own & keys
    job = defs.resolve_job_def("nightly")
    assert _names(job.asset_layer.executable_asset_keys) - keys == own
    # Dagster can run just these: no step makes an asset of the night and one that is left out
    subset = job.get_subset(asset_selection=frozenset(request.asset_selection or ()))
    assert _names(subset.asset_layer.executable_asset_keys) == keys


def test_the_job_of_a_list_makes_that_list_alone(settings: Settings) -> None:
    job = build_defs(settings).resolve_job_def(REMINDERS)
    keys = _names(job.asset_layer.executable_asset_keys)
    lists = {k for k in keys if k.startswith(("worklist__", "outbox__", "metric__"))}
    assert lists == {
        f"worklist__{REMINDERS}",
        "worklist__suppression",
        "worklist__criteria",
        f"outbox__{REMINDERS}",
    }
    assert {"deliveries", "release__canonical", f"release__{REMINDERS}"} - keys == {"deliveries"}
    assert "site" not in keys


def test_only_what_failed_is_published() -> None:
    assert _names(published_keys([REMINDERS])) == {f"outbox__{REMINDERS}"}
    night = _names(published_keys())
    assert f"outbox__{REMINDERS}" not in night
    assert {"outbox__referral_followup", "site"} <= night


def test_a_list_of_the_night_stands_on_the_whole_day() -> None:
    desk, vendor = find_list("referral_followup"), find_list(REMINDERS)
    assert cut_off_of(desk, NEW_YORK, DAY) == datetime(2026, 1, 6, 5, tzinfo=UTC)
    assert cut_off_of(vendor, NEW_YORK, DAY) == datetime(2026, 1, 5, 19, tzinfo=UTC)


@pytest.mark.parametrize("as_of", ["2026-01-05T04:59:59+00:00", "2026-01-07T00:00:01+00:00"])
def test_a_cut_off_before_the_day_or_in_the_future_is_rejected(as_of: str) -> None:
    now = datetime(2026, 1, 7, tzinfo=UTC)
    check_as_of(NEW_YORK, DAY, now, now)
    check_as_of(NEW_YORK, DAY, datetime(2026, 1, 5, 5, tzinfo=UTC), now)
    with pytest.raises(UsageError, match="no cut-off for that day"):
        check_as_of(NEW_YORK, DAY, datetime.fromisoformat(as_of), now)


def test_an_unknown_list_is_named_before_anything_runs(settings: Settings) -> None:
    with pytest.raises(UsageError, match=r"list reminders: unknown; .*appointment_reminders"):
        run_list(settings, DAY, "reminders")
    assert load_inventory(settings.home).facility.id == "LKWD"
