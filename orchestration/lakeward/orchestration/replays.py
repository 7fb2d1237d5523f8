"""Replays put together: what would change, and the commit.

The rules of a replay are in `lakeward.quarantine`, what a format does with a record in its
`Format`. Here the steps of a night that a preview needs are called on a scratch copy of the lake.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from lakeward.assets.formats import format_of
from lakeward.assets.home import business_day
from lakeward.assets.units import release_units
from lakeward.core.paths import Home
from lakeward.core.settings import Settings
from lakeward.lake.candidate import contract_table
from lakeward.lake.compare import Change, changes
from lakeward.lake.dbt import build
from lakeward.lake.lock import sole_writer
from lakeward.lake.query import connect
from lakeward.lake.release import newest_day
from lakeward.lake.scratch import scratch_home
from lakeward.lake.tables import Lake, newest_version
from lakeward.landing.business_calendar import load_calendar
from lakeward.landing.deliveries import Delivery
from lakeward.landing.ledger import LEDGER_ENTRY, FileCounts, pending, register
from lakeward.landing.sources import Inventory, load_inventory
from lakeward.quarantine.compose import ReplayFile, ReplayPlan
from lakeward.quarantine.records import Rejected, Selection
from lakeward.quarantine.replay import Actor, Prepared, ReplayCheck, choose, commit, finish, prepare
from lakeward.quarantine.table import QUARANTINE
from lakeward.quarantine.trail import ACTION


@dataclass(frozen=True)
class Replay:
    """What a replay came to: what comes again, what would be rejected again, what was done before.

    `changes` is None unless a preview was asked for.
    """

    prepared: Prepared
    already: int
    day: date | None
    changes: Sequence[Change] | None = None


def replay(
    settings: Settings, selection: Selection, actor: Actor, correction: bytes | None = None
) -> Replay:
    """Bring rejected records back as a delivery; the next run loads it.

    Raises:
        UsageError: An id or the source is unknown.
        RetryableError: A run writes the lake.
    """
    home, lake, inventory = _opened(settings, selection)
    with sole_writer(home):
        # a kill may have left files hidden that the trail names: no night would ever load them
        finish(lake, home.landing)
        records, already = choose(lake, home.landing, selection)
        # the check is a load in a copy: what would be rejected again gets no
        # file, no trail, no second row
        with scratch_home(home, _tables(inventory, records)) as scratch:
            prepared = _prepare(home, inventory, scratch, records, correction)
            if prepared.files:
                commit(lake, home.landing, prepared, actor, edited=correction is not None)
    return Replay(prepared, already, _run_day(lake, prepared))


def preview(settings: Settings, selection: Selection, correction: bytes | None = None) -> Replay:
    """Say which canonical rows a replay would change; nothing is committed.

    The canonical store is built twice in a scratch copy of the lake, without and with the replay,
    so that only what the replay changes is shown.

    Raises:
        UsageError: An id or the source is unknown.
        RetryableError: A run writes the lake.
    """
    home, lake, inventory = _opened(settings, selection)
    with ExitStack() as held:
        # held while the copies are made and no longer: a night must not wait for two builds
        with sole_writer(home):
            records, already = choose(lake, home.landing, selection)
            checking = held.enter_context(scratch_home(home, _tables(inventory, records)))
            trying = held.enter_context(scratch_home(home, None if records else ()))
        prepared = _prepare(home, inventory, checking, records, correction)
        day = _run_day(lake, prepared)
        found = _changes(settings, inventory, trying, prepared, day) if day else []
    return Replay(prepared, already, day, found)


def _opened(settings: Settings, selection: Selection) -> tuple[Home, Lake, Inventory]:
    inventory = load_inventory(settings.home)
    if selection.source:
        inventory.source(selection.source)
    return settings.home, Lake(settings.home.lake), inventory


def _tables(inventory: Inventory, records: Sequence[Rejected]) -> list[str]:
    """Name the tables that loading needs; none when there is nothing to load."""
    raw = {format_of(inventory.source(r.source)).raw.name for r in records}
    return [LEDGER_ENTRY.name, QUARANTINE.name, ACTION.name, *sorted(raw)] if raw else []


def _prepare(
    home: Home,
    inventory: Inventory,
    scratch: Home,
    records: Sequence[Rejected],
    correction: bytes | None,
) -> Prepared:
    sources = {record.source for record in records}
    shapes = {s: format_of(inventory.source(s)).shape for s in sources}
    plan = ReplayPlan(Lake(scratch.lake), home.landing, shapes, correction)
    return prepare(plan, scratch.landing, records, partial(_check, scratch, inventory))


def _check(
    scratch: Home, inventory: Inventory, landing: Path, files: Sequence[ReplayFile]
) -> Mapping[str, ReplayCheck]:
    """Load files in a scratch lake and see what is rejected."""
    lake, counts = Lake(scratch.lake), _load(scratch, inventory, landing, files)
    with connect(lake, tables=[QUARANTINE.name]) as connection:
        rows = connection.execute(
            "select file, position, reason from quarantine where file in (select unnest(?))",
            [list(counts)],
        ).fetchall()
    rejected: dict[str, dict[int, str]] = {file: {} for file in counts}
    for file, position, reason in rows:
        rejected[file][position] = reason
    return {
        file: ReplayCheck(count.found, rejected[file], is_data=count.state == "loaded")
        for file, count in counts.items()
    }


def _load(
    scratch: Home, inventory: Inventory, landing: Path, files: Sequence[ReplayFile]
) -> dict[str, FileCounts]:
    """Load replay files, and nothing else that may be pending; return the counts by file.

    With the specs of the deployment, which a scratch home shows, as a night would.
    """
    lake = Lake(scratch.lake)
    found: dict[str, FileCounts] = {}
    for name in sorted({file.source for file in files}):
        mine = [file for file in files if file.source == name]
        arrived = [Delivery(name, file.day, (landing / file.file,)) for file in mine]
        register(lake, landing, arrived)
        source, wanted = inventory.source(name), {file.file for file in mine}
        # files of the next night may be pending, too: a preview would show what they change
        entries = [entry for entry in pending(lake, name) if entry.file in wanted]
        format_ = format_of(source)
        counts = format_.load(lake, landing, source, entries, format_.own_specs(scratch))
        files_of = {entry.received: entry.file for entry in entries}
        found |= {files_of[count.received]: count for count in counts}
    return found


def _run_day(lake: Lake, prepared: Prepared) -> date | None:
    """Return the day whose run loads what comes again: never one behind the newest released day."""
    days = [file.day for file in prepared.files]
    newest = newest_day(lake)
    # an older day would be exported from its own release and load nothing
    return max([*days, *([newest] if newest else [])]) if days else None


def _changes(
    settings: Settings, inventory: Inventory, scratch: Home, prepared: Prepared, day: date
) -> list[Change]:
    """Build the canonical store of a scratch lake without and with the replay, and compare."""
    lake, tried = Lake(scratch.lake), settings.model_copy(update={"home": scratch})
    canonical = release_units()[0]
    variables = business_day(inventory, load_calendar(scratch, inventory), day).variables
    build(tried, canonical.select, variables)
    before = {c.name: newest_version(lake, c.name) for c in canonical.contracts}
    _load(scratch, inventory, prepared.folder, prepared.files)
    for format_ in {format_of(inventory.source(file.source)) for file in prepared.files}:
        format_.flatten(lake, format_.own_specs(scratch))
    build(tried, canonical.select, variables)
    return [
        change
        for c in canonical.contracts
        for change in changes(
            lake, contract_table(c), c.primary_key, before[c.name], newest_version(lake, c.name)
        )
    ]
