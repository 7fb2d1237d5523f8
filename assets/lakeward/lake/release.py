"""Releases: which versions of which tables readers see.

One commit to the table `release` releases a unit (the canonical store, or one worklist or metric);
a unit that broke its contract is entered as `held` and keeps its last good versions. Rollback is a
new release that pins old versions. Checking a unit belongs to `lakeward.expectations`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa

from lakeward.contracts import load_contracts
from lakeward.core.errors import UsageError
from lakeward.core.phi import Phi
from lakeward.lake.query import connect
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    commit_stamp,
    ensure_table,
    newest_version,
    open_table,
    table_names,
    write,
)

State = Literal["released", "held"]

RELEASE = TableSpec(
    name="release",
    description="Which table versions are released, or why not",
    grain="One row per release and table",
    columns=(
        Column("release_id", "VARCHAR", Phi.N, "One identifier per unit and decision"),
        Column("sequence", "BIGINT", Phi.N, "Order of the decisions, from 1"),
        Column("unit", "VARCHAR", Phi.N, "canonical, or one worklist or metric"),
        Column("table", "VARCHAR", Phi.N, "Table that is pinned"),
        Column("delta_version", "BIGINT", Phi.N, "Delta version that is pinned"),
        Column("day", "DATE", Phi.N, "Business day"),
        Column("as_of", "TIMESTAMP WITH TIME ZONE", Phi.N, "Cut-off of the business day"),
        Column("contract_version", "VARCHAR", Phi.N, "Version of the contract it was checked by"),
        Column("state", "VARCHAR", Phi.N, "released or held"),
        Column("held_by", "VARCHAR[]", Phi.N, "Rules of severity error that failed"),
        Column("created_at", "TIMESTAMP WITH TIME ZONE", Phi.N, "When the decision was made"),
        Column("run_id", "VARCHAR", Phi.N, "Run that decided"),
        Column("overrides", "VARCHAR[]", Phi.N, "Seeds of which the site set rows, with SHA-256"),
    ),
)


@dataclass(frozen=True)
class Decision:
    """What is decided on a unit: these versions of its tables, released or held.

    Attributes:
        unit: `canonical`, or one worklist or metric.
        pins: Delta version of each of its tables.
        day: Business day.
        as_of: Cut-off of the business day.
        contract_version: Versions of the contracts that it was checked by.
        held_by: `<table>.<rule>` of each broken rule of severity error; empty: it is released.
        run_id: The run that decides.
        overrides: Seeds of which the site set rows, each with the SHA-256 of its file.
    """

    unit: str
    pins: Mapping[str, int]
    day: date
    as_of: datetime
    contract_version: str
    held_by: tuple[str, ...]
    run_id: str
    overrides: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """What becomes of the unit."""
        return "held" if self.held_by else "released"


@dataclass(frozen=True)
class Release:
    """One decision as it was committed; `sequence` counts the decisions on all units, from 1."""

    release_id: str
    sequence: int
    unit: str
    pins: Mapping[str, int]
    day: date
    as_of: datetime
    contract_version: str
    state: State
    held_by: tuple[str, ...]
    created_at: datetime
    run_id: str
    overrides: tuple[str, ...] = ()

    def repeats(self, decision: Decision) -> bool:
        """Return whether a decision would say the same again, whichever run makes it."""
        # without `run_id` and `created_at`: a night that is run twice is one decision
        return all(
            getattr(self, name) == getattr(decision, name)
            for name in (
                "unit",
                "pins",
                "day",
                "state",
                "held_by",
                "contract_version",
                "overrides",
            )
        )


@dataclass(frozen=True)
class _Commit:
    """One commit of the table `release`.

    The stamp is that of its file in the log: tests, and people who set up a home again, make
    another version 0 at the same path, and what was read of the first must not be taken for it.
    """

    lake: Lake
    version: int
    stamp: tuple[int, int] | None


def history(lake: Lake, unit: str | None = None) -> list[Release]:
    """List all decisions, newest first, of one unit or of all."""
    version = newest_version(lake, RELEASE.name)
    if version is None:
        return []
    commit = _Commit(lake, version, commit_stamp(lake, RELEASE.name, version))
    return [r for r in _decisions(commit) if unit in (None, r.unit)]


@lru_cache(maxsize=8)
def _decisions(commit: _Commit) -> tuple[Release, ...]:
    """Read the decisions of one commit, once per process: every step of a night asks for them."""
    # pinned: what is cached under this version must not be read from a newer one
    pins = {RELEASE.name: commit.version}
    with connect(commit.lake, tables=[RELEASE.name], pins=pins) as connection:
        # an older version of Lakeward wrote none; the next decision adds the column
        has_overrides = "overrides" in connection.table(RELEASE.name).columns
        overrides = "any_value(overrides)" if has_overrides else "null"
        rows = connection.execute(
            'select release_id, sequence, unit, list("table" order by "table"),'
            ' list(delta_version order by "table"), any_value(day), any_value(as_of),'
            " any_value(contract_version), any_value(state), any_value(held_by),"
            f" any_value(created_at), any_value(run_id), {overrides}"
            " from release group by release_id, sequence, unit order by sequence desc"
        ).fetchall()
    return tuple(
        Release(
            i,
            n,
            u,
            dict(zip(tables, versions, strict=True)),
            d,
            a,
            c,
            s,
            tuple(h),
            at,
            run,
            tuple(o or ()),
        )
        for i, n, u, tables, versions, d, a, c, s, h, at, run, o in rows
    )


def current(
    lake: Lake, unit: str, *, day: date | None = None, known_at: datetime | None = None
) -> Release | None:
    """Return the release that readers see, optionally of a day or as known at an instant."""
    for release in history(lake, unit):
        if (
            release.state == "released"
            and (day is None or release.day == day)
            and (known_at is None or release.created_at <= known_at)
        ):
            return release
    return None


def latest(lake: Lake, unit: str) -> Release | None:
    """Return the newest decision on a unit, released or held."""
    return next(iter(history(lake, unit)), None)


def newest_day(lake: Lake) -> date | None:
    """Return the newest day of which the canonical store was released."""
    released = [r.day for r in history(lake, "canonical") if r.state == "released"]
    return max(released, default=None)


def decide(lake: Lake, decision: Decision) -> Release:
    """Commit a decision, unless it says what the newest decision on its unit says already."""
    newest = latest(lake, decision.unit)
    # only the newest counts: after a hold or a rollback the same versions are a decision again
    if newest is not None and newest.repeats(decision):
        return newest
    return _commit(lake, decision)


def rollback(lake: Lake, release_id: str, *, run_id: str) -> Release:
    """Publish again what an earlier release pinned.

    Raises:
        UsageError: There is no such release, or it was held.
    """
    release = find_release(lake, release_id)
    if release.state != "released":
        raise UsageError(
            f"release {release_id}",
            "was held and never released",
            "a release in state released",
            "run `lakeward release list`",
        )
    decision = Decision(
        unit=release.unit,
        pins=release.pins,
        day=release.day,
        as_of=release.as_of,
        contract_version=release.contract_version,
        held_by=(),
        run_id=run_id,
        overrides=release.overrides,
    )
    # no look at `repeats`: whoever rolls back wants it in the history, also to what is current
    return _commit(lake, decision)


def find_release(lake: Lake, release_id: str) -> Release:
    """Find a release by its id.

    Raises:
        UsageError: There is no such release.
    """
    for release in history(lake):
        if release.release_id == release_id:
            return release
    raise UsageError(
        f"release {release_id}", "unknown", "a release_id", "run `lakeward release list`"
    )


def released_pins(lake: Lake, known_at: datetime | None = None) -> dict[str, int]:
    """Return the version of each table that readers see now, or saw at an instant."""
    # newest first, so the first release of a unit is the one in force
    pins: dict[str, int] = {}
    seen: set[str] = set()
    for release in history(lake):
        known = known_at is None or release.created_at <= known_at
        if release.state == "released" and release.unit not in seen and known:
            seen.add(release.unit)
            pins.update(release.pins)
    return pins


def unreleased_tables(lake: Lake, pins: Mapping[str, int]) -> frozenset[str]:
    """Return the tables under contract that no release shows."""
    # a candidate that nobody released must not be seen by its name
    return frozenset(load_contracts()) - frozenset(pins)


def pins_known_at(
    lake: Lake, known_at: datetime, tables: Collection[str] | None = None
) -> dict[str, int]:
    """Return the version that tables (default: each of the lake) had at an instant."""
    pins = {}
    for name in table_names(lake) if tables is None else tables:
        opened = open_table(lake, name)
        if opened is not None:
            # Delta counts milliseconds
            past = [
                int(commit["version"])
                for commit in opened.history()
                if int(commit["timestamp"]) <= known_at.timestamp() * 1000
            ]
            # before its first rows: every table begins with an empty version 0, see `ensure_table`
            pins[name] = max(past, default=0)
    return pins


def _commit(lake: Lake, decision: Decision) -> Release:
    ensure_table(lake, RELEASE)
    newest = next(iter(history(lake)), None)
    sequence = newest.sequence + 1 if newest else 1
    release = Release(
        release_id=str(uuid5(NAMESPACE_URL, f"lakeward:release:{decision.unit}:{sequence}")),
        sequence=sequence,
        unit=decision.unit,
        pins=dict(decision.pins),
        day=decision.day,
        as_of=decision.as_of,
        contract_version=decision.contract_version,
        state=decision.state,
        held_by=decision.held_by,
        # read from the clock, unlike all that rules look at: `known_at` asks what readers saw when
        created_at=datetime.now(UTC),
        run_id=decision.run_id,
        overrides=decision.overrides,
    )
    # one row a table, in one commit: readers see the new versions of all tables of a unit or none
    shared = {name: value for name, value in vars(release).items() if name != "pins"}
    shared["held_by"] = list(release.held_by)
    shared["overrides"] = list(release.overrides)
    rows = [
        {**shared, "table": table, "delta_version": version}
        for table, version in sorted(release.pins.items())
    ]
    write(lake, RELEASE, pa.Table.from_pylist(rows), mode="append")
    return release
