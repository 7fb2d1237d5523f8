"""One source never holds another: what cannot be read costs that source its night, and is named."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from simulated import DAYS, START

from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.release import current
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import MARKER
from lakeward.landing.source_failures import source_failures
from lakeward.orchestration.cli.doctor import examine
from lakeward.orchestration.cli.night_summary import print_night
from lakeward.orchestration.nightly import Night, run_day

LAST = START + timedelta(days=DAYS - 1)
LISTS = ("messaging_vendor", "referral_desk", "bed_management")


def stored(settings: Settings) -> dict[str, int]:
    with connect(Lake(settings.home.lake), tables=["raw_hl7v2__message"]) as connection:
        return dict(
            connection.execute(
                "select source, count(*) from raw_hl7v2__message group by source"
            ).fetchall()
        )


def ready(settings: Settings) -> set[str]:
    outbox = settings.home.outbox
    return {c for c in LISTS if (outbox / c / LAST.isoformat() / "_READY").is_file()}


def kept_back(night: Night) -> str:
    assert not night.failures, night
    assert not night.broken, night
    return "\n".join(night.kept_back)


@pytest.fixture
def hospital(delivered: Path, home_of: Callable[[Path], Settings]) -> Settings:
    return home_of(delivered)


def test_sources_that_cannot_be_read_cost_only_themselves(
    hospital: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    landing, lake = hospital.home.landing, Lake(hospital.home.lake)
    # a share that is not mounted, and a file that somebody removes before it is loaded
    shutil.move(landing / "orders_hl7", landing.parent / "elsewhere")
    (landing / "orders_hl7").symlink_to(landing.parent / "gone")
    views = hospital.home.root / "views"
    views.mkdir()
    (views / "deep.json").write_text("[" * 100_000)
    (views / os.fsdecode(b"latin\xfc.json")).write_text("{}")

    night = run_day(hospital, LAST)
    named = kept_back(night)
    assert "delivery__orders_hl7: orders_hl7 (deliver, since" in named
    assert "gone" not in named or "no such file" in named
    assert "orders_hl7" not in stored(hospital)
    assert {"adt_hl7", "scheduling_hl7"} <= stored(hospital).keys()
    released = current(lake, "canonical")
    assert released is not None
    assert released.day == LAST
    # the referral list stands on what that source provides, and there is none of an earlier day
    assert ready(hospital) == set(LISTS) - {"referral_desk"}
    assert [(f.step, f.source) for f in source_failures(lake)] == [("deliver", "orders_hl7")]
    assert not next(f for f in examine(hospital) if f.check == "sources").healthy
    assert print_night(hospital, night) == 2
    assert "kept back: delivery__orders_hl7" in capsys.readouterr().out
    assert sum("own_spec" in w or "view" in w for w in night.warnings) >= 2

    (landing / "orders_hl7").unlink()
    shutil.move(landing.parent / "elsewhere", landing / "orders_hl7")
    # and now one of another source
    folder = landing / "adt_hl7" / LAST.isoformat()
    (folder / "late.hl7").symlink_to("/etc/hostname")
    (folder / ".~tmp~").mkdir()
    (folder / ".~tmp~" / "half.hl7").write_text("MSH|")
    night = run_day(hospital, LAST)
    assert night.passed, night
    assert any("late.hl7 (is a link)" in w for w in night.warnings)
    assert "orders_hl7" in stored(hospital)
    assert source_failures(lake) == []
    assert json.dumps(sorted(stored(hospital)))
    assert (folder / MARKER).is_file()
