import gzip
import os
from datetime import date
from pathlib import Path

import pytest

from lakeward.core.errors import UsageError
from lakeward.landing.deliveries import MARKER, deliveries, land
from lakeward.landing.packed_files import packing_of, shown_name

DAY = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("start", "packing"),
    [
        (b"PK\x03\x04rest", "zip"),
        (b"BZh91AY&SY", "bzip2"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b'{"resourceType": "Patient"}', None),
        (b"MSH|^~\\&|", None),
        (b"\x1f\x8b\x08", None),  # gzip is read; a damaged one is named by its format
        (gzip.compress(b'{"resourceType": "Patient"}'), None),
        (gzip.compress(gzip.compress(b"{}")), "gzip in gzip"),
        (gzip.compress(b"PK\x03\x04rest"), "zip"),
        ('{"resourceType": "Patient"}'.encode("utf-16"), "UTF-16"),
        ('{"resourceType": "Patient"}'.encode("utf-16-be"), "UTF-16"),
        (b"", None),
    ],
)
def test_a_packing_is_known_by_its_first_bytes(tmp_path: Path, start: bytes, packing) -> None:
    file = tmp_path / "file"
    file.write_bytes(start)
    assert packing_of(file) == packing


def test_a_format_may_read_utf16(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes("MSH|".encode("utf-16"))
    assert packing_of(file) == "UTF-16"
    assert packing_of(file, reads_utf16=True) is None


def misnamed(folder: Path) -> Path:
    path = Path(os.fsdecode(os.fsencode(folder) + b"/latin\xfc.ndjson"))
    try:
        path.write_text("{}")
    except OSError:
        pytest.skip("this file system refuses names that are not UTF-8")
    return path


def test_a_name_that_is_not_utf8_is_refused_and_nothing_lands(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.ndjson").write_text("{}")
    misnamed(tmp_path / "in")
    with pytest.raises(UsageError, match=r"latin\\xfc.ndjson \(name is not UTF-8\)"):
        land(tmp_path / "landing", "ehr_fhir", [tmp_path / "in"], DAY)
    assert deliveries(tmp_path / "landing", "ehr_fhir", DAY) == []


def test_a_misnamed_file_in_landing_stays_out_and_the_others_come(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "ehr_fhir" / DAY.isoformat()
    folder.mkdir(parents=True)
    (folder / "good.ndjson").write_text("{}")
    misnamed(folder)
    (folder / MARKER).touch()
    (delivery,) = deliveries(tmp_path / "landing", "ehr_fhir", DAY)
    assert [file.name for file in delivery.files] == ["good.ndjson"]
    assert [shown_name(file) for file in delivery.not_read] == [r"latin\xfc.ndjson"]
