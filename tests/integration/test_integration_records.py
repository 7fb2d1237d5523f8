"""Records with values at and beyond every limit: a night goes out, whatever they state.

Each record is one of the simulated hospital's with its times, numbers and codes replaced, so it
reaches every conversion from the flat tables to the lists that a record can reach.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated import START

from lakeward.core.settings import Settings
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import land
from lakeward.orchestration.nightly import run_day

LISTS = ("messaging_vendor", "referral_desk", "bed_management")
FHIR_TIMES = (
    "0001-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31",
    "9999-12-31T23:59:59.999-12:00",
    "2026-02-30",
    "2026",
    "2026-01-05T24:00:00Z",
    "0000-00-00",
    "yesterday",
)
HL7_TIMES = (
    "00010101",
    "00010101000000+1400",
    "99991231235959.9999-1200",
    "20260230",
    "202601052460",
    "00000000",
    "2026",
    "99999999999999",
    "\u0662\u0660\u0662\u0666",
)
NUMBERS = (0, -1, 2**31, 2**63, 10**30, 1e308, 1e-308, 0.1)
CODES = ("", " ", "'", '"', "NULL", "\\X00\\", "~", "x" * 70_000, "\u0000", "\U0001f3e5")

_FHIR_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T.*)?)?)?")
_HL7_TIME = re.compile(r"(?<=[|^~&])(?:19|20)\d{6}(?:\d{2,6})?(?:[+-]\d{4})?(?=[|^~&\r])")
_HL7_NUMBER = re.compile(r"(?<=[|^])\d{1,3}(?=[|^\r])")


def changed(value: Any, time: str, number: float, code: str) -> Any:
    """Return JSON with all times and numbers replaced, and codes that are no links."""
    match value:
        case dict():
            return {
                k: v
                if k in {"resourceType", "id", "reference", "system", "use", "url"}
                else changed(v, time, number, code if k in {"code", "display", "text"} else "")
                for k, v in value.items()
            }
        case list():
            return [changed(v, time, number, code) for v in value]
        case bool():
            return value
        case int() | float():
            return number
        case str() if _FHIR_TIME.fullmatch(value):
            return time
        case str():
            return code or value
    return value


def resources(landing: Path) -> Iterator[str]:
    for file in sorted((landing / "ehr_fhir" / START.isoformat()).glob("*.ndjson")):
        lines = file.read_text(encoding="utf-8").splitlines()[:3]
        for number, line in enumerate(lines):
            for n in range(max(len(FHIR_TIMES), len(CODES))):
                resource = changed(
                    json.loads(line),
                    FHIR_TIMES[n % len(FHIR_TIMES)],
                    NUMBERS[n % len(NUMBERS)],
                    CODES[n % len(CODES)] if number else "",
                )
                resource["id"] = f"{resource['id']}-{number}-{n}"[-64:]
                resource["meta"] = {"lastUpdated": "2026-01-05T20:00:00Z", "versionId": "1"}
                yield json.dumps(resource)


def messages(landing: Path, source: str) -> Iterator[str]:
    seen: dict[str, int] = {}
    for file in sorted((landing / source / START.isoformat()).rglob("*.hl7")):
        text = file.read_text(encoding="utf-8").replace("\r\n", "\r").replace("\n", "\r")
        for message in re.split(r"(?=MSH\|)", text)[1:]:
            message = re.split(r"\r(?=BTS|FTS|BHS|FHS)", message)[0].strip("\r") + "\r"
            header = message.split("\r")[0].split("|")
            if seen.setdefault(header[8], 0) >= 2:  # two of each trigger
                continue
            seen[header[8]] += 1
            for n in range(len(HL7_TIMES)):
                head, body = message.split("\r", 1)
                fields = head.split("|")
                fields[9] = f"{fields[9]}M{n}"
                if n % 2:
                    fields[6] = HL7_TIMES[n]
                body = _HL7_TIME.sub(lambda _, n=n: HL7_TIMES[n], f"\r{body}")[1:]
                if n % 3 == 0:
                    body = _HL7_NUMBER.sub(lambda _, n=n: str(int(NUMBERS[n % 4])), body)
                yield "|".join(fields) + "\r" + body


@pytest.fixture
def hospital(delivered: Path, home_of: Callable[[Path], Settings], tmp_path: Path) -> Settings:
    settings = home_of(delivered)
    landing = settings.home.landing
    planted: dict[str, str] = {"ehr_fhir": "\n".join(resources(landing)) + "\n"}
    for source in ("adt_hl7", "scheduling_hl7", "orders_hl7"):
        planted[source] = "".join(messages(landing, source))
    for source, text in planted.items():
        assert text.strip(), source
        suffix = "ndjson" if source == "ehr_fhir" else "hl7"
        file = tmp_path / f"planted-{source}.{suffix}"
        file.write_text(text, encoding="utf-8")
        land(landing, source, [file], START)
    return settings


def test_no_record_holds_the_night(hospital: Settings) -> None:
    night = run_day(hospital, START)
    assert not night.failures, night.failures
    assert not night.broken, night.broken
    assert not night.kept_back, night.kept_back
    for consumer in LISTS:
        assert (hospital.home.outbox / consumer / START.isoformat() / "_READY").is_file(), consumer
    with connect(Lake(hospital.home.lake)) as connection:
        ((found, stored),) = connection.execute(
            "select sum(found), sum(stored) from ledger where contains(file, 'planted')"
        ).fetchall()
    # else the records would end in quarantine and try nothing
    assert stored > found / 3
