"""The quality history page: what broke, since when, whose it is, what changed since yesterday.

One static, self-contained page at `<site>/quality/index.html` that a reviewer reads first; it
links into Data Docs for detail. It shows counts, names and promises, never a value.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from importlib import resources
from pathlib import Path

from lakeward.contracts import Contract, load_contracts
from lakeward.expectations.history import Night, nights
from lakeward.expectations.trend import Failing, changes, days, failing, odd_volume, volumes
from lakeward.lake.tables import Lake

_DATA_DOCS = "data_docs"
_NOTHING_FOREIGN = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)


def render_quality_history(lake: Lake, site: Path, *, last: int = 30) -> Path:
    """Write the page from the history of the last nights; build Data Docs before it."""
    page = site / "quality" / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    html = quality_html(nights(lake, last=last), load_contracts(), site)
    page.write_text(html, encoding="utf-8")
    return page


def quality_html(history: Sequence[Night], contracts: Mapping[str, Contract], site: Path) -> str:
    """Give the page for a history; `site` tells which Data Docs pages exist to link to."""
    style = resources.files("lakeward.expectations").joinpath("static", "quality.css")
    if history:
        broken = failing(history)
        body = (
            _summary(history, broken)
            + _changes(history, contracts)
            + _failing(broken, contracts, site)
            + _grid(history, contracts, site)
            + _promises(history, contracts)
        )
    else:
        body = "<p>No contract has been judged yet. Run <code>lakeward run</code>.</p>"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{_NOTHING_FOREIGN}<title>Quality history</title>"
        f"<style>{style.read_text(encoding='utf-8')}</style></head>"
        f"<body><header><h1>Quality history</h1>{_docs_link(site)}</header>"
        f"<main>{body}</main></body></html>\n"
    )


def _docs_link(site: Path) -> str:
    if not (site / _DATA_DOCS / "index.html").is_file():
        return ""
    return f'<nav><a href="../{_DATA_DOCS}/index.html">Data Docs</a></nav>'


def _summary(history: Sequence[Night], broken: Sequence[Failing]) -> str:
    errors = sum(f.now.severity == "error" for f in broken)
    newest = days(history)[-1]
    judged = sum(night.day == newest for night in history)
    mark = "bad" if errors else "warn" if broken else "good"
    verdict = (
        f"{errors} blocking and {len(broken) - errors} other rules are broken"
        if broken
        else "Every rule holds"
    )
    return (
        f'<p class="verdict {mark}">{verdict}.</p>'
        f"<p>{judged} rules were judged for {newest}; {len(days(history))} nights are shown.</p>"
    )


def _changes(history: Sequence[Night], contracts: Mapping[str, Contract]) -> str:
    lines = [
        f'<li><b class="{_change_mark(c.change)}">{c.change}</b> {escape(c.table)}: '
        f"{escape(_promise(contracts, c.table, c.rule_id))}</li>"
        for c in changes(history)
    ]
    for table in _tables(history):
        odd = odd_volume(volumes(history, table))
        if odd:
            lines.append(f'<li><b class="warn">volume</b> {escape(table)}: {odd}</li>')
    text = f"<ul>{''.join(lines)}</ul>"
    if not lines:
        first = len(days(history)) == 1
        text = "This is the first night." if first else "Nothing: all stands as the night before."
        text = f"<p>{text}</p>"
    return f"<h2>What changed since yesterday</h2>{text}"


def _change_mark(change: str) -> str:
    return "good" if change == "mended" else "warn" if change == "no longer judged" else "bad"


def _failing(broken: Sequence[Failing], contracts: Mapping[str, Contract], site: Path) -> str:
    if not broken:
        return ""
    rows = "".join(
        f'<tr><td class="{"bad" if f.now.severity == "error" else "warn"}">{f.now.severity}</td>'
        f"<td>{_linked(site, f.now.table, f.now.day, escape(f.now.table))}</td>"
        f"<td>{escape(_promise(contracts, f.now.table, f.now.rule_id))}"
        f"<small>{escape(f.now.rule_id)}, {escape(f.now.dimension)}</small></td>"
        f"<td class=n>{f.now.unexpected} of {f.now.evaluated}</td>"
        f"<td>{f.since}</td><td>{escape(_owner(contracts, f.now.table))}</td></tr>"
        for f in broken
    )
    return (
        "<h2>Broken now</h2><div class=wide><table><thead><tr><th>Severity<th>Table<th>Promise"
        f"<th>Broken by<th>Failing since<th>Owner</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _grid(history: Sequence[Night], contracts: Mapping[str, Contract], site: Path) -> str:
    shown = days(history)
    heads = "".join(
        f'<th class=c title="{day}">{day:%d}<small>{day:%b}</small></th>' for day in shown
    )
    rows = "".join(
        f"<tr><th scope=row>{escape(table)}<small>{escape(_owner(contracts, table))}</small></th>"
        + "".join(_cell(history, table, day, site) for day in shown)
        + f"<td>{_sparkline(volumes(history, table))}</td></tr>"
        for table in _tables(history)
    )
    return (
        "<h2>Night by night</h2><p>✓ every rule held, ! warnings, ✗ the release was blocked; "
        "the number says how many rules were broken.</p><div class=wide><table class=grid>"
        f"<thead><tr><th>Table{heads}<th>Rows</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(history: Sequence[Night], table: str, day: date, site: Path) -> str:
    mine = [night for night in history if night.table == table and night.day == day]
    if not mine:
        return '<td class="c none" title="not judged">·</td>'
    errors = sum(not n.passed and n.severity == "error" for n in mine)
    warnings = sum(not n.passed and n.severity != "error" for n in mine)
    mark, sign = ("bad", f"✗ {errors}") if errors else ("good", "✓")
    if warnings and not errors:
        mark, sign = "warn", f"! {warnings}"
    title = f"{table}, {day}: {errors} blocking, {warnings} warnings, {len(mine)} rules"
    return f'<td class="c {mark}" title="{escape(title)}">{_linked(site, table, day, sign)}</td>'


def _promises(history: Sequence[Night], contracts: Mapping[str, Contract]) -> str:
    newest = {night.table: night.day for night in history}
    parts = ["<h2>All promises</h2>"]
    for table in _tables(history):
        mine = [n for n in history if n.table == table and n.day == newest[table]]
        rows = "".join(
            f'<tr><td class="{"good" if n.passed else "bad"}">{"✓" if n.passed else "✗"}</td>'
            f"<td>{escape(_promise(contracts, table, n.rule_id))}</td>"
            f"<td>{escape(n.dimension)}</td><td>{n.severity}</td>"
            f"<td class=n>{n.unexpected} of {n.evaluated}</td></tr>"
            for n in mine
        )
        parts.append(
            f"<details><summary>{escape(table)}: {len(mine)} rules</summary>"
            f"<div class=wide><table><tbody>{rows}</tbody></table></div></details>"
        )
    return "".join(parts)


def _sparkline(series: Sequence[tuple[date, int]]) -> str:
    rows = [number for _, number in series]
    top = max(rows, default=0) or 1
    step = 100 / max(len(rows) - 1, 1)
    points = " ".join(f"{i * step:.1f},{22 - 20 * n / top:.1f}" for i, n in enumerate(rows))
    return (
        f'<svg viewBox="0 0 100 24" role="img" aria-label="rows per night">'
        f'<polyline points="{points}"/></svg> {rows[-1] if rows else 0}'
    )


def _linked(site: Path, table: str, day: date, text: str) -> str:
    """Link to the newest Data Docs page of a table's night, when there is one."""
    folder = site / _DATA_DOCS / "validations" / table
    pages = sorted(folder.glob(f"{day}__*/*/*.html"), key=lambda path: path.parent.name)
    if not pages:
        return text
    return f'<a href="../{escape(pages[-1].relative_to(site).as_posix())}">{text}</a>'


def _tables(history: Sequence[Night]) -> list[str]:
    return sorted({night.table for night in history})


def _promise(contracts: Mapping[str, Contract], table: str, rule_id: str) -> str:
    rules = contracts[table].rules if table in contracts else ()
    return next((rule.description for rule in rules if rule.id == rule_id), rule_id)


def _owner(contracts: Mapping[str, Contract], table: str) -> str:
    return contracts[table].owner.removeprefix("team:") if table in contracts else ""
