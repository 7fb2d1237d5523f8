"""When each list leaves: its assets, its job, its schedule, and what the night leaves to it.

A list whose contract names a time of day (`madeAt`) has a schedule of its own, which takes in what
has been delivered, builds the store up to the list's cut-off, and makes that list alone. The night
makes all others, of the day that has ended. What is in a run is here; running it in this process is
in `nightly`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from lakeward.assets.home import AS_OF_TAG, MADE_AT_TAG
from lakeward.assets.outbox import exported_contracts, outbox_key
from lakeward.assets.units import CANONICAL, ReleaseUnit, release_units
from lakeward.contracts import Contract
from lakeward.core.errors import UsageError
from lakeward.fhir.bulk.clock import ExportClock
from lakeward.landing.sources import Facility
from lakeward.orchestration.exports import exports_selection
from lakeward.worklists.documents import short_name
from lakeward.worklists.rows import SUPPRESSION

SITE = dg.AssetKey("site")


def find_list(name: str) -> Contract:
    """Find the contract of a list by its short name.

    Raises:
        UsageError: No list of that name is exported.
    """
    known = {short_name(contract): contract for _, contract in exported_contracts()}
    if name not in known:
        raise UsageError(f"list {name}", "unknown", " or ".join(sorted(known)), "name one of them")
    return known[name]


def cut_off_of(contract: Contract, facility: Facility, day: date) -> datetime:
    """Return the instant up to which data count for a list of a day."""
    local = contract.terms.cut_off
    return facility.at(day, local) if local else facility.cut_off(day)


def list_selection(contract: Contract) -> dg.AssetSelection:
    """Select all that a list needs, from landing to its files: no other list, and not the site."""
    own = {contract.unit, SUPPRESSION, CANONICAL}
    others = [key for unit in release_units() if unit.name not in own for key in _keys(unit)]
    return (
        dg.AssetSelection.all()
        - exports_selection()
        - dg.AssetSelection.assets(SITE, *others, *_outbox_but(contract))
    )


def keys_of_night(assets: Sequence[Any]) -> list[dg.AssetKey]:
    """List what the night makes: all but the lists that leave at a time of their own.

    Keys, because Dagster asks for them in a run request.
    """
    own_time = [key for unit, c in exported_contracts() if c.terms.made_at for key in _keys(unit)]
    selection = dg.AssetSelection.all() - exports_selection() - dg.AssetSelection.assets(*own_time)
    made = [each for each in assets if isinstance(each, dg.AssetsDefinition)]
    return sorted(selection.resolve(made), key=lambda key: key.to_user_string())


def published_keys(names: Sequence[str] = ()) -> list[dg.AssetKey]:
    """List the assets to publish after a run that failed: of lists by name, else of the night."""
    if names:
        return [outbox_key(find_list(name)) for name in names]
    return [*(outbox_key(c) for _, c in exported_contracts() if not c.terms.made_at), SITE]


def list_jobs() -> list[Any]:
    """Build a job for each list; `Any` because Dagster does not publish the type of a job."""
    return [
        dg.define_asset_job(
            short_name(contract),
            selection=list_selection(contract),
            description=f"Makes the list for {contract.consumer} from what has been delivered.",
        )
        for _, contract in exported_contracts()
    ]


def list_schedules(
    facility: Facility, clock: ExportClock, *, running: bool
) -> list[dg.ScheduleDefinition]:
    """Build a schedule for each list that leaves at a time of its own, by the facility's clock.

    Args:
        facility: Its zone is that of the times.
        clock: The present: a tick that comes late must leave out what is past by then.
        running: Whether the schedules are on when the deployment is loaded first.
    """
    contracts = [contract for _, contract in exported_contracts() if contract.terms.made_at]
    return [_schedule(contract, facility, clock, running) for contract in contracts]


def list_tags(as_of: datetime, made_at: datetime, day: date) -> dict[str, str]:
    """Return the tags of a run for a list."""
    instants = {AS_OF_TAG: as_of, MADE_AT_TAG: made_at}
    return {"day": day.isoformat()} | {
        n: i.astimezone(UTC).isoformat() for n, i in instants.items()
    }


def _schedule(
    contract: Contract,
    facility: Facility,
    clock: ExportClock,
    running: bool,  # noqa: FBT001  Dagster's own switch
) -> dg.ScheduleDefinition:
    name, made_at = short_name(contract), contract.terms.made_at
    status = dg.DefaultScheduleStatus

    @dg.schedule(
        name=f"{name}_daily",
        job_name=name,
        cron_schedule=f"{made_at:%-M %-H} * * *",
        execution_timezone=facility.time_zone,
        default_status=status.RUNNING if running else status.STOPPED,
        description=f"Makes the list of the day for {contract.consumer}.",
    )
    def _daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        # the scheduled time, not the present: a tick that comes late is still for its own day
        fires = context.scheduled_execution_time
        day = fires.astimezone(ZoneInfo(facility.time_zone)).date()
        as_of = cut_off_of(contract, facility, day)
        # but what has begun by the present is past
        tags = list_tags(as_of, max(fires, clock.now()), day)
        return dg.RunRequest(partition_key=day.isoformat(), tags=tags)

    return _daily


def check_as_of(facility: Facility, day: date, as_of: datetime, now: datetime) -> None:
    """Raise for a cut-off that a list of a day cannot stand on.

    Raises:
        UsageError: It is before the day, or in the future.
    """
    first = facility.cut_off(day - timedelta(days=1))
    if not first <= as_of <= now:
        raise UsageError(
            "--as-of",
            "no cut-off for that day",
            f"from {first.isoformat()} to the present",
            "give another --as-of",
        )


def _keys(unit: ReleaseUnit) -> list[dg.AssetKey]:
    """List the assets of a unit of one list: its table, its release, its files."""
    files = [outbox_key(contract) for contract in unit.contracts if contract.consumer]
    return [*(dg.AssetKey(c.name) for c in unit.contracts), unit.release_key, *files]


def _outbox_but(contract: Contract) -> list[dg.AssetKey]:
    return [outbox_key(c) for _, c in exported_contracts() if c.name != contract.name]
