"""The page that leads to the reports: what is published, how old it may be, whose it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lakeward.contracts import Contract
from lakeward.expectations.portal import portal_html
from lakeward.lake.release import Release

DAY = date(2026, 11, 22)
Make = Callable[..., Contract]


def _release(sequence: int, day: date, *held_by: str, unit: str = "canonical") -> Release:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    state: Any = "held" if held_by else "released"
    return Release(
        str(sequence), sequence, unit, {"canonical__demo": 1}, day, at, "1.0.0", state, held_by, at,
        "run",
    )  # fmt: skip


@pytest.fixture
def contract(contract_of: Make) -> Contract:
    return replace(
        contract_of(),
        latency=timedelta(hours=24),
        retention="6 y",
        owner_email="desk@example.org",
    )


def test_the_page_says_who_answers_and_how_old_the_data_may_be(contract: Contract) -> None:
    html = portal_html([_release(1, DAY)], [contract], DAY)
    assert "<td>24 h</td><td>6 y</td>" in html
    assert 'demo-team <a href="mailto:desk@example.org">desk@example.org</a>' in html
    assert "too old" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_a_held_product_shows_what_readers_see_and_when_that_is_too_old(contract: Contract) -> None:
    held = _release(2, DAY, "canonical__demo.k.required")
    yesterday = portal_html([held, _release(1, DAY - timedelta(days=1))], [contract], DAY)
    assert '<td>held</td><td class="day">2026-11-22</td>' in yesterday
    assert "<td>canonical__demo.k.required</td>" in yesterday
    assert '<td class="day">2026-11-21</td>' in yesterday
    older = portal_html([held, _release(1, DAY - timedelta(days=2))], [contract], DAY)
    assert '<td class="day late">2026-11-20, too old</td>' in older
    assert '<td class="day late">nothing, too old</td>' in portal_html([held], [contract], DAY)


def test_text_is_escaped(contract: Contract) -> None:
    html = portal_html([_release(1, DAY, "<b>")], [contract], DAY)
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
