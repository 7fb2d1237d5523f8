"""Files are replaced whole, with the mode that was asked for."""

import os
from pathlib import Path

import pytest

from lakeward.core import files
from lakeward.core.files import (
    FILE_MODE,
    FOLDER_MODE,
    PARTIAL,
    closed_to_others,
    sha256_of,
    write_atomically,
)
from lakeward.core.paths import Home


def test_a_file_is_replaced_and_nothing_partial_stays(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "rows.csv"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert [p.name for p in path.parent.iterdir()] == ["rows.csv"]


def test_a_failure_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.csv"
    write_atomically(path, b"first")

    def fail(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert (tmp_path / f".rows.csv{PARTIAL}").exists()  # readers pass over names with a dot


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "rows.csv", b"", mode=0o640)
    finally:
        os.umask(before)
    assert (tmp_path / "rows.csv").stat().st_mode & 0o777 == 0o640


def test_the_hash_is_that_of_the_standard() -> None:
    # FIPS 180-4, SHA-256 of "abc"
    assert sha256_of(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_written_is_closed_to_others_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    home = Home(tmp_path)
    before = os.umask(umask)
    try:
        home.lake.mkdir(mode=0o777)
        home.lake.chmod(0o777)  # of a version that did not close it
        with closed_to_others(home):
            (home.site / "pages").mkdir(parents=True)
            (home.site / "pages" / "a.html").write_text("x")
            write_atomically(home.work / "a" / "b", b"x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_dir()}
    assert modes == {FOLDER_MODE}
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {FILE_MODE}
