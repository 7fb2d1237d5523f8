"""Makes the pages of Data Docs self-contained: no page asks a foreign host for anything.

Great Expectations' pages load styles, scripts and images from a dozen hosts and draw the index
table in the browser. Here all of that is cut out, the tables are written into the page, and one
small stylesheet and one small script of our own take its place.
"""

import ast
import re
import shutil
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from lakeward.core.errors import SpecError

_REPEATED = ("asset_name", "batch_identifier")  # both are the suite's name here
_ASSETS = ("lakeward-docs.css", "lakeward-docs.js")
# the index page holds its tables as Python literals in a script, which draws them in the browser
_TABLE_DATA = re.compile(
    r"\$\('#(?P<id>[\w-]+)'\)\.bootstrapTable\(\s*Object\.assign\(\s*\{\s*"
    r"columns: (?P<columns>\[.*?\]),\s*data: (?P<data>\[.*?\]),\s*toolbar:",
    re.DOTALL,
)
_TABLE_TAG = re.compile(r'<table\s+id="(?P<id>[\w-]+)"[^>]*>')
_CUT = (
    re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<(link|img|meta http-equiv)\b[^>]*>", re.IGNORECASE),
    re.compile(r"<(iframe|footer|title)\b.*?</\1>", re.DOTALL | re.IGNORECASE),
    re.compile(r'<div id="[\w-]+-table-toolbar".*?</div>', re.DOTALL),
    re.compile(r"\n\s*(?=\n)"),
)
_BRAND = re.compile(
    r'(<div class="float-left navbar-brand[^"]*">\s*<a href="[^"]*">)\s*(</a>\s*</div>)'
)


def write_assets(pages: Path) -> None:
    """Put our stylesheet and script where pages find them, in place of what came with the tool."""
    folder = pages / "static"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _ASSETS:
        source = resources.files("lakeward.expectations").joinpath("static", name)
        (folder / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")


def make_offline(pages: Path) -> None:
    """Rewrite every page below a folder that has not been rewritten yet."""
    for path in sorted(pages.rglob("*.html")):
        html = path.read_text(encoding="utf-8")
        # one that names our stylesheet was rewritten on an earlier night
        if _ASSETS[0] not in html:
            depth = len(path.relative_to(pages).parts) - 1
            path.write_text(offline(html, up="../" * depth), encoding="utf-8")


def offline(html: str, *, up: str) -> str:
    """Return a page without anything that loads; `up` leads to the folder of all pages."""
    tables = {
        found["id"]: _table(ast.literal_eval(found["columns"]), ast.literal_eval(found["data"]))
        for found in _TABLE_DATA.finditer(html)
    }
    # tables have been read above: their data stand in a script that is cut out here
    for pattern in _CUT:
        html = pattern.sub("", html)
    html = html.replace("</strong> | local", "</strong>")
    html = _TABLE_TAG.sub(lambda found: found[0] + tables.pop(found["id"], ""), html)
    if tables:
        raise SpecError("Data Docs", "a table has no place on its page", "the pinned version")
    back = f'<a href="{up}../quality/index.html">Quality history</a>'
    html = _BRAND.sub(rf"\1Data Docs\2 {back}", html, count=1)
    return html.replace("<head>", "<head>" + _head(up), 1)


def _head(up: str) -> str:
    style, script = (f"{up}static/{name}" for name in _ASSETS)
    return (
        "<title>Lakeward Data Docs</title>"
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'self' file: 'unsafe-inline'; script-src 'self' file: 'unsafe-inline'\">"
        f'<link rel="stylesheet" href="{style}"><script src="{script}" defer></script>'
    )


def _table(columns: list[dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    columns = [column for column in columns if column["field"] not in _REPEATED]
    heads = "".join(f'<th data-sortable="True">{escape(c["title"])}</th>' for c in columns)
    body = "".join(
        f'<tr data-href="{escape(str(row.get("_table_row_link_path", "")))}">'
        + "".join(_cell(column["field"], row) for column in columns)
        + "</tr>"
        for row in rows
    )
    return f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"


def _cell(field: str, row: dict[str, Any]) -> str:
    """Render a cell as the tool did (HTML of its own); plain ones link to the page of the row."""
    content = str(row.get(field, ""))
    if field == "validation_success":
        content += f" {escape(str(row.get('_validation_success_text', '')))}"
    link = row.get("_table_row_link_path")
    if link and "<" not in content:
        content = f'<a href="{escape(str(link))}">{content}</a>'
    return f"<td>{content}</td>"
