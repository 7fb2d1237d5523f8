"""Nights whose sources did not deliver: what every surface says, and how it heals."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from simulated import DAYS, START

from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import land
from lakeward.orchestration.cli.night_summary import print_night
from lakeward.orchestration.nightly import run_day

NEXT = START + timedelta(days=DAYS)
LAST = NEXT - timedelta(days=1)
SOURCES = ("ehr_fhir", "adt_hl7", "scheduling_hl7", "orders_hl7")


def folder(settings: Settings, consumer: str) -> Path:
    return settings.home.outbox / consumer / NEXT.isoformat()


def document(settings: Settings, consumer: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(settings, consumer) / name).read_text())
    return found


def test_a_day_without_any_delivery_is_not_a_fresh_list(
    finished: Path,
    home_of: Callable[[Path], Settings],
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = home_of(finished)
    night = run_day(settings, NEXT)
    assert print_night(settings, night) == 1
    printed = capsys.readouterr().out
    notice = document(settings, "messaging_vendor", "_BLOCKED.json")
    assert notice["cause"] == "source"
    assert {s["state"] for s in notice["sources"]} == {"missing"}
    assert not (folder(settings, "messaging_vendor") / "_READY").exists()
    for consumer in ("referral_desk", "bed_management"):
        manifest = document(settings, consumer, "manifest.json")
        assert (manifest["condition"], manifest["stale"]) == ("stale", True)
        # the end of the last day with data, not that of the day without
        assert manifest["data_as_of"].startswith(NEXT.isoformat())
    site = (settings.home.site / "index.html").read_text()
    assert site.index("blocked") < site.index("Quality history")
    for line in notice["because"]:
        assert line in printed
        assert line in site
    with connect(Lake(settings.home.lake)) as connection:
        kept = connection.execute(
            "select source, state from source_coverage where day = ? order by 1", [NEXT]
        ).fetchall()
    assert kept == sorted((source, "missing") for source in SOURCES)
    with dg.DagsterInstance.from_config(str(settings.home.dagster)) as instance:
        for source in SOURCES:
            key = dg.AssetKey(f"delivery__{source}")
            days = instance.get_materialized_partitions(key)
            assert LAST.isoformat() in days
            assert NEXT.isoformat() not in days


def test_a_batch_that_was_quarantined_whole_blocks_until_it_is_sent_again(
    finished: Path, home_of: Callable[[Path], Settings], tmp_path: Path
) -> None:
    settings = home_of(finished)
    last = settings.home.landing
    for source in SOURCES:
        copy = tmp_path / source
        shutil.copytree(last / source / LAST.isoformat(), copy)
        for file in copy.glob("*.hl7"):
            # yesterday's messages under other control ids: today's, as far as the feed is concerned
            text = re.sub(rb"(\|[A-Z]{3}\^[A-Z]\d\d[^|]*\|)", rb"\1N", file.read_bytes())
            # and so is its batch, which would be one sent again with other content
            text = text.replace(f"-{LAST:%Y%m%d}".encode(), f"-{NEXT:%Y%m%d}".encode())
            if source == "scheduling_hl7":
                file.with_suffix(".whole").write_bytes(text)
                text = re.sub(rb"BTS\|\d+", b"BTS|9999", text)
            file.write_bytes(text)
        (copy / "_COMPLETE").unlink()
        files = [f for f in copy.iterdir() if f.suffix != ".whole"]
        land(settings.home.landing, source, files, NEXT)
    night = run_day(settings, NEXT)
    assert any("appointment_reminders: blocked" in line for line in night.held), night
    notice = document(settings, "messaging_vendor", "_BLOCKED.json")
    states = {s["source"]: s["state"] for s in notice["sources"]}
    assert states["scheduling_hl7"] == "quarantined"
    # the other lists do not stand on appointments
    assert document(settings, "bed_management", "manifest.json")["stale"] is False
    whole = [
        f.rename(f.with_name("again.hl7")) for f in (tmp_path / "scheduling_hl7").glob("*.whole")
    ]
    land(settings.home.landing, "scheduling_hl7", whole, NEXT)
    healed = run_day(settings, NEXT)
    assert healed.held == ()
    manifest = document(settings, "messaging_vendor", "manifest.json")
    # a file of the day was rejected whole: that stays to be seen
    assert (manifest["condition"], manifest["stale"]) == ("marked", False)
