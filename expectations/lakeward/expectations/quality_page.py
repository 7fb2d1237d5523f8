"""The quality history page: what broke, since when, whose it is, what changed since yesterday.

One static, self-contained page at `<site>/quality/index.html` that a reviewer reads first; it
links into Data Docs for detail. It shows counts, names and promises, never a value. Its words and
structure are in `templates/quality.html.j2`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lakeward.contracts import Contract, load_contracts
from lakeward.core.html_pages import render_page
from lakeward.expectations.history import NightlyResult, nightly_results
from lakeward.expectations.no_effect import NoEffect, without_effect
from lakeward.expectations.trend import Failing, days, failing, odd_volume, result_changes, volumes
from lakeward.lake.tables import Lake

_DATA_DOCS = "data_docs"


@dataclass(frozen=True)
class Headline:
    """The first line: how many rules were checked in the newest night, how many are broken."""

    mark: str
    checked: int
    broken: int
    errors: int


@dataclass(frozen=True)
class News:
    """One line about what changed since the night before."""

    mark: str
    kind: str
    table: str
    text: str


@dataclass(frozen=True)
class RuleLine:
    """One rule in its newest night; `since` and `owner` are shown of broken rules only."""

    now: NightlyResult
    promise: str
    mark: str = ""
    link: str = ""
    since: date | None = None
    owner: str = ""


@dataclass(frozen=True)
class NightCell:
    """One table in one night."""

    mark: str
    sign: str
    title: str
    link: str = ""


@dataclass(frozen=True)
class TableLine:
    """One table over all nights; `points` draws its rows in a box of 100 by 24."""

    table: str
    owner: str
    cells: tuple[NightCell, ...]
    points: str
    rows: int


@dataclass(frozen=True)
class TablePromises:
    """All rules of one table in its newest night."""

    name: str
    rules: tuple[RuleLine, ...]


def render_quality_history(lake: Lake, site: Path, *, last: int = 30) -> Path:
    """Write the page from the history of the last nights; build Data Docs before it."""
    page = site / "quality" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    history = nightly_results(lake, last=last)
    html = quality_html(history, load_contracts(), site, without_effect(lake))
    page.write_text(html, encoding="utf-8")
    return page


def quality_html(
    history: Sequence[NightlyResult],
    contracts: Mapping[str, Contract],
    site: Path,
    no_effect: Sequence[NoEffect] = (),
) -> str:
    """Render the page of a history; pages of Data Docs that lie in `site` are linked to.

    Args:
        history: What rules found.
        contracts: Whose rules.
        site: Where Data Docs lie.
        no_effect: Counts of records without an effect.
    """
    has_docs = (site / _DATA_DOCS / "index.html").is_file()
    broken = failing(history)
    return render_page(
        "lakeward.expectations",
        "quality.html.j2",
        docs_link=f"../{_DATA_DOCS}/index.html" if has_docs else "",
        days=days(history),
        headline=_headline(history, broken),
        news=_news(history, contracts),
        broken=[_broken_line(each, contracts, site) for each in broken],
        grid=[_table_line(history, table, contracts, site) for table in _tables(history)],
        promises=[_promises(history, table, contracts) for table in _tables(history)],
        to_mend=[each for each in no_effect if not each.is_expected],
        as_it_should_be=[each for each in no_effect if each.is_expected],
    )


def _headline(history: Sequence[NightlyResult], broken: Sequence[Failing]) -> Headline:
    errors = sum(f.now.severity == "error" for f in broken)
    newest = days(history)[-1:]  # none before the first night
    checked = sum(night.day in newest for night in history)
    return Headline("bad" if errors else "warn" if broken else "good", checked, len(broken), errors)


def _news(history: Sequence[NightlyResult], contracts: Mapping[str, Contract]) -> list[News]:
    marks = {"mended": "good", "no longer checked": "warn"}
    news = [
        News(marks.get(c.change, "bad"), c.change, c.table, _promise(contracts, c.table, c.rule_id))
        for c in result_changes(history)
    ]
    odd = {table: odd_volume(volumes(history, table)) for table in _tables(history)}
    return news + [News("warn", "volume", table, text) for table, text in odd.items() if text]


def _broken_line(each: Failing, contracts: Mapping[str, Contract], site: Path) -> RuleLine:
    now = each.now
    return RuleLine(
        now=now,
        promise=_promise(contracts, now.table, now.rule_id),
        mark="bad" if now.severity == "error" else "warn",
        link=_link(site, now.table, now.day),
        since=each.since,
        owner=_owner(contracts, now.table),
    )


def _table_line(
    history: Sequence[NightlyResult], table: str, contracts: Mapping[str, Contract], site: Path
) -> TableLine:
    series = volumes(history, table)
    return TableLine(
        table=table,
        owner=_owner(contracts, table),
        cells=tuple(_cell(history, table, day, site) for day in days(history)),
        points=_points([rows for _, rows in series]),
        rows=series[-1][1] if series else 0,
    )


def _cell(history: Sequence[NightlyResult], table: str, day: date, site: Path) -> NightCell:
    mine = [night for night in history if night.table == table and night.day == day]
    # not green: a table that a night did not reach must not look as if it had passed
    if not mine:
        return NightCell("none", "·", "not checked")
    errors = sum(not n.passed and n.severity == "error" for n in mine)
    warnings = sum(not n.passed and n.severity != "error" for n in mine)
    mark, sign = ("bad", f"✗ {errors}") if errors else ("good", "✓")
    if warnings and not errors:
        mark, sign = "warn", f"! {warnings}"
    title = f"{table}, {day}: {errors} blocking, {warnings} warnings, {len(mine)} rules"
    return NightCell(mark, sign, title, _link(site, table, day))


def _promises(
    history: Sequence[NightlyResult], table: str, contracts: Mapping[str, Contract]
) -> TablePromises:
    newest = {night.table: night.day for night in history}  # rows come oldest first
    mine = [n for n in history if n.table == table and n.day == newest[table]]
    return TablePromises(
        table, tuple(RuleLine(n, _promise(contracts, table, n.rule_id)) for n in mine)
    )


def _points(rows: Sequence[int]) -> str:
    """Draw numbers as the points of a line, left to right, the greatest at the top (y = 2)."""
    top = max(rows, default=0) or 1
    step = 100 / max(len(rows) - 1, 1)  # one night is a single point
    return " ".join(f"{i * step:.1f},{22 - 20 * n / top:.1f}" for i, n in enumerate(rows))


def _link(site: Path, table: str, day: date) -> str:
    """Return the way to the newest Data Docs page of a table's night, empty when there is none."""
    # <table>/<day>__<run>/<time>/<table>.html: a night that was repeated has several
    folder = site / _DATA_DOCS / "validations" / table
    pages = sorted(folder.glob(f"{day}__*/*/*.html"), key=lambda path: path.parent.name)
    return f"../{pages[-1].relative_to(site).as_posix()}" if pages else ""


def _tables(history: Sequence[NightlyResult]) -> list[str]:
    return sorted({night.table for night in history})


def _promise(contracts: Mapping[str, Contract], table: str, rule_id: str) -> str:
    rules = contracts[table].rules if table in contracts else ()
    # history outlives contracts: a rule that was removed since is shown by its id
    return next((rule.description for rule in rules if rule.id == rule_id), rule_id)


def _owner(contracts: Mapping[str, Contract], table: str) -> str:
    return contracts[table].owner.removeprefix("team:") if table in contracts else ""
