"""Renders `site/`: Data Docs, the quality history, and one page that leads to both; no PHI.

Always the last step, whatever failed before it: reviewers need the reports most on such days.
"""

from datetime import date
from html import escape
from pathlib import Path

from lakeward.core.settings import Settings
from lakeward.expectations.docs import build_docs
from lakeward.expectations.quality_page import render_quality_history
from lakeward.expectations.unit import docs_context
from lakeward.lake.release import history
from lakeward.lake.tables import Lake

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Lakeward reports</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; }}
body {{ margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8886; }}
.held {{ font-weight: 600; }}
</style></head><body>
<h1>Lakeward reports</h1>
<p>As of the night of {day}. These pages hold counts and rules, no patient data.</p>
<ul>
<li><a href="quality/index.html">Quality history</a>: what changed, what broke, since when</li>
<li><a href="data_docs/index.html">Data Docs</a>: every rule of every contract</li>
</ul>
<h2>What is published</h2>
<table><thead><tr><th scope="col">Product</th><th scope="col">Last decision</th>
<th scope="col">Day</th><th scope="col">Held by</th></tr></thead>
<tbody>
{rows}
</tbody></table>
</body></html>
"""


def render_site(settings: Settings, day: date) -> dict[str, Path]:
    """Render all reports and give the way in to each, by name."""
    lake, site = Lake(settings.home.lake), settings.home.site
    site.mkdir(parents=True, exist_ok=True)
    pages = {
        "data_docs": build_docs(docs_context(settings)),
        "quality": render_quality_history(lake, site),
    }
    index = site / "index.html"
    index.write_text(_PAGE.format(day=day, rows="\n".join(_rows(lake))), encoding="utf-8")
    return {"index": index, **pages}


def _rows(lake: Lake) -> list[str]:
    newest = {release.unit: release for release in reversed(history(lake))}
    return [
        f'<tr class="{r.state}"><th scope="row">{escape(unit)}</th><td>{r.state}</td>'
        f"<td>{r.day}</td><td>{escape(', '.join(r.held_by))}</td></tr>"
        for unit, r in sorted(newest.items())
    ]
