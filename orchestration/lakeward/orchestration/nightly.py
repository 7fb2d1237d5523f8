"""Running a business day in this process, with Dagster's own storage, as the schedule would.

The steps are the assets' business; here a run is started, and `publish` after it when it failed.
"""

import gc
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from threading import Thread
from typing import TYPE_CHECKING

from lakeward.core.errors import UsageError
from lakeward.core.settings import Settings, exported
from lakeward.expectations.suite import great_expectations
from lakeward.lake.release import history
from lakeward.lake.tables import Lake
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.jobs import FIRST_DAY, NIGHTLY, PUBLISH

if TYPE_CHECKING:
    import dagster as dg

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class StepFailure:
    """One failed step and its cause, as the asset told it (never a value of a record)."""

    step: str
    cause: str


@dataclass(frozen=True)
class Night:
    """What a run of a day came to; `warnings` are checks that failed and stopped nothing."""

    day: date
    job: str
    run_id: str
    failures: tuple[StepFailure, ...]
    broken: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Say whether every step ran and no contract was broken."""
        return not self.failures and not self.broken


def run_day(settings: Settings, day: date) -> Night:
    """Run `nightly` for a day, and `publish` after it when it failed.

    A day older than the newest released one is issued again from its own release: rebuilding it now
    would tell what is known today, not what was released then.

    Raises:
        UsageError: The day is in the future, before the first day, or was never released.
    """
    check_day(settings, day)
    # its import takes seconds, and the first steps wait for disk and DuckDB most of the time
    Thread(target=great_expectations, daemon=True).start()
    with exported(settings), _rare_collections(), _instance(settings) as instance:
        if _is_past(settings, day):
            return _execute(settings, instance, PUBLISH, day)
        night = _execute(settings, instance, NIGHTLY, day)
        if night.failures:
            _execute(settings, instance, PUBLISH, day)
        return night


def today(settings: Settings) -> date:
    """Give the facility's date of this moment."""
    return load_inventory(settings.home).facility.today(datetime.now(UTC))


def prepare_dagster_home(settings: Settings) -> None:
    """Make `DAGSTER_HOME` with the project's `dagster.yaml`."""
    settings.home.dagster.mkdir(parents=True, exist_ok=True)
    config = resources.files("lakeward.orchestration").joinpath("dagster.yaml").read_text()
    (settings.home.dagster / "dagster.yaml").write_text(config, encoding="utf-8")


def check_day(settings: Settings, day: date) -> None:
    """Refuse a day that no run can be of.

    Raises:
        UsageError: It is in the future, or before the first day.
    """
    last = today(settings)
    if not FIRST_DAY <= day <= last:
        raise UsageError(
            f"day {day}", "cannot be run", f"a day from {FIRST_DAY} to {last}", "give another --day"
        )


def _is_past(settings: Settings, day: date) -> bool:
    released = [r for r in history(Lake(settings.home.lake), "canonical") if r.state == "released"]
    if not released or day >= max(r.day for r in released):
        return False
    if day not in {r.day for r in released}:
        raise UsageError(
            f"day {day}",
            "is older than the newest released day and was never released",
            f"one of the released days or {max(r.day for r in released)} and later",
            "see `lakeward release list`",
        )
    return True


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage less often: parsing and imports make much that stays, and nearly no cycles.

    Saves a sixth of the start; rows are in DuckDB and Arrow, which this does not touch.
    """
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _instance(settings: Settings) -> "Iterator[dg.DagsterInstance]":
    import dagster as dg

    prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as instance, _held_open(settings):
        yield instance


@contextmanager
def _held_open(settings: Settings) -> Iterator[None]:
    """Hold a connection to Dagster's own databases, which it opens and closes for each event.

    When the last one closes, SQLite tidies up on disk: that made two thirds of an event's cost.
    """
    databases = ("history/runs.db", "history/runs/index.db")
    with ExitStack() as stack:
        for path in (settings.home.dagster / name for name in databases):
            if path.exists():
                held = stack.enter_context(closing(sqlite3.connect(path)))
                held.execute("select count(*) from sqlite_master").fetchall()
        yield


def _execute(settings: Settings, instance: "dg.DagsterInstance", job: str, day: date) -> Night:
    from lakeward.orchestration.definitions import build_defs

    definition = build_defs(settings).resolve_job_def(job)
    result = definition.execute_in_process(
        instance=instance,
        partition_key=day.isoformat(),
        tags={"day": day.isoformat()},
        run_config=QUIET,
        raise_on_error=False,
    )
    failures = tuple(
        StepFailure(event.step_key or job, _cause(event.step_failure_data.user_failure_data))
        for event in result.all_events
        if event.is_step_failure
    )
    if not result.success and not failures:
        failures = (StepFailure(job, _run_cause(result.all_events)),)
    failed = [e for e in result.get_asset_check_evaluations() if not e.passed]
    broken, warnings = (
        tuple(_told(check) for check in failed if bool(check.blocking) is blocking)
        for blocking in (True, False)
    )
    warnings = (*still_open(result.all_events), *warnings)
    return Night(day, job, result.run_id, failures, broken, warnings)


def _told(check: "dg.AssetCheckEvaluation") -> str:
    wrong = check.description or f"check {check.check_name} failed"
    return f"{check.asset_key.to_user_string()}: {wrong}"


def still_open(events: "Sequence[dg.DagsterEvent]") -> tuple[str, ...]:
    """Say how many rejected records wait for somebody, if any; asset `quarantine` counts them."""
    counts = [
        event.step_materialization_data.materialization.metadata["open"].value
        for event in events
        if event.event_type_value == "ASSET_MATERIALIZATION"
        and event.asset_key is not None
        and event.asset_key.to_user_string() == "quarantine"
    ]
    if not any(counts):
        return ()
    return (f"quarantine: {counts[-1]} record(s) open; `lakeward quarantine list --state open`",)


def _run_cause(events: "Sequence[dg.DagsterEvent]") -> str:
    """Tell why a run failed outside its steps, as when another run holds the lake."""
    errors = [getattr(event.event_specific_data, "error", None) for event in events]
    told = [error.to_string() for error in errors if error is not None]
    ours = [line for text in told for line in text.splitlines() if "; expected " in line]
    return ours[0].split("dagster.Failure: ")[-1] if ours else "failed; see the run in the UI"


def _cause(data: object) -> str:
    return getattr(data, "description", None) or "failed; see the run in the Dagster UI"
