"""What quality history means over time: what changed, since when a rule fails, odd volumes.

Pure functions over rows of `history`; how it looks belongs to `quality_page`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Literal

from lakeward.expectations.history import NightlyResult

ChangeKind = Literal["broken", "mended", "new and broken", "no longer checked"]

_NIGHTS_FOR_VOLUME = 4
"""With fewer nights before it, nothing can be called unusual."""
_DEVIATIONS = 3


@dataclass(frozen=True)
class ResultChange:
    """A rule whose result differs from the night before."""

    table: str
    rule_id: str
    change: ChangeKind


@dataclass(frozen=True)
class Failing:
    """A rule that is broken now, and the first night of the unbroken row of failures."""

    now: NightlyResult
    since: date


def days(history: Sequence[NightlyResult]) -> list[date]:
    """List the nights that were checked, oldest first."""
    return sorted({night.day for night in history})


def result_changes(history: Sequence[NightlyResult]) -> list[ResultChange]:
    """Compare each table's newest night with the night that was checked before it."""
    found: list[ResultChange] = []
    for table in sorted({night.table for night in history}):
        mine = [night for night in history if night.table == table]
        checked = days(mine)
        # a table that this night did not reach has no news
        if len(checked) == 1 or checked[-1] != days(history)[-1]:
            continue
        now = {night.rule_id: night.passed for night in mine if night.day == checked[-1]}
        before = {night.rule_id: night.passed for night in mine if night.day == checked[-2]}
        for rule_id in sorted(now.keys() | before.keys()):
            change = _change(before.get(rule_id), now.get(rule_id))
            if change is not None:
                found.append(ResultChange(table, rule_id, change))
    return found


def failing(history: Sequence[NightlyResult]) -> list[Failing]:
    """List the rules that are broken in the newest night of their table, errors first."""
    newest = {night.table: night.day for night in history}  # rows come oldest first
    found = []
    for now in history:
        if now.passed or now.day != newest[now.table]:
            continue
        past = [n for n in history if (n.table, n.rule_id) == (now.table, now.rule_id)]
        since = now.day
        for night in reversed(past):
            if night.passed:
                break
            since = night.day
        found.append(Failing(now, since))
    return sorted(found, key=lambda f: (f.now.severity, f.since, f.now.table, f.now.rule_id))


def volumes(history: Sequence[NightlyResult], table: str) -> list[tuple[date, int]]:
    """Count the rows of a table night by night: no rule looks at more than all of them."""
    rows: dict[date, int] = {}
    for night in history:
        if night.table == table and night.rule_id != "columns":  # that one looks at columns
            rows[night.day] = max(rows.get(night.day, 0), night.evaluated)
    return sorted(rows.items())


def odd_volume(series: Sequence[tuple[date, int]]) -> str:
    """Say in words when the newest number is far from the nights before it, else nothing.

    Far is more than three median absolute deviations. A deviation is at least a tenth of the
    median, or a table that never changed would be odd at its first new row.
    """
    if len(series) <= _NIGHTS_FOR_VOLUME:
        return ""
    *past, now = [rows for _, rows in series]
    # median and not mean: one empty night among the past would widen what is usual
    middle = median(past)
    spread = max(median(abs(rows - middle) for rows in past), middle / 10, 1)
    if abs(now - middle) <= _DEVIATIONS * spread:
        return ""
    return f"{'more' if now > middle else 'fewer'} rows than usual ({now}, usually {middle:g})"


def _change(before: bool | None, now: bool | None) -> ChangeKind | None:  # noqa: FBT001  two nights' results
    if before is None:
        return "new and broken" if now is False else None
    if now is None:
        return "no longer checked"
    if before == now:
        return None
    return "mended" if now else "broken"
