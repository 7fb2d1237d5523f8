"""What a person reads after a run: files and counts, never values."""

from datetime import date
from pathlib import Path

from lakeward.core.settings import Settings
from lakeward.orchestration.cli.output import say
from lakeward.orchestration.nightly import Night
from lakeward.worklists.output_formats import data_suffixes

FINE, BROKEN, ENVIRONMENT = 0, 1, 2
SHOWN_WARNINGS = 20


def print_night(settings: Settings, night: Night) -> int:
    """Print the outcome of a run and where its results are; return the exit code.

    0: passed. 1: the data broke a contract, or a list is held since its sources are stale.
    2: a step failed, or a source was kept back, which the environment causes.
    """
    if night.passed:
        say(f"Day {night.day}: passed ({night.job}, run {night.run_id}).")
        _warn(night)
        print_whereabouts(settings, night.day)
        return FINE
    outcome = "failed" if night.broken or night.failures else "went out in part"
    say(f"Day {night.day}: {outcome} ({night.job}, run {night.run_id}).")
    for check in night.broken:
        say(f"  contract broken: {check}")
    for check in night.held:
        say(f"  held: {check}")
    for failure in night.failures:
        say(f"  step {failure.step}: {failure.cause}")
    for line in night.kept_back:
        say(f"  kept back: {line}")
    _warn(night)
    print_whereabouts(settings, night.day)
    if night.held and not night.broken:
        say("remedy: have what is missing delivered, land it for its day, and run the day again")
    if night.broken:
        say("remedy: read the quality report above; nothing that broke its contract was released")
    # a broken contract decides even when a step failed as well: it is
    # what has to be looked at first
    is_held_by_data = night.held and not night.failures and not night.kept_back
    return BROKEN if night.broken or is_held_by_data else ENVIRONMENT


def _warn(night: Night) -> None:
    """Print the checks that failed and stopped nothing, as a wrong view of the home."""
    for line in night.warnings[:SHOWN_WARNINGS]:
        say(f"  warning: {line}")
    more = len(night.warnings) - SHOWN_WARNINGS
    if more > 0:
        say(f"  and {more} more warning(s): see the reports")


def print_whereabouts(settings: Settings, day: date) -> None:
    """Print the worklist files of a day, the reports and the command that opens the UI."""
    say("Worklists:")
    for path in _issued(settings.home.outbox, day):
        say(f"  {path}")
    say(f"Reports:   {settings.home.site / 'index.html'}")
    say("Next:      make dev   (the Dagster UI on http://127.0.0.1:3000)")


def _issued(outbox: Path, day: date) -> list[Path]:
    folders = sorted(outbox.glob(f"*/{day.isoformat()}"))
    return [
        path
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix in data_suffixes()
        # it has the suffix of a data file and is for machines
        and path.name != "manifest.json"
        and not path.name.startswith(".")
    ]
