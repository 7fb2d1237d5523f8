"""Releases: which versions of which tables readers see.

One commit to the table `release` publishes a unit (the canonical store, or one worklist or metric);
a unit that broke its contract is entered as `held` and keeps its last good versions. Rollback is a
new release that pins old versions. Who judges a unit is decided elsewhere.
"""

from collections.abc import Mapping, Sequence
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
    description="Which table versions are published, or why not",
    grain="One row per release and table",
    columns=(
        Column("release_id", "VARCHAR", Phi.N, "One identifier per unit and decision"),
        Column("sequence", "BIGINT", Phi.N, "Order of the decisions, from 1"),
        Column("unit", "VARCHAR", Phi.N, "canonical, or one worklist or metric"),
        Column("table", "VARCHAR", Phi.N, "Table that is pinned"),
        Column("delta_version", "BIGINT", Phi.N, "Delta version that is pinned"),
        Column("day", "DATE", Phi.N, "Business day"),
        Column("as_of", "TIMESTAMP WITH TIME ZONE", Phi.N, "Cut-off of the business day"),
        Column("contract_version", "VARCHAR", Phi.N, "Version of the contract that judged it"),
        Column("state", "VARCHAR", Phi.N, "released or held"),
        Column("held_by", "VARCHAR[]", Phi.N, "Rules of severity error that failed"),
        Column("created_at", "TIMESTAMP WITH TIME ZONE", Phi.N, "When the decision was made"),
        Column("run_id", "VARCHAR", Phi.N, "Run that decided"),
    ),
)


@dataclass(frozen=True)
class Release:
    """One decision on a unit: `pins` maps its tables to Delta versions."""

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


def history(lake: Lake, unit: str | None = None) -> list[Release]:
    """List all decisions, newest first, of one unit or of all."""
    version = newest_version(lake, RELEASE.name)
    if version is None:
        return []
    stamp = commit_stamp(lake, RELEASE.name, version)
    return [r for r in _history(lake, version, stamp) if unit in (None, r.unit)]


@lru_cache(maxsize=8)
def _history(lake: Lake, version: int, stamp: tuple[int, int] | None) -> tuple[Release, ...]:
    """Read the decisions of one version once per process."""
    del stamp  # part of the key
    with connect(lake, tables=[RELEASE.name], pins={RELEASE.name: version}) as connection:
        rows = connection.execute(
            'select release_id, sequence, unit, list("table" order by "table"),'
            ' list(delta_version order by "table"), any_value(day), any_value(as_of),'
            " any_value(contract_version), any_value(state), any_value(held_by),"
            " any_value(created_at), any_value(run_id)"
            " from release group by release_id, sequence, unit order by sequence desc"
        ).fetchall()
    return tuple(
        Release(i, n, u, dict(zip(tables, versions, strict=True)), d, a, c, s, tuple(h), at, run)
        for i, n, u, tables, versions, d, a, c, s, h, at, run in rows
    )


def current(
    lake: Lake, unit: str, *, day: date | None = None, known_at: datetime | None = None
) -> Release | None:
    """Give the release that readers see, optionally of a day or as known at an instant."""
    for release in history(lake, unit):
        if (
            release.state == "released"
            and (day is None or release.day == day)
            and (known_at is None or release.created_at <= known_at)
        ):
            return release
    return None


def latest(lake: Lake, unit: str) -> Release | None:
    """Give the newest decision on a unit, released or held."""
    return next(iter(history(lake, unit)), None)


def newest_day(lake: Lake) -> date | None:
    """Give the newest day of which the canonical store was released."""
    released = [r.day for r in history(lake, "canonical") if r.state == "released"]
    return max(released, default=None)


def decide(
    lake: Lake,
    unit: str,
    pins: Mapping[str, int],
    *,
    day: date,
    as_of: datetime,
    contract_version: str,
    held_by: Sequence[str],
    run_id: str,
) -> Release:
    """Publish a unit, or hold it when rules failed; the newest decision is not repeated."""
    state: State = "held" if held_by else "released"
    newest = latest(lake, unit)
    same = newest is not None and (newest.pins, newest.day, newest.state, newest.held_by) == (
        dict(pins),
        day,
        state,
        tuple(held_by),
    )
    if newest is not None and same and newest.contract_version == contract_version:
        return newest
    return _commit(lake, unit, pins, day, as_of, contract_version, state, tuple(held_by), run_id)


def rollback(lake: Lake, release_id: str, *, run_id: str) -> Release:
    """Publish again what an earlier release pinned.

    Raises:
        UsageError: There is no such release, or it was held.
    """
    release = find(lake, release_id)
    if release.state != "released":
        raise UsageError(
            f"release {release_id}",
            "was held and never published",
            "a release in state released",
            "run `lakeward release list`",
        )
    return _commit(
        lake,
        release.unit,
        release.pins,
        release.day,
        release.as_of,
        release.contract_version,
        "released",
        (),
        run_id,
    )


def find(lake: Lake, release_id: str) -> Release:
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


def published_pins(lake: Lake, known_at: datetime | None = None) -> dict[str, int]:
    """Give the table versions that readers see now, or saw at an instant."""
    pins: dict[str, int] = {}
    seen: set[str] = set()
    for release in history(lake):
        known = known_at is None or release.created_at <= known_at
        if release.state == "released" and release.unit not in seen and known:
            seen.add(release.unit)
            pins.update(release.pins)
    return pins


def unpublished(lake: Lake, pins: Mapping[str, int]) -> frozenset[str]:
    """Give the tables under contract that no release shows."""
    return frozenset(load_contracts()) - frozenset(pins)


def pins_known_at(lake: Lake, known_at: datetime) -> dict[str, int]:
    """Give the version of each table that is not under contract as it stood at an instant."""
    pins = {}
    for name in table_names(lake):
        opened = open_table(lake, name)
        if opened is not None:
            past = [
                int(commit["version"])
                for commit in opened.history()
                if int(commit["timestamp"]) <= known_at.timestamp() * 1000
            ]
            pins[name] = max(past, default=0)
    return pins


def _commit(
    lake: Lake,
    unit: str,
    pins: Mapping[str, int],
    day: date,
    as_of: datetime,
    contract_version: str,
    state: State,
    held_by: tuple[str, ...],
    run_id: str,
) -> Release:
    ensure_table(lake, RELEASE)
    newest = next(iter(history(lake)), None)
    sequence = newest.sequence + 1 if newest else 1
    release = Release(
        release_id=str(uuid5(NAMESPACE_URL, f"lakeward:release:{unit}:{sequence}")),
        sequence=sequence,
        unit=unit,
        pins=dict(pins),
        day=day,
        as_of=as_of,
        contract_version=contract_version,
        state=state,
        held_by=held_by,
        created_at=datetime.now(UTC),
        run_id=run_id,
    )
    shared = {k: v for k, v in vars(release).items() if k != "pins"} | {"held_by": list(held_by)}
    rows = [{**shared, "table": t, "delta_version": v} for t, v in sorted(pins.items())]
    write(lake, RELEASE, pa.Table.from_pylist(rows), mode="append")
    return release
