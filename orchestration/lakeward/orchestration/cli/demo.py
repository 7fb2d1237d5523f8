"""`lakeward demo` and `lakeward dev`: a synthetic hospital for newcomers, and the Dagster UI."""

import subprocess
import sys
from datetime import date, timedelta

from lakeward.core.settings import Settings, exported
from lakeward.orchestration.cli.night_summary import print_night, print_whereabouts
from lakeward.orchestration.cli.output import say
from lakeward.orchestration.nightly import Night, prepare_dagster_home, run_day
from lakeward.simulator import simulate

START, DAYS, SEED = date(2026, 1, 5), 3, 7
"""The same hospital for everybody: the README and the quickstart show its numbers."""


def run_demo(settings: Settings, patients: int) -> int:
    """Simulate three days, run each night and print where the results are; return the exit code."""
    summary = simulate(settings.home.root, patients, DAYS, START, SEED)
    messages, resources = sum(summary.messages.values()), sum(summary.resources.values())
    say(
        f"A synthetic hospital with {patients} patients delivered {DAYS} days:"
        f" {messages} HL7 messages and {resources} FHIR resources."
    )
    nights: list[Night] = []
    for offset in range(DAYS):
        night = run_day(settings, START + timedelta(days=offset))
        nights.append(night)
        say(f"Night of {night.day}: {'passed' if night.passed else 'failed'}")
    if not all(night.passed for night in nights):
        return max(print_night(settings, night) for night in nights if not night.passed)
    print_whereabouts(settings, nights[-1].day)
    return 0


def open_ui(settings: Settings, port: int) -> int:
    """Serve the Dagster UI on 127.0.0.1 until it is stopped; return its exit code."""
    prepare_dagster_home(settings)
    say(f"Dagster UI on http://127.0.0.1:{port} (stop with Ctrl-C)")
    # Dagster's processes read the settings from the environment
    with exported(settings):
        command = [
            *(sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)),
            *("-m", "lakeward.orchestration.definitions", "-d", str(settings.home.dagster)),
        ]
        try:
            return subprocess.run(command, check=False).returncode  # noqa: S603
        except KeyboardInterrupt:
            return 0
