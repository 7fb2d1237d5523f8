"""How far and how whole a source is known, against an oracle in plain words."""

import itertools
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from lakeward.core.paths import Home
from lakeward.lake.tables import Lake, arrow_schema, write
from lakeward.landing.coverage import DeliveredDay, SourceCoverage, cover
from lakeward.landing.coverage_record import (
    coverage_of,
    record_coverage,
    recorded_coverage,
)
from lakeward.landing.deliveries import MARKER
from lakeward.landing.ledger import FileCounts, close_files, pending, register
from lakeward.landing.source_failures import enter_failures, failure
from lakeward.landing.sources import Facility, Inventory, Source, load_inventory
from lakeward.quarantine.table import QUARANTINE

DAY = date(2026, 3, 9)
"""The day on which the clocks of New York have changed the night before."""
ZONE = ZoneInfo("America/New_York")
FACILITY = Facility(id="LKWD", name="Demo", time_zone="America/New_York")

BROUGHT: dict[str, dict[str, Any] | None] = {
    "whole": {"found": 100, "kept": 100},
    "few": {"found": 40, "kept": 40},
    "dropped": None,
    "emptied": {},
    "vouched": {"is_vouched": True},
    "quarantined": {"found": 89, "quarantined": 89, "rejected_files": 1},
    "one_file_rejected": {"found": 100, "kept": 90, "quarantined": 10, "rejected_files": 1},
    "one_record_rejected": {"found": 100, "kept": 99, "quarantined": 1},
    "delayed": {"found": 50, "kept": 50, "waiting": 1},
    "short": {"found": 90, "kept": 90, "promised_missing": 10},
    "copied": {"found": 100, "kept": 100, "is_repeated": True},
}


def source(**differences: Any) -> Source:
    entry = load_inventory(Home(Path("nowhere"))).source("adt_hl7")
    return entry.model_copy(update=differences)


def brought(what: str, day: date) -> list[DeliveredDay]:
    facts = BROUGHT[what]
    return [] if facts is None else [DeliveredDay(day, **facts)]


def oracle(before: str, yesterday: str, today: str, since: int | None) -> tuple[str, int | None]:
    """Say by hand what has to come out: the state, and how many days the source is behind.

    `before` was delivered a week, eight and nine days ago (so a weekday has a history that is not
    the first delivery), and on all days from six to two days ago.
    """
    loads = {"whole", "few", "vouched", "one_file_rejected", "one_record_rejected"}
    loads |= {"short", "copied"}
    never = all(BROUGHT[what] is None for what in (before, yesterday, today))
    if never and since is None:
        return "not_in_service", None
    behind = 0 if today in loads else 1 if yesterday in loads else 2 if before in loads else None
    if today == "dropped":
        return "missing", behind
    if today not in loads:
        return {"delayed": "failed", "quarantined": "quarantined", "emptied": "empty"}[
            today
        ], behind
    if today == "one_file_rejected":
        return "partly_quarantined", 0
    if today == "short":
        return "short", 0
    kept = {what: (facts or {}).get("kept", 0) for what, facts in BROUGHT.items()}
    if before in loads and kept[today] * 2 < kept[before]:
        return "low_volume", 0
    delivered = before != "dropped"
    if yesterday not in loads and (delivered or yesterday != "dropped" or since):
        return "gap", 0
    if before not in loads and (delivered or since):
        return "gap", 0
    return ("repeated" if today == "copied" else "complete"), 0


def combinations() -> Iterator[tuple[str, str, str, int | None]]:
    yield from itertools.product(BROUGHT, BROUGHT, BROUGHT, (None, 9))


def test_every_combination_is_as_the_oracle_says() -> None:
    for before, yesterday, today, since in combinations():
        days = [DAY - timedelta(days=n) for n in (9, 8, 7, 6, 5, 4, 3, 2)]
        delivered = [each for day in days for each in brought(before, day)]
        delivered += brought(yesterday, DAY - timedelta(days=1)) + brought(today, DAY)
        entry = source(in_service_from=DAY - timedelta(days=since) if since else None)
        found = cover(entry, FACILITY, DAY, delivered)
        name = f"{before}, {yesterday}, {today}, in service for {since}"
        state, behind = oracle(before, yesterday, today, since)
        assert (found.state, found.days_behind) == (state, behind), name
        until = None if behind is None else DAY - timedelta(days=behind - 1)
        known = until and datetime(until.year, until.month, until.day, tzinfo=ZONE)
        assert found.known_until == known, name
        assert str(found.source) not in found.sentence() or found.sentence(), name


