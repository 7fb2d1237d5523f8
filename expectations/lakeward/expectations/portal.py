"""Renders `site/`: Data Docs, the quality history, and one page that leads to both; no PHI.

Always the last step, whatever failed before it: reviewers need the reports most on such days.
"""

from datetime import date
from pathlib import Path

from lakeward.core.settings import Settings
from lakeward.expectations.docs import build_docs
from lakeward.expectations.pages import render_page
from lakeward.expectations.quality_page import render_quality_history
from lakeward.expectations.unit import docs_context
from lakeward.lake.release import history
from lakeward.lake.tables import Lake


def render_site(settings: Settings, day: date) -> dict[str, Path]:
    """Render all reports; return the page to begin with in each, by name."""
    lake, site = Lake(settings.home.lake), settings.home.site
    site.mkdir(parents=True, exist_ok=True)
    pages = {
        "data_docs": build_docs(docs_context(settings)),
        "quality": render_quality_history(lake, site),
    }
    newest = {release.unit: release for release in reversed(history(lake))}
    releases = [newest[unit] for unit in sorted(newest)]
    index = site / "index.html"
    index.write_text(render_page("portal.html.j2", day=day, releases=releases), encoding="utf-8")
    return {"index": index, **pages}
