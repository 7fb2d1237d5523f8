"""Running a business day in this process, with Dagster's own storage, as the schedule would.

The night, in the order in which its steps depend on each other:

    land -> raw -> flat
         -> canonical store built -> its rules checked -> release or hold
         -> each worklist and metric built -> its rules checked -> release or hold
         -> outbox -> site

Each step is an asset (`lakeward.assets`); which of them make up the jobs is in `jobs`. Here a run
is started and its outcome is read from Dagster's events. How the process is made to start fast is
in `warm_start`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from lakeward.assets.night_failures import PUBLISH
from lakeward.assets.source_checks import UP_TO_DATE
from lakeward.core.errors import UsageError
from lakeward.core.files import closed_to_others
from lakeward.core.settings import Settings, exported
from lakeward.lake.release import current, history
from lakeward.lake.tables import Lake
from lakeward.landing.business_calendar import calendar_warnings
from lakeward.landing.site_overrides import site_overrides
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.jobs import FIRST_DAY, NIGHTLY
from lakeward.orchestration.key_secret import exposed_keys
from lakeward.orchestration.list_runs import (
    check_as_of,
    cut_off_of,
    find_list,
    list_tags,
    published_keys,
)
from lakeward.orchestration.warm_start import import_ahead, open_databases, rare_collections
from lakeward.worklists.rows import ALREADY_PAST

if TYPE_CHECKING:
    import dagster as dg

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The command line prints its own summary; Dagster's log of every event would bury it."""


@dataclass(frozen=True)
class StepFailure:
    """One failed step and its cause in the words of the asset, never a value of a record."""

    step: str
    cause: str


@dataclass(frozen=True)
class Night:
    """The outcome of a run of a day.

    Attributes:
        day: Business day in the facility's zone.
        job: `nightly`, or `publish` for a day that was released before.
        run_id: Dagster's id of the run.
        failures: Steps that failed.
        broken: Blocking checks that failed: rules of severity error, which hold a release unit.
        kept_back: Sources and flat tables that could not be brought up to date; the others were.
        warnings: Checks that failed and stopped nothing.
        held: Lists that did not go out as the day's own, and why.
    """

    day: date
    job: str
    run_id: str
    failures: tuple[StepFailure, ...]
    broken: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    kept_back: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether each step ran for each source, no contract was broken, no list held."""
        return not (self.failures or self.broken or self.held or self.kept_back)


def run_day(settings: Settings, day: date) -> Night:
    """Run `nightly` for a day.

    A day older than the newest released one is exported again from its own release. A rebuild would
    bring in what has arrived since, so the files would differ from those that were acted on.

    Raises:
        UsageError: The day is in the future, before the first day, or was never released.
        SpecError: What the site sets of the seeds cannot be.
    """
    check_day(settings, day)
    _check_site(settings)
    import_ahead()
    with (
        closed_to_others(settings.home),
        exported(settings),
        rare_collections(),
        _instance(settings) as instance,
    ):
        if _is_past(settings, day):
            return _execute(settings, instance, PUBLISH, day)
        return _execute(settings, instance, NIGHTLY, day)


def run_list(settings: Settings, day: date, name: str, as_of: datetime | None = None) -> Night:
    """Run the job of one list for a day, and `publish` for that list after it when it failed.

    Args:
        settings: Where the home is.
        day: The day of the list.
        name: Its short name.
        as_of: Its cut-off, and the moment at which it counts as made; default: the cut-off of its
            contract, or that of the store when that is later, made now.

    Raises:
        UsageError: There is no such list, or none of that day with that cut-off.
        SpecError: What the site sets of the seeds cannot be.
    """
    check_day(settings, day)
    _check_site(settings)
    facility, now = load_inventory(settings.home).facility, datetime.now(UTC)
    contract = find_list(name)
    if as_of is not None:
        check_as_of(facility, day, as_of, now)
    released = current(Lake(settings.home.lake), "canonical", day=day)
    # a store that stands later already is not turned back: readers would lose what it knows
    planned = max([cut_off_of(contract, facility, day), *([released.as_of] if released else [])])
    cut_off = as_of or min(planned, now)
    tags = list_tags(cut_off, as_of or now, day)
    import_ahead()
    with (
        closed_to_others(settings.home),
        exported(settings),
        rare_collections(),
        _instance(settings) as instance,
    ):
        keys = published_keys([name])
        if _is_past(settings, day):
            return _execute(settings, instance, PUBLISH, day, keys=keys)
        night = _execute(settings, instance, name, day, tags=tags)
        if night.failures:
            _execute(settings, instance, PUBLISH, day, keys=keys)
        return night


def publish_day(settings: Settings, day: date) -> Night:
    """Run `publish` for a day: files and reports of what is released now."""
    with closed_to_others(settings.home), exported(settings), _instance(settings) as instance:
        return _execute(settings, instance, PUBLISH, day)


def today(settings: Settings) -> date:
    """Return the date of this moment in the facility's zone."""
    return load_inventory(settings.home).facility.today(datetime.now(UTC))


