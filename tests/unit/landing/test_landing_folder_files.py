"""Which files of a delivery are read, and that nothing is left out without a word."""

import os
from datetime import date
from pathlib import Path

import pytest

from lakeward.core.errors import UsageError
from lakeward.core.files import LONGEST_NAME, partial_of
from lakeward.landing.deliveries import MARKER, deliveries, land
from lakeward.landing.folder_files import LINK, NO_FILE, files_below

DAY = date(2026, 3, 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "landing" / "adt_hl7" / DAY.isoformat()
    made.mkdir(parents=True)
    (made / MARKER).touch()
    return made


def test_hidden_files_and_folders_are_passed_over(folder: Path) -> None:
    for name in (".snapshot/hourly/a.hl7", ".~tmp~/a.hl7", "part/.a.hl7.swp", "part/a.hl7"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("MSH|")
    (delivery,) = deliveries(folder.parents[1], "adt_hl7", DAY)
    assert [f.relative_to(folder).as_posix() for f in delivery.files] == ["part/a.hl7"]
    assert delivery.not_read == {}


def test_links_and_pipes_are_named_and_not_read(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "other"
    outside.mkdir()
    (outside / "secret.hl7").write_text("MSH|")
    (folder / "file.hl7").symlink_to(outside / "secret.hl7")
    (folder / "folder").symlink_to(outside)
    (folder / "dangling").symlink_to(outside / "gone")
    os.mkfifo(folder / "pipe")
    found = files_below(folder)
    assert [f.name for f in found.files] == [MARKER]
    assert {p.name: why for p, why in found.not_read.items()} == {
        "file.hl7": LINK,
        "folder": LINK,
        "dangling": LINK,
        "pipe": NO_FILE,
    }


def test_a_day_that_is_a_link_is_not_read_and_a_source_may_be_one(folder: Path) -> None:
    landing = folder.parents[1]
    (folder / "a.hl7").write_text("MSH|")
    (landing / "linked").symlink_to(landing / "adt_hl7")
    assert [len(d.files) for d in deliveries(landing, "linked", DAY)] == [1]
    (landing / "other").mkdir()
    (landing / "other" / DAY.isoformat()).symlink_to(folder)
    (delivery,) = deliveries(landing, "other", DAY)
    assert (delivery.files, list(delivery.not_read.values())) == ((), [LINK])


def test_a_share_that_is_not_mounted_is_no_empty_source(tmp_path: Path) -> None:
    assert deliveries(tmp_path, "adt_hl7", DAY) == []
    (tmp_path / "adt_hl7").symlink_to(tmp_path / "share")
    with pytest.raises(OSError, match="No such file"):
        deliveries(tmp_path, "adt_hl7", DAY)


def test_a_folder_too_deep_to_name_is_not_passed_over(folder: Path) -> None:
    name, at = "d" * 200, os.open(folder, os.O_RDONLY)
    for _ in range(25):  # 5,000 bytes: longer than a path may be
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    with pytest.raises(OSError, match="too long"):
        files_below(folder)


def test_a_name_of_full_length_is_landed_twice(tmp_path: Path) -> None:
    name = "ä" * ((LONGEST_NAME - 4) // 2) + ".hl7"
    file = tmp_path / "in" / name
    file.parent.mkdir()
    for content in ("MSH|1", "MSH|2"):
        file.write_text(content)
        delivery = land(tmp_path / "landing", "adt_hl7", [file], DAY)
    assert sorted(f.read_text() for f in delivery.files) == ["MSH|1", "MSH|2"]
    assert all(len(os.fsencode(f.name)) <= LONGEST_NAME for f in delivery.files)
    assert len(os.fsencode(partial_of(file).name)) <= LONGEST_NAME


@pytest.mark.parametrize("kind", ["link", "hidden", "pipe"])
def test_what_would_not_be_read_is_not_landed(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "good.hl7").write_text("MSH|")
    paths = [source]
    if kind == "link":
        (source / "bad").symlink_to(source / "good.hl7")
    elif kind == "pipe":
        os.mkfifo(source / "bad")
    else:
        (tmp_path / ".hidden.hl7").write_text("MSH|")
        paths.append(tmp_path / ".hidden.hl7")
    with pytest.raises(UsageError, match="nothing was landed"):
        land(tmp_path / "landing", "adt_hl7", paths, DAY)
    assert deliveries(tmp_path / "landing", "adt_hl7", DAY) == []
