"""What `simulate` writes: layout, bytes, envelopes, and resources that validate."""

import json
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from lakeward.core.errors import UsageError
from lakeward.simulator import SimulationSummary, simulate

START = date(2026, 1, 5)
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07")
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
HL7 = {"adt_hl7": "adt.hl7", "scheduling_hl7": "siu.hl7", "orders_hl7": "orders.hl7"}


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    return simulate(tmp_path_factory.mktemp("sim"), 60, 3, START, 7)


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def batch(summary: SimulationSummary, source: str, day: str) -> list[list[str]]:
    raw = (summary.out / "landing" / source / day / HL7[source]).read_bytes()
    assert b"\n" not in raw
    assert raw.endswith(b"\r")
    return [segment.split("|") for segment in raw.decode("utf-8").split("\r")[:-1]]


def test_same_arguments_give_the_same_bytes(summary: SimulationSummary, tmp_path: Path) -> None:
    simulate(tmp_path, 60, 3, START, 7)
    assert tree(tmp_path) == tree(summary.out)


def test_a_folder_is_rewritten_whole(tmp_path: Path) -> None:
    simulate(tmp_path, 30, 1, START, 1)
    first = tree(tmp_path)
    simulate(tmp_path, 12, 1, START, 2)
    simulate(tmp_path, 30, 1, START, 1)
    assert tree(tmp_path) == first


def test_other_seed_other_story(summary: SimulationSummary, tmp_path: Path) -> None:
    assert simulate(tmp_path, 60, 1, START, 8).events != summary.events
    assert tree(tmp_path) != tree(summary.out)


def test_more_days_leave_the_first_days_alone(summary: SimulationSummary, tmp_path: Path) -> None:
    simulate(tmp_path, 60, 2, START, 7)
    longer = tree(summary.out)
    assert all(longer[name] == content for name, content in tree(tmp_path).items())


def test_every_day_of_every_source_is_complete(summary: SimulationSummary) -> None:
    markers = {str(p.parent.relative_to(summary.out)) for p in summary.out.rglob("_COMPLETE")}
    assert markers == {f"landing/{s}/{d}" for s in ("ehr_fhir", *HL7) for d in DAYS}


@pytest.mark.parametrize("source", HL7)
def test_batches_count_right_and_control_ids_are_unique(
    summary: SimulationSummary, source: str
) -> None:
    seen: dict[str, str] = {}
    for day in DAYS:
        segments = batch(summary, source, day)
        names = [segment[0] for segment in segments]
        assert names[:2] == ["FHS", "BHS"]
        assert names[-2:] == ["BTS", "FTS"]
        assert segments[-2][1] == str(names.count("MSH"))
        assert segments[-1][1] == "1"
        for header in (s for s in segments if s[0] == "MSH"):
            assert header[17] == "UNICODE UTF-8"
            assert seen.setdefault(header[9], header[6]) == header[6]


def test_messages_of_all_kinds_in_order_of_time(summary: SimulationSummary) -> None:
    expected = {
        *(f"SIU^{t}" for t in ("S12", "S13", "S14", "S15", "S26")),
        *(f"ADT^A{t}" for t in ("01", "02", "03", "04", "08", "11", "16", "20", "28", "31", "40")),
        *("ORM^O01", "ORU^R01", "REF^I12", "REF^I13"),
    }
    assert set(summary.messages) == expected
    for source in HL7:
        times = [s[6] for d in DAYS for s in batch(summary, source, d) if s[0] == "MSH"]
        assert times == sorted(times)


def test_ampersand_is_escaped_and_never_bare(summary: SimulationSummary) -> None:
    text = "\r".join("|".join(s[2:]) for d in DAYS for s in batch(summary, "scheduling_hl7", d))
    assert r"Ear, Nose \T\ Throat" in text
    assert "Nose & Throat" not in text


def test_manifest_states_what_the_files_hold(summary: SimulationSummary) -> None:
    for day in DAYS:
        folder = summary.out / "landing" / "ehr_fhir" / day
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        promised = {o["type"]: o["count"] for o in manifest["output"]}
        found = {p.stem: p.read_bytes().count(b"\n") for p in folder.glob("*.ndjson")}
        assert promised == found


def test_resources_are_valid_r4b(summary: SimulationSummary) -> None:
    from fhir.resources.R4B import get_fhir_model_class

    checked: Counter[str] = Counter()
    for path in sorted((summary.out / "landing" / "ehr_fhir").rglob("*.ndjson")):
        model = get_fhir_model_class(path.stem)
        for line in path.read_text(encoding="utf-8").split("\n")[:-1][::7]:
            model.model_validate_json(line)
            assert FHIR_ID.fullmatch(json.loads(line)["id"])  # fhir.resources does not check it
            checked[path.stem] += 1
    assert set(checked) == set(summary.resources)


def test_counts_of_the_summary(summary: SimulationSummary) -> None:
    lines: Counter[str] = Counter()
    for path in (summary.out / "landing" / "ehr_fhir").rglob("*.ndjson"):
        lines[path.stem] += path.read_bytes().count(b"\n")
    assert dict(lines) == dict(summary.resources)
    sent = sum(s[0] == "MSH" for source in HL7 for d in DAYS for s in batch(summary, source, d))
    assert sent == sum(summary.messages.values())


@pytest.mark.parametrize(
    ("patients", "days", "zone"), [(0, 1, "UTC"), (5, 0, "UTC"), (5, 1, "Mars/Olympus"), (5, 1, "")]
)
def test_wrong_arguments_are_usage_errors(
    tmp_path: Path, patients: int, days: int, zone: str
) -> None:
    with pytest.raises(UsageError):
        simulate(tmp_path / "out", patients, days, START, 1, zone)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("patients", [1, 2, 5])
def test_a_tiny_hospital_still_delivers(tmp_path: Path, patients: int) -> None:
    summary = simulate(tmp_path, patients, 2, START, 3, "Europe/Berlin")
    assert summary.messages["ADT^A40"] == 1
