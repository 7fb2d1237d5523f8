from datetime import date
from pathlib import Path

import pytest

from lakeward.core.errors import UsageError
from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import MARKER, deliveries, incomplete, land
from lakeward.landing.ledger import FileCounts, close_files, pending, register

DAY = date(2026, 1, 5)
SOURCE = "ehr_fhir"


def put(settings: Settings, tmp_path: Path, day: date = DAY, **files: str) -> None:
    folder = tmp_path / f"in-{day}-{len(files)}"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.ndjson").write_text(text)
    land(settings.home.landing, SOURCE, [folder], day)


def enter(settings: Settings, lake: Lake, through: date = DAY) -> int:
    return register(lake, settings.home.landing, deliveries(settings.home.landing, SOURCE, through))


def states(lake: Lake) -> list[tuple[object, ...]]:
    with connect(lake) as connection:
        return connection.execute(
            "select received, found, stored, duplicate, quarantined, state from ledger order by 1"
        ).fetchall()


def test_each_file_is_entered_once(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    put(settings, tmp_path, a="1", b="2")
    assert enter(settings, lake) == 2
    assert enter(settings, lake) == 0
    assert [f.received for f in pending(lake, SOURCE)] == [1, 2]
    assert [f.file for f in pending(lake, SOURCE)] == [
        "ehr_fhir/2026-01-05/a.ndjson",
        "ehr_fhir/2026-01-05/b.ndjson",
    ]


def test_a_touched_file_is_known_by_its_content(
    settings: Settings, lake: Lake, tmp_path: Path
) -> None:
    put(settings, tmp_path, a="1")
    enter(settings, lake)
    file = settings.home.landing / SOURCE / DAY.isoformat() / "a.ndjson"
    file.touch()
    assert enter(settings, lake) == 0
    file.write_text("changed")
    assert enter(settings, lake) == 1


def test_the_same_content_again_is_a_repeat_and_never_pending(
    settings: Settings, lake: Lake, tmp_path: Path
) -> None:
    put(settings, tmp_path, a="1", b="1")
    enter(settings, lake)
    waiting = pending(lake, SOURCE)
    assert [f.received for f in waiting] == [1]
    close_files(lake, SOURCE, [FileCounts(1, found=5, stored=3, duplicate=1, quarantined=1)])
    assert states(lake) == [(1, 5, 3, 1, 1, "loaded"), (2, 5, 0, 5, 0, "duplicate")]
    assert pending(lake, SOURCE) == []


def test_a_repeat_that_arrives_later_is_closed_without_loading(
    settings: Settings, lake: Lake, tmp_path: Path
) -> None:
    put(settings, tmp_path, a="1")
    enter(settings, lake)
    close_files(lake, SOURCE, [FileCounts(1, 1, 1, 0, 0)])
    put(settings, tmp_path, date(2026, 1, 6), c="1")
    enter(settings, lake, date(2026, 1, 6))
    close_files(lake, SOURCE, [])
    assert states(lake)[1] == (2, 1, 0, 1, 0, "duplicate")


def test_later_days_wait(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    put(settings, tmp_path, date(2026, 1, 7), a="1")
    assert enter(settings, lake, DAY) == 0


def test_a_delivery_without_marker_is_left_alone(settings: Settings, tmp_path: Path) -> None:
    put(settings, tmp_path, a="1")
    (settings.home.landing / SOURCE / DAY.isoformat() / MARKER).unlink()
    assert deliveries(settings.home.landing, SOURCE, DAY) == []
    assert incomplete(settings.home.landing, SOURCE) == [DAY]


def test_landing_the_same_name_with_other_content_keeps_both(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "a.ndjson"
    for text in ("1", "2", "1"):
        file.write_text(text)
        delivery = land(settings.home.landing, SOURCE, [file], DAY)
    assert sorted(p.read_text() for p in delivery.files) == ["1", "2"]


def test_a_manifest_promises_counts(settings: Settings, lake: Lake, tmp_path: Path) -> None:
    manifest = '{"output": [{"type": "Patient", "url": "https://ehr/x/a.ndjson", "count": 9}]}'
    (tmp_path / "manifest.json").write_text(manifest)
    (tmp_path / "a.ndjson").write_text("1")
    paths = [tmp_path / "manifest.json", tmp_path / "a.ndjson"]
    land(settings.home.landing, SOURCE, paths, DAY)
    enter(settings, lake)
    assert {f.file.rsplit("/")[-1]: f.promised for f in pending(lake, SOURCE)} == {
        "a.ndjson": 9,
        "manifest.json": None,
    }


def test_a_missing_path_is_a_usage_error(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        land(settings.home.landing, SOURCE, [tmp_path / "no"], DAY)
