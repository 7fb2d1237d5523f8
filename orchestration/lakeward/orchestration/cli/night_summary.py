"""What a person reads after a run, and about a worklist row: files and counts, never values."""

from dataclasses import asdict
from datetime import date
from pathlib import Path

from lakeward.core.settings import Settings
from lakeward.orchestration.cli.output import print_document, say
from lakeward.orchestration.nightly import Night
from lakeward.worklists.output_formats import data_suffixes
from lakeward.worklists.trace import Trace

FINE, BROKEN, ENVIRONMENT = 0, 1, 2
SHOWN_WARNINGS = 20


def print_night(settings: Settings, night: Night) -> int:
    """Print the outcome of a run and where its results are; return the exit code.

    0: passed. 1: the data broke a contract. 2: a step failed, which the environment causes.
    """
    if night.passed:
        say(f"Day {night.day}: passed ({night.job}, run {night.run_id}).")
        _warn(night)
        print_whereabouts(settings, night.day)
        return FINE
    say(f"Day {night.day}: failed ({night.job}, run {night.run_id}).")
    for check in night.broken:
        say(f"  contract broken: {check}")
    for failure in night.failures:
        say(f"  step {failure.step}: {failure.cause}")
    _warn(night)
    print_whereabouts(settings, night.day)
    if night.broken:
        say("remedy: read the quality report above; nothing that broke its contract was released")
    # a broken contract decides even when a step failed as well: it is
    # what has to be looked at first
    return BROKEN if night.broken else ENVIRONMENT


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


def print_trace(found: Trace, *, as_json: bool) -> None:
    """Print the file and message or line behind a row, and the events that led to it."""
    if as_json:
        print_document(asdict(found))
        return
    for line in found.lines():
        say(line)
