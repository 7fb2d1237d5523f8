"""A delivery whose manifest is wrong is refused by name, and costs no other delivery."""

import json
from datetime import date
from pathlib import Path

import pytest

from lakeward.assets.landing import _readable
from lakeward.core.errors import UsageError
from lakeward.core.settings import Settings
from lakeward.landing import deliveries as module
from lakeward.landing.deliveries import deliveries, land
from lakeward.landing.sources import load_inventory

DAY = date(2026, 1, 5)
GOOD = json.dumps({"output": [{"type": "Patient", "url": "https://ehr/x/Patient.ndjson"}]})
WRONG = {
    "wrong type": '{"output": [], "link": 5}',
    "lone surrogate": '{"output": [{"url": "a", "type": "\\ud800"}]}',
    "many digits": '{"output": [{"url": "a", "count": ' + "9" * 5000 + "}]}",
    "deep": "[" * 100_000,
    "deep and whole": '{"output": [], "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "cut off": GOOD[:20],
    "no text": "\xff\xfe\x00",
}


@pytest.mark.parametrize("kind", WRONG)
def test_the_files_of_a_wrong_manifest_are_refused_and_those_beside_it_are_not(
    settings: Settings, kind: str
) -> None:
    landing = settings.home.landing
    for folder in ("2026-01-04", "2026-01-05", "2026-01-05/export-2"):
        (landing / "ehr_fhir" / folder).mkdir(parents=True)
        (landing / "ehr_fhir" / folder / "Patient.ndjson").write_text("{}")
        (landing / "ehr_fhir" / folder / "manifest.json").write_text(GOOD)
        (landing / "ehr_fhir" / folder / "_COMPLETE").touch()
    (landing / "ehr_fhir" / "2026-01-05" / "manifest.json").write_text(WRONG[kind], "latin-1")
    before, today = deliveries(landing, "ehr_fhir", DAY)
    assert not before.refused
    assert len(before.files) == 2
    assert {f.parent.name for f in today.files} == {"export-2"}
    (refusal,) = today.refused
    assert refusal.where.startswith("ehr_fhir/2026-01-05/manifest.json")
    check = _readable(load_inventory(settings.home).source("ehr_fhir"), [before, today], DAY)
    assert not check.passed
    assert "the files of ehr_fhir/2026-01-05/manifest.json" in (check.description or "")


def test_a_manifest_of_another_program_is_no_manifest(settings: Settings) -> None:
    folder = settings.home.landing / "ehr_fhir" / "2026-01-05"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"name": "an app", "icons": []}')
    (folder / "a.ndjson").write_text("{}")
    (folder / "_COMPLETE").touch()
    (found,) = deliveries(settings.home.landing, "ehr_fhir", DAY)
    assert (len(found.files), found.refused, found.manifests) == (2, (), {})


def test_a_manifest_that_is_too_large_is_not_read(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.json").write_text(GOOD)
    monkeypatch.setattr(module, "MANIFEST_LIMIT", len(GOOD) - 1)
    with pytest.raises(UsageError, match="is too large"):
        land(settings.home.landing, "ehr_fhir", [tmp_path / "manifest.json"], DAY)


def test_a_wrong_manifest_is_not_landed(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(WRONG["wrong type"])
    with pytest.raises(UsageError, match="link: is not as the guide says; nothing was landed"):
        land(settings.home.landing, "ehr_fhir", [tmp_path / "manifest.json"], DAY)
    assert not settings.home.landing.exists()
