"""Renders `site/`: Data Docs, the quality history, and one page that leads to both; no PHI.

Always the last step, whatever failed before it: reviewers need the reports most on such days. The
words of the page are in `templates/portal.html.j2`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from lakeward.contracts import Contract, load_contracts
from lakeward.core.html_pages import render_page
from lakeward.core.settings import Settings
from lakeward.expectations.docs import build_docs
from lakeward.expectations.quality_page import render_quality_history
from lakeward.expectations.unit import docs_context
from lakeward.lake.release import Release, history
from lakeward.lake.tables import Lake
from lakeward.landing.coverage import SourceCoverage
from lakeward.landing.sources import load_inventory


@dataclass(frozen=True)
class Product:
    """A release unit as the page shows it.

    Attributes:
        newest: The last decision on it.
        seen: The day of the data that readers see; None when nothing was released.
        is_late: Whether they are older than its contracts allow.
        latency: How old they may be, in words.
        retention: How long they are kept.
        owners: Teams that answer for it.
        contacts: Their mail addresses.
    """

    newest: Release
    seen: date | None
    is_late: bool
    latency: str
    retention: str
    owners: str
    contacts: tuple[str, ...]


@dataclass(frozen=True)
class ListOfDay:
    """A worklist of the day as the page shows it.

    Attributes:
        name: Its short name.
        condition: fresh, marked, stale or blocked.
        known_until: Up to when its sources are known, in words.
        because: Why it is not fresh, a line each.
        owner: Who answers for it.
    """

    name: str
    condition: str
    known_until: str
    because: tuple[str, ...]
    owner: str


_WORST_FIRST = ("blocked", "stale", "marked", "fresh")


def render_site(
    settings: Settings,
    day: date,
    *,
    lists: Sequence[ListOfDay],
    sources: Sequence[SourceCoverage],
) -> dict[str, Path]:
    """Render all reports; return the page to begin with in each, by name.

    Args:
        settings: Where the lake is, and the site goes.
        day: The business day.
        lists: What became of each worklist of the day.
        sources: What is known of each source.
    """
    lake, site = Lake(settings.home.lake), settings.home.site
    site.mkdir(parents=True, exist_ok=True)
    pages = {
        "data_docs": build_docs(docs_context(settings)),
        "quality": render_quality_history(lake, site),
    }
    index = site / "index.html"
    contracts = list(load_contracts().values())
    # the zone of the lists: 05:00 beside their 00:00 read as another instant
    zone = ZoneInfo(load_inventory(settings.home).facility.time_zone)
    decisions = history(lake)
    html = portal_html(decisions, contracts, day, lists=lists, sources=sources, zone=zone)
    index.write_text(html, encoding="utf-8")
    return {"index": index, **pages}


def portal_html(
    decisions: Sequence[Release],
    contracts: Sequence[Contract],
    day: date,
    *,
    lists: Sequence[ListOfDay] = (),
    sources: Sequence[SourceCoverage] = (),
    zone: tzinfo = UTC,
) -> str:
    """Render the page of some decisions, newest first, as of a day; the worst lists first.

    Instants are shown in `zone`.
    """
    products = [
        _product(
            [r for r in decisions if r.unit == unit], [c for c in contracts if c.unit == unit], day
        )
        for unit in sorted({r.unit for r in decisions})
    ]
    return render_page(
        "lakeward.expectations",
        "portal.html.j2",
        day=day,
        products=products,
        lists=sorted(lists, key=lambda each: (_WORST_FIRST.index(each.condition), each.name)),
        sources=sources,
        zone=zone,
    )


def _product(decisions: Sequence[Release], contracts: Sequence[Contract], day: date) -> Product:
    # newest first, and by decision, not by day: after a rollback readers see the older day
    seen = next((r.day for r in decisions if r.state == "released"), None)
    # the tables of a unit are released together: the strictest of them counts
    latency = min((c.latency for c in contracts if c.latency is not None), default=None)
    return Product(
        newest=decisions[0],
        seen=seen,
        # both days stand for their cut-offs, so the difference is the age of the data
        is_late=latency is not None and (seen is None or day - seen > latency),
        latency="" if latency is None else _in_hours(latency),
        retention=_listed(c.retention for c in contracts),
        owners=_listed(c.owner.removeprefix("team:") for c in contracts),
        contacts=tuple(sorted({c.owner_email for c in contracts if c.owner_email})),
    )


def _in_hours(latency: timedelta) -> str:
    return f"{latency / timedelta(hours=1):g} h"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted({value for value in values if value}))
