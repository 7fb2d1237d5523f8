"""A full disk is named whatever library sees it first."""

import errno
from pathlib import Path

import pytest

from lakeward.lake.disk import full_disk, full_disk_in


def test_a_full_device_is_named() -> None:
    with pytest.raises(OSError) as caught, Path("/dev/full").open("wb", buffering=0) as file:  # noqa: PT011
        file.write(b"x")
    fault = full_disk(caught.value)
    assert fault is not None
    assert "no space left" in str(fault)


@pytest.mark.parametrize(
    "text",
    [
        "IO Error: Could not write all bytes: No space left on device, wanted=7 wrote=0",
        "Generic LocalFileSystem error: … (os error 28)",
        "Disk quota exceeded",
    ],
)
def test_texts_of_libraries_are_known(text: str) -> None:
    assert full_disk_in(text) is not None
    wrapped = ValueError("failed")
    wrapped.__cause__ = RuntimeError(text)
    assert full_disk(wrapped) is not None


def test_other_faults_are_not() -> None:
    assert full_disk(OSError(errno.EACCES, "Permission denied")) is None
    assert full_disk_in("Conversion Error: Could not convert 'no space'") is None