def test_what_came_later_is_not_looked_at() -> None:
    later = DeliveredDay(DAY + timedelta(days=1), found=1, kept=1)
    today = DeliveredDay(DAY, found=5, kept=5)
    assert cover(source(), FACILITY, DAY, [later, today]) == cover(source(), FACILITY, DAY, [today])
    assert cover(source(), FACILITY, DAY, [later]).state == "not_in_service"


@pytest.mark.parametrize(
    ("days_ago", "state", "behind"), [(0, "complete", 0), (6, "complete", 0), (8, "missing", 2)]
)
def test_a_weekly_source_is_due_once_a_week(days_ago: int, state: str, behind: int) -> None:
    day = DAY - timedelta(days=days_ago)
    earlier = [DeliveredDay(day - timedelta(weeks=n), found=9, kept=9) for n in (1, 2)]
    delivered = [*earlier, DeliveredDay(day, found=9, kept=9)]
    found = cover(source(cadence="weekly"), FACILITY, DAY, delivered)
    assert (found.state, found.days_behind) == (state, behind)


def test_a_source_that_may_be_empty_is_not_stale_when_it_is() -> None:
    delivered = [DeliveredDay(DAY)]
    assert cover(source(), FACILITY, DAY, delivered).state == "empty"
    assert cover(source(may_be_empty=True), FACILITY, DAY, delivered).state == "complete"


def test_the_inventory_expects_a_volume() -> None:
    entry = source()
    volume = entry.expected_volume.model_copy(update={"minimum": 10})
    entry = entry.model_copy(update={"expected_volume": volume})
    found = cover(entry, FACILITY, DAY, [DeliveredDay(DAY, found=9, kept=9)])
    assert (found.state, found.expected_at_least) == ("low_volume", 10)


def test_a_first_delivery_is_no_measure_for_later_ones() -> None:
    week = timedelta(weeks=1)
    first = DeliveredDay(DAY - week, found=10_000, kept=10_000)
    days = [DeliveredDay(DAY - timedelta(days=n), found=10, kept=10) for n in range(6, -1, -1)]
    assert cover(source(), FACILITY, DAY, [first, *days]).state == "complete"


class Landed:
    """A home into which files are landed and loaded by hand."""

    def __init__(self, root: Path) -> None:
        self.home, self.lake = Home(root), Lake(root / "lake")
        self.inventory = Inventory(facility=FACILITY, sources=(source(),))

    def land(self, day: date, name: str, text: str) -> None:
        path = self.home.landing / "adt_hl7" / day.isoformat() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (self.home.landing / "adt_hl7" / day.isoformat() / MARKER).touch()

    def register(self) -> None:
        from lakeward.landing.deliveries import deliveries

        register(self.lake, self.home.landing, deliveries(self.home.landing, "adt_hl7", date.max))

    def load(self, **counts: int) -> None:
        self.register()
        files = pending(self.lake, "adt_hl7")
        none = {"found": 0, "stored": 0, "duplicate": 0, "quarantined": 0}
        close_files(
            self.lake, "adt_hl7", [FileCounts(f.received, **{**none, **counts}) for f in files]
        )

    def reject(self, received: int, state: str, records: int) -> None:
        row = {"source": "adt_hl7", "received": received, "day": DAY, "file": "a", "place": "m"}
        row |= {"byte_offset": 0, "byte_length": 1, "reason": "x", "detail": "", "position": 1}
        rows = [
            {**row, "quarantine_id": f"{n}", "state": state, "content": b""} for n in range(records)
        ]
        table = pa.Table.from_pylist(rows, schema=arrow_schema(QUARANTINE))
        write(self.lake, QUARANTINE, table, mode="overwrite")

    def known(self, day: date) -> SourceCoverage:
        (found,) = coverage_of(self.lake, self.home, self.inventory, day)
        return found


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path)


def test_a_home_without_anything_has_no_source_in_service(landed: Landed) -> None:
    assert landed.known(DAY).state == "not_in_service"


