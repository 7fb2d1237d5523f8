"""`lakeward doctor`: whether this machine is fit to run, and what to do if not. Changes nothing."""

import shutil
import socket
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lakeward.assets.formats import FORMATS
from lakeward.core.errors import LakewardError
from lakeward.core.paths import project_path
from lakeward.core.settings import DEMO_SECRET, Settings
from lakeward.core.sizes import GIB
from lakeward.lake.data_files import damage_of
from lakeward.lake.release import released_pins
from lakeward.lake.tables import Lake, newest_version, table_names
from lakeward.landing.business_calendar import FILE, calendar_warnings, load_calendar
from lakeward.landing.formats import Format
from lakeward.landing.site_overrides import site_overrides
from lakeward.landing.source_failures import source_failures
from lakeward.landing.sources import has_own_inventory, load_inventory
from lakeward.orchestration.cli.output import PrintFormat, print_records, say
from lakeward.orchestration.key_secret import exposed_keys

PACKAGES = ("dagster", "dbt-core", "dbt-duckdb", "duckdb", "deltalake", "great-expectations")
UI_PORT = 3000
"""Where `lakeward dev` opens the Dagster UI, if no other port is given."""
FREE_BYTES = 5 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what it is, its state, and the remedy if it is not healthy."""

    check: str
    healthy: bool
    state: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Check versions, disk, write access, inventory, time zone, tables, secret and port."""
    return [
        _python(),
        *(_package(name) for name in PACKAGES),
        _project(),
        _writable(settings.home.root),
        _disk(settings.home.root),
        _memory(settings),
        _inventory(settings),
        _calendar(settings),
        _overrides(settings),
        *(_own_specs(settings, each) for each in FORMATS),
        _sources(settings),
        *_tables(settings),
        _secret(settings),
        _port(),
    ]


def print_findings(findings: list[Finding], *, as_json: bool) -> None:
    """Print each finding on one line, with the remedy behind those that are not healthy."""
    if as_json:
        print_records([asdict(f) for f in findings], PrintFormat.json)
        return
    for finding in findings:
        remedy = "" if finding.healthy else f" -> {finding.remedy}"
        say(f"{'ok ' if finding.healthy else 'BAD'}  {finding.check}: {finding.state}{remedy}")


def _python() -> Finding:
    text = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), text, "install Python 3.11 or newer")


def _package(name: str) -> Finding:
    try:
        return Finding(name, healthy=True, state=version(name))
    except PackageNotFoundError:
        return Finding(name, healthy=False, state="not installed", remedy="run `make setup`")


def _project() -> Finding:
    path = project_path("dbt_project")
    found = (path / "dbt_project.yml").is_file()
    return Finding("dbt project", found, "found" if found else "missing", "install Lakeward again")


def _writable(root: Path) -> Finding:
    # the home need not exist yet; then the nearest folder above it decides
    existing = next(p for p in (root, *root.parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            return Finding("home", healthy=True, state=f"{root} can be written")
    except OSError:
        return Finding("home", False, f"{root} cannot be written", "set LAKEWARD_HOME")


def _disk(root: Path) -> Finding:
    existing = next(p for p in (root, *root.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    return Finding("disk", free >= FREE_BYTES, f"{free / 2**30:.0f} GiB free", "free 5 GiB or more")


def _memory(settings: Settings) -> Finding:
    return Finding("memory", True, f"{settings.memory / GIB:.1f} GiB for a connection of DuckDB")


def _inventory(settings: Settings) -> Finding:
    try:
        inventory = load_inventory(settings.home)
    except LakewardError as error:
        return Finding("interfaces", False, str(error), "mend sources.yaml")
    names = ", ".join(s.name for s in inventory.sources)
    zones = ", ".join(f"{each.id} in {each.time_zone}" for each in inventory.all_facilities)
    whose = "" if has_own_inventory(settings.home) else "; the demo hospital's: write sources.yaml"
    return Finding("interfaces", True, f"{names}; facility {zones}{whose}")


def _calendar(settings: Settings) -> Finding:
    home = settings.home
    try:
        inventory = load_inventory(home)
        missing = calendar_warnings(home, inventory, inventory.facility.today(datetime.now(UTC)))
        origin = load_calendar(home, inventory).origin
    except LakewardError as error:
        return Finding("calendar", False, str(error), f"correct {FILE}")
    known = f"of the {origin}, names the holidays of the year ahead"
    return Finding(
        "calendar",
        not missing,
        "; ".join(missing) or known,
        f"write {FILE}, see the how-to add-a-source",
    )


def _overrides(settings: Settings) -> Finding:
    try:
        found = site_overrides(settings.home, load_inventory(settings.home))
    except LakewardError as error:
        return Finding("overrides", False, str(error), "correct what is named")
    named = ", ".join(f"{each.seed} ({len(each.rows)})" for each in found)
    state = f"rows of the home in {named}" if found else "none; seeds as packaged"
    return Finding("overrides", True, state)


def _own_specs(settings: Settings, format_: Format) -> Finding:
    problems = format_.flat_tables(format_.own_specs(settings.home)).problems
    state = "; ".join(problems.values()) or "specs of the home can be read"
    remedy = "correct the file; its table waits for it"
    return Finding(f"own {format_.specs}", not problems, state, remedy)


def _sources(settings: Settings) -> Finding:
    failures = source_failures(Lake(settings.home.lake)) if settings.home.lake.is_dir() else []
    state = "; ".join(map(str, failures)) or "all brought up to date by the last run"
    remedy = "correct what is named, then run the day again"
    return Finding("sources", not failures, state, remedy)


def _tables(settings: Settings) -> list[Finding]:
    lake = Lake(settings.home.lake)
    pins = released_pins(lake)
    names = table_names(lake)
    versions = [(name, newest_version(lake, name)) for name in names] + list(pins.items())
    damages = {
        name: damage
        for name, version in versions
        if version is not None and (damage := damage_of(lake, name, version))
    }
    if not damages:
        return [Finding("tables", True, f"{len(names)}, all their files are there")]
    return [Finding(d.where, False, d.what, d.remedy) for _, d in sorted(damages.items())]


def _secret(settings: Settings) -> Finding:
    if settings.key_secret != DEMO_SECRET:
        return Finding("key secret", True, "set")
    try:
        danger = exposed_keys(settings)
    except LakewardError:  # the finding `interfaces` says what is wrong
        danger = None
    # healthy with the demo secret, too, where all is the demo's: the quickstart runs with it
    state = danger.what if danger else "the public demo secret (synthetic data only)"
    return Finding("key secret", not danger, state, danger.remedy if danger else "")


def _port() -> Finding:
    # connects and does not bind: this command changes nothing
    with socket.socket() as probe:
        probe.settimeout(0.5)
        taken = probe.connect_ex(("127.0.0.1", UI_PORT)) == 0
    state = "taken (by an open UI? else: lakeward dev --port 3001)" if taken else "free"
    # a taken port is no fault: it may be our own UI
    return Finding(f"port {UI_PORT}", True, state)
