"""Releasing a held unit without what holds it, on the word of a person.

A night leaves out what breaks a rule by itself, up to a limit. Above it, a person decides: here the
unit is released without the records and rows behind the broken rules, and their name is kept.
"""

from dataclasses import replace

from lakeward.assets.home import business_day
from lakeward.assets.leaving_out import without_rows
from lakeward.assets.units import CANONICAL
from lakeward.core.errors import ContractError, UsageError
from lakeward.core.settings import Settings, principal
from lakeward.expectations.offenders import offending_records, result_of
from lakeward.lake.lock import sole_writer
from lakeward.lake.release import Decision, Release, decide, find_release, latest
from lakeward.lake.tables import Lake
from lakeward.landing.business_calendar import load_calendar
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.nightly import Night, publish_day, run_day
from lakeward.quarantine.withheld import Withheld, withhold


def release_without(settings: Settings, release_id: str) -> Night:
    """Release a held unit without what breaks its rules, and issue its day.

    Of the canonical store, the records behind the rows are withheld and the night is run again; of
    a list, the rows leave it.

    Raises:
        UsageError: There is no such release, it is not held, or its unit was decided on since.
        ContractError: It is broken without them, too.
    """
    lake, who = Lake(settings.home.lake), principal()
    with sole_writer(settings.home):
        held = _held(lake, release_id)
        if held.unit == CANONICAL:
            found = offending_records(settings, result_of(held), held.day, at_most=None)
            records = [Withheld(o.source_system, o.source_ref, o.rule) for o in found]
            if not withhold(lake, records, held.day, f"command line: {who}"):
                raise _broken_all_the_same(held)
        else:
            _release_list(settings, held, who)
    # the lock is given back: a run takes it for itself
    return (
        run_day(settings, held.day) if held.unit == CANONICAL else publish_day(settings, held.day)
    )


def _held(lake: Lake, release_id: str) -> Release:
    release = find_release(lake, release_id)
    if release.state != "held" or latest(lake, release.unit) != release:
        raise UsageError(
            f"release {release_id}",
            "is not held, or its unit was decided on since",
            "the newest decision on a unit, in state held",
            "see `lakeward release list`",
        )
    return release


def _release_list(settings: Settings, held: Release, who: str) -> None:
    inventory = load_inventory(settings.home)
    calendar = load_calendar(settings.home, inventory)
    # with the cut-off of the hold: a list of an hour is not judged by what came after it
    today = replace(business_day(inventory, calendar, held.day), as_of=held.as_of)
    run_id = f"command line: {who}"
    result = without_rows(settings, today, result_of(held), run_id, approved_by=who)
    if result.broken:
        raise _broken_all_the_same(held)
    decide(
        Lake(settings.home.lake),
        Decision(
            unit=held.unit,
            pins=result.pins,
            day=held.day,
            as_of=held.as_of,
            contract_version=result.contract_version,
            held_by=(),
            run_id=run_id,
            overrides=held.overrides,
        ),
    )


def _broken_all_the_same(held: Release) -> ContractError:
    return ContractError(
        f"release {held.release_id}",
        "no row or record can be left out that would make it whole",
        "rules that speak of rows",
        "see `lakeward release show`, then the quality report",
    )
