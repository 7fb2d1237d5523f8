"""Builds canonical tables from the small deliveries of `tests/golden/canonical_folds`."""

import csv
import io
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from lakeward.assets.formats import FORMATS, format_of
from lakeward.core.settings import load_settings
from lakeward.lake.dbt import build
from lakeward.lake.query import Connection, connect
from lakeward.lake.seed_overrides import overridable_seeds
from lakeward.lake.tables import Lake, ensure_table
from lakeward.landing.deliveries import deliveries
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending
from lakeward.landing.sources import load_inventory
from lakeward.quarantine.table import QUARANTINE
from lakeward.quarantine.withheld import WITHHELD

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "canonical_folds"
DAYS = ("2026-01-05", "2026-01-06")
THROUGH = date(2026, 1, 6)
VARIABLES = {"day": DAYS[-1], "as_of": "2026-01-07T05:00:00Z", "time_zone": "America/New_York"}
SELECT = ("resource_type:seed", "+path:models/canonical")


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as the text of a golden CSV file, lines ended by a line feed."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def deliver(home: Path, days: Sequence[str]) -> Connection:
    """Load the days in the order given, one after the other, and build the canonical tables."""
    landing = load_settings(home).home.landing
    for day in days:
        for delivered in (GOLDEN / "input").glob(f"*/{day}"):
            place = landing / delivered.parent.name / day
            shutil.copytree(delivered, place)
            (place / "_COMPLETE").touch()
        load_landed(home, THROUGH)
    return build_canonical(home, VARIABLES)


def load_landed(home: Path, through: date) -> None:
    """Load what has landed up to a day into the raw tables."""
    settings = load_settings(home)
    lake = Lake(settings.home.lake)
    ensure_table(lake, QUARANTINE)
    ensure_table(lake, WITHHELD)
    for source in load_inventory(settings.home).sources:
        landed = deliveries(settings.home.landing, source.name, through)
        register(lake, settings.home.landing, landed)
        ensure_table(lake, format_of(source).raw)
        load_pending(lake, settings.home, source, format_of(source))


def set_rules(home: Path, rules: Mapping[str, Mapping[str, str]]) -> None:
    """Set columns of rows of the seed inference_rule as a site does, by the name of the rule."""
    seed = overridable_seeds()["inference_rule"]
    rows = [{**row, **rules[row["rule"]]} for row in seed.rows if row["rule"] in rules]
    file = load_settings(home).home.config / "inference_rule.csv"
    file.parent.mkdir(exist_ok=True)
    file.write_text(csv_text([seed.columns, *(list(row.values()) for row in rows)]), "utf-8")


def build_canonical(home: Path, variables: Mapping[str, object], *tables: str) -> Connection:
    """Flatten what is loaded and build the canonical tables over it: all, or those named."""
    settings = load_settings(home)
    lake = Lake(settings.home.lake)
    for each in FORMATS:
        each.flatten(lake, None)
    build(settings, [f"+{table}" for table in tables] or SELECT, variables)
    return connect(lake)