def prepare_dagster_home(settings: Settings) -> None:
    """Write the project's `dagster.yaml` into `DAGSTER_HOME`, which is made if it is not there."""
    settings.home.dagster.mkdir(parents=True, exist_ok=True)
    config = resources.files("lakeward.orchestration").joinpath("dagster.yaml").read_text()
    (settings.home.dagster / "dagster.yaml").write_text(config, encoding="utf-8")


def check_day(settings: Settings, day: date) -> None:
    """Raise for a day that cannot be run.

    Raises:
        UsageError: It is in the future, or before the first day.
    """
    last = today(settings)
    if not FIRST_DAY <= day <= last:
        raise UsageError(
            f"day {day}", "cannot be run", f"a day from {FIRST_DAY} to {last}", "give another --day"
        )


def _check_site(settings: Settings) -> None:
    """Raise for what the site sets of the seeds before a file is loaded, not when the store is."""
    site_overrides(settings.home, load_inventory(settings.home))


def _is_past(settings: Settings, day: date) -> bool:
    """Return whether a newer day than this one is released."""
    released = [r for r in history(Lake(settings.home.lake), "canonical") if r.state == "released"]
    # the newest released day itself is built again: what was delivered late belongs in it
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
def _instance(settings: Settings) -> "Iterator[dg.DagsterInstance]":
    import dagster as dg  # a second of import: `lakeward --help` does without

    prepare_dagster_home(settings)
    with open_databases(), dg.DagsterInstance.get() as instance:
        yield instance


def _execute(
    settings: Settings,
    instance: "dg.DagsterInstance",
    job: str,
    day: date,
    *,
    tags: Mapping[str, str] = MappingProxyType({}),
    keys: "Sequence[dg.AssetKey] | None" = None,
) -> Night:
    """Run a job for a day, or some of its assets, and read from its events what failed."""
    import dagster as dg

    from lakeward.orchestration.definitions import build_defs

    # built for each job: the interface inventory of these settings decides which assets there are
    definition = build_defs(settings).resolve_job_def(job)
    result = definition.execute_in_process(
        instance=instance,
        partition_key=day.isoformat(),
        asset_selection=keys,
        tags={"day": day.isoformat(), **tags},
        run_config=QUIET,
        # a failed step must not end the command: what failed is read below,
        # and `publish` still has to run
        raise_on_error=False,
    )
    failures = tuple(
        StepFailure(event.step_key or job, _cause(event.step_failure_data.user_failure_data))
        for event in result.all_events
        if event.is_step_failure
    )
    if not result.success and not failures:
        # the run failed before or between its steps, as when another run holds the lake
        failures = (StepFailure(job, _run_cause(result.all_events)),)
    found = [e for e in result.get_asset_check_evaluations() if not e.passed]
    kept_back = tuple(_sentence(check) for check in found if check.check_name == UP_TO_DATE)
    failed = [check for check in found if check.check_name != UP_TO_DATE]
    error = dg.AssetCheckSeverity.ERROR
    broken = tuple(_sentence(c) for c in failed if c.blocking)
    held = tuple(_sentence(c) for c in failed if not c.blocking and c.severity is error)
    warnings = tuple(_sentence(c) for c in failed if not c.blocking and c.severity is not error)
    home = settings.home
    missing = calendar_warnings(home, load_inventory(home), day)
    danger = exposed_keys(settings)
    exposed = (str(danger),) if danger else ()
    warnings = (*exposed, *missing, *made_late(result.all_events), *warnings)
    return Night(day, job, result.run_id, failures, broken, warnings, held, kept_back)


def _sentence(check: "dg.AssetCheckEvaluation") -> str:
    wrong = check.description or f"check {check.check_name} failed"
    return f"{check.asset_key.to_user_string()}: {wrong}"


def made_late(events: "Sequence[dg.DagsterEvent]") -> tuple[str, ...]:
    """Return a line for each list that leaves out what had begun when it was made."""
    lines = []
    for event in events:
        if event.event_type_value == "ASSET_MATERIALIZATION" and event.asset_key is not None:
            metadata = event.step_materialization_data.materialization.metadata
            count = metadata.get(f"suppressed/{ALREADY_PAST}")
            if count is not None:
                name = event.asset_key.to_user_string()
                lines.append(
                    f"{name}: made late; {count.value} row(s) left out, their time is past"
                )
    return tuple(lines)


def _run_cause(events: "Sequence[dg.DagsterEvent]") -> str:
    """Return why a run failed outside its steps, as when another run holds the lake.

    Dagster keeps the error as a traceback in text. The one line that people need is ours, known by
    the grammar of `core.errors`: it has `; expected ` in it.
    """
    errors = [getattr(event.event_specific_data, "error", None) for event in events]
    texts = [error.to_string() for error in errors if error is not None]
    ours = [line for text in texts for line in text.splitlines() if "; expected " in line]
    return ours[0].split("dagster.Failure: ")[-1] if ours else "failed; see the run in the UI"


def _cause(data: object) -> str:
    return getattr(data, "description", None) or "failed; see the run in the Dagster UI"
