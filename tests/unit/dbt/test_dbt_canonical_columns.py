"""Columns of canonical tables, each from a situation that states it in either format."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import column_situations as stated
import pytest
from canonical_columns import Situation, ndjson
from canonical_folds import THROUGH, VARIABLES, build_canonical, load_landed

from lakeward.core.settings import load_settings
from lakeward.lake.query import Connection
from lakeward.landing.deliveries import MARKER

DAY = "2026-01-06"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Connection:
    home = tmp_path_factory.mktemp("columns") / "home"
    landing = load_settings(home).home.landing
    texts: dict[str, str] = defaultdict(str)
    for situation in stated.SITUATIONS.values():
        texts["ehr_fhir"] += ndjson(situation.resources)
        for source, messages in situation.messages.items():
            texts[source] += "".join(messages)
    for source, text in texts.items():
        folder = landing / source / DAY
        folder.mkdir(parents=True)
        name = "all.ndjson" if source == "ehr_fhir" else "all.hl7"
        (folder / name).write_text(text, newline="")
        (folder / MARKER).touch()
    load_landed(home, THROUGH)
    return build_canonical(home, VARIABLES)


@pytest.mark.parametrize("situation", stated.SITUATIONS.values(), ids=stated.SITUATIONS)
def test_a_column_holds_what_was_stated(store: Connection, situation: Situation) -> None:
    rows = store.execute(situation.query).fetchall()
    assert [tuple(map(_shown, row)) for row in rows] == situation.rows


def _shown(value: Any) -> str | None:
    """Return a value as text, an instant to its minute."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    return None if value is None else str(value)
