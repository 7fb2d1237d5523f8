"""Data Docs: built from stored results, kept short, silent towards every host, without values."""

from collections.abc import Callable
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lakeward.contracts import Contract
from lakeward.core.errors import SpecError
from lakeward.expectations.docs import KEPT, DocsContext, build_docs
from lakeward.expectations.docs_offline import offline
from lakeward.expectations.run import check_table
from lakeward.lake.query import Connection

DAY = date(2026, 11, 22)
Make = Callable[..., Contract]
_LOADED = {
    "link": ("href",),
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "object": ("data",),
    "embed": ("src",),
    "use": ("href", "xlink:href"),
}


class Loads(HTMLParser):
    """Collects what a browser would load for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag if tag in ("style", "script") else ""
        given = dict(attrs)
        self.urls += [given[name] or "" for name in _LOADED.get(tag, ()) if name in given]
        if "url(" in (given.get("style") or ""):
            self.urls.append(given["style"] or "")

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "style" and ("url(" in data or "@import" in data):
            self.urls.append(data)
        if self.inside == "script":
            self.urls.append(data)


def _loaded(page: Path) -> list[str]:
    parser = Loads()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.urls


@pytest.fixture
def docs(tmp_path: Path) -> DocsContext:
    return DocsContext(store=tmp_path / "store", site=tmp_path / "site")


def _contract(contract_of: Make) -> Contract:
    return contract_of(
        {
            "k": {
                "primaryKey": True,
                "logicalTypeOptions": {"pattern": "^[a-z]$"},
                "relationships": [{"to": "canonical__other.k"}],
            },
            "at": {"logicalTypeOptions": {"minimum": "1900-01-01"}},
        },
        quality=[{"id": "rows", "metric": "rowCount", "mustBeGreaterThan": 100}],
    )


def test_pages_ask_no_host_and_find_what_they_ask(
    connection: Connection, contract_of: Make, docs: DocsContext
) -> None:
    check_table(connection, _contract(contract_of), run_id="run/1", day=DAY, docs=docs)
    build_docs(docs)
    pages = sorted(docs.pages.rglob("*.html"))
    assert len(pages) == 3
    for page in pages:
        urls = _loaded(page)
        assert len(urls) == 2
        assert all((page.parent / url).is_file() for url in urls)
    for asset in (docs.pages / "static").iterdir():
        assert "http" not in asset.read_text(encoding="utf-8")


def test_pages_say_promises_in_words_and_results_in_counts(
    connection: Connection, contract_of: Make, docs: DocsContext
) -> None:
    check_table(connection, _contract(contract_of), run_id="r1", day=DAY, docs=docs)
    index = build_docs(docs).read_text(encoding="utf-8")
    (page,) = docs.pages.glob("validations/canonical__demo/2026-11-22__r1/*/*.html")
    text = page.read_text(encoding="utf-8")
    assert "No two rows share the same k." in text
    assert "4 unexpected values found" in text
    assert "Every k is known in other." in text
    assert page.relative_to(docs.pages).as_posix() in index
    assert "Failed" in index


def test_no_value_of_a_record_reaches_results_or_pages(
    connection: Connection, contract_of: Make, docs: DocsContext
) -> None:
    row = "('Zanzibart', 987654321, date '1871-03-04', ['Zanzibart'])"
    connection.execute(f"insert into canonical__demo values {row}, {row}")
    found = check_table(connection, _contract(contract_of), run_id="r1", day=DAY, docs=docs)
    build_docs(docs)
    assert found.errors
    texts = [str(found)]
    for folder in (docs.store, docs.site):
        texts += [p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file()]
    for planted in ("Zanzibart", "987654321", "1871", "long-value"):
        assert not any(planted in text for text in texts)


def test_the_last_results_are_kept_and_older_pages_go(
    connection: Connection, contract_of: Make, docs: DocsContext
) -> None:
    contract = _contract(contract_of)
    for night in range(KEPT + 2):
        day = DAY + timedelta(days=night)
        check_table(connection, contract, run_id=f"r{night}", day=day, docs=docs)
        if night in (0, KEPT + 1):
            build_docs(docs)
    kept = [DAY + timedelta(days=night) for night in range(2, KEPT + 2)]
    for folder, ending in ((docs.store, "json"), (docs.pages, "html")):
        found = sorted(folder.glob(f"validations/canonical__demo/*/*/*.{ending}"))
        assert [path.parts[-3].split("__")[0] for path in found] == [str(day) for day in kept]
    assert str(DAY) + "__r0" not in (docs.pages / "index.html").read_text(encoding="utf-8")


def test_docs_can_be_built_before_anything_was_checked(docs: DocsContext) -> None:
    assert build_docs(docs).is_file()


def test_a_page_that_the_tool_draws_in_another_way_is_noticed() -> None:
    drawn = (
        "<head></head><script>$('#t').bootstrapTable(Object.assign({ columns: [], data: [], "
        "toolbar: 'x'}));</script>"
    )
    with pytest.raises(SpecError, match="no place"):
        offline(drawn, up="")