def test_a_file_that_was_not_loaded_is_a_failure_until_it_is(landed: Landed) -> None:
    landed.land(DAY, "a.hl7", "a")
    assert landed.known(DAY).state == "failed"
    landed.register()
    assert landed.known(DAY).state == "failed"
    landed.load(found=3, stored=3)
    assert (landed.known(DAY).state, landed.known(DAY).kept) == ("complete", 3)


def test_a_delivery_without_marker_has_not_come(landed: Landed) -> None:
    landed.land(DAY - timedelta(days=1), "a.hl7", "a")
    landed.load(found=3, stored=3)
    landed.land(DAY, "b.hl7", "b")
    (landed.home.landing / "adt_hl7" / DAY.isoformat() / MARKER).unlink()
    assert landed.known(DAY).state == "missing"


def test_a_rejected_batch_that_came_again_counts_as_loaded(landed: Landed) -> None:
    landed.land(DAY, "a.hl7", "a")
    landed.load(found=89, quarantined=89)
    assert landed.known(DAY).state == "quarantined"
    landed.land(DAY, "replay/000000000001-0001.hl7", "a")
    landed.load(found=89, stored=89)
    landed.reject(1, "replayed", 89)
    found = landed.known(DAY)
    assert (found.state, found.found, found.kept, found.quarantined) == ("complete", 89, 89, 0)


def test_what_was_discarded_is_held_against_nobody(landed: Landed) -> None:
    landed.land(DAY, "a.hl7", "a")
    landed.load(found=20, quarantined=20)
    landed.land(DAY, "b.hl7", "b")
    landed.load(found=20, stored=20)
    landed.reject(1, "open", 20)
    assert landed.known(DAY).state == "partly_quarantined"
    landed.reject(1, "discarded", 20)
    assert landed.known(DAY).state == "complete"


def test_the_same_file_on_another_day_is_reported(landed: Landed) -> None:
    landed.land(DAY - timedelta(days=1), "a.hl7", "a")
    landed.load(found=3, stored=3)
    landed.land(DAY, "a.hl7", "a")
    landed.load()
    found = landed.known(DAY)
    assert (found.state, found.kept) == ("repeated", 3)


def test_a_batch_that_counts_no_message_is_a_delivery(landed: Landed) -> None:
    landed.land(DAY, "a.hl7", "BTS|0")
    landed.load(promised=0)
    assert landed.known(DAY).state == "complete"


def test_a_record_is_kept_of_what_was_known(landed: Landed) -> None:
    landed.land(DAY, "a.hl7", "a")
    landed.load(found=3, stored=3)
    first = [landed.known(DAY)]
    record_coverage(landed.lake, first, DAY)
    version = sorted((landed.lake.path("source_coverage") / "_delta_log").glob("*.json"))
    record_coverage(landed.lake, first, DAY)
    assert sorted((landed.lake.path("source_coverage") / "_delta_log").glob("*.json")) == version
    assert recorded_coverage(landed.lake, DAY) == first
    landed.land(DAY, "b.hl7", "b")
    record_coverage(landed.lake, [landed.known(DAY)], DAY)
    assert recorded_coverage(landed.lake, DAY)[0].state == "failed"
    assert recorded_coverage(landed.lake, DAY - timedelta(days=1)) == []


def test_a_source_whose_step_fails_is_known_until_the_day_before() -> None:
    yesterday = DAY - timedelta(days=1)
    delivered = [*brought("whole", yesterday - timedelta(days=1)), *brought("whole", yesterday)]
    delivered += brought("whole", DAY)
    found = cover(source(), FACILITY, DAY, delivered, failed_since=DAY)
    assert (found.state, found.days_behind) == ("failed", 1)
    assert found.known_until == FACILITY.cut_off(yesterday)
    assert cover(source(), FACILITY, DAY, [], failed_since=DAY).state == "failed"


def test_a_source_that_cannot_be_read_does_not_stop_the_others(lake: Lake, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.landing.mkdir(parents=True)
    (home.landing / "adt_hl7").symlink_to(tmp_path / "share")
    inventory = Inventory(
        facility=FACILITY, sources=(source(), source(name="orders_hl7", provides=("orders",)))
    )
    enter_failures(lake, "deliver", ["adt_hl7"], [failure("deliver", DAY, "gone", "adt_hl7")])
    found = {each.source: each.state for each in coverage_of(lake, home, inventory, DAY)}
    assert found["adt_hl7"] == "failed"
    assert found["orders_hl7"] in {"missing", "not_in_service"}
