"""One record that breaks a contract does not hold the lists of all."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from lakeward.contracts import load_contracts
from lakeward.contracts.model import Contract
from lakeward.contracts.rule_types.outside_range import OutsideRange
from lakeward.core.errors import UsageError
from lakeward.core.settings import Settings, principal
from lakeward.lake.query import connect
from lakeward.lake.release import latest
from lakeward.lake.released import open_released, select
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import land
from lakeward.orchestration.cli.release import release_show
from lakeward.orchestration.held_releases import release_without
from lakeward.orchestration.nightly import run_day
from lakeward.quarantine.withheld import withheld

DAY = date(2026, 1, 5)
BORN = {"M1": "19400301", "M2": "19800301", "M3": "19900301"}


def messages() -> str:
    return "".join(
        f"MSH|^~\\&|ADT1|HOSP|LAKEWARD|HOSP|2026010508{n:02}00||ADT^A01^ADT_A01|K{n}|P|2.5.1\r"
        f"EVN|A01|2026010508{n:02}00\r"
        f"PID|1||{mrn}^^^HOSP^MR||Family{n}^Given{n}||{born}|F\r"
        f"PV1|1|I|W^1^{n}^HOSP||||||||||||||||V{n}^^^HOSP^VN\r"
        for n, (mrn, born) in enumerate(BORN.items(), 1)
    )


def with_rule(minimum: str) -> Callable[[], dict[str, Contract]]:
    """Return the contracts with another bound for dates of birth: no input breaks the true one."""
    contracts = dict(load_contracts())
    patient = contracts["canonical__patient"]
    rules = tuple(
        replace(rule, check=OutsideRange("birth_date", minimum=minimum))
        if rule.id == "birth_date.range"
        else rule
        for rule in patient.rules
    )
    contracts["canonical__patient"] = replace(patient, rules=rules)
    return lambda: contracts


@pytest.fixture
def landed(settings: Settings, tmp_path: Path) -> Settings:
    file = tmp_path / "adt.hl7"
    file.write_bytes(messages().encode())
    land(settings.home.landing, "adt_hl7", [file], DAY)
    return settings


def use(contracts: Callable[[], dict[str, Contract]], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("unit", "offenders"):
        monkeypatch.setattr(f"lakeward.expectations.{module}.load_contracts", contracts)


def released_mrns(settings: Settings) -> list[str]:
    with open_released(settings) as connection:
        return [
            r["mrn"] for r in select(connection, "select mrn from canonical__patient order by 1")
        ]


def test_the_night_goes_out_without_the_record(
    landed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(with_rule("1950-01-01"), monkeypatch)
    night = run_day(landed, DAY)
    assert night.passed, night
    assert released_mrns(landed) == ["M2", "M3"]
    (record,) = withheld(Lake(landed.home.lake))
    assert record.source_ref == "adt_hl7/2026-01-05/adt.hl7#1"
    assert record.rule == "canonical__patient.birth_date.range"
    named = [w for w in night.warnings if "1 record(s) left out" in w]
    assert len(named) == 1
    assert "adt.hl7#1 (canonical__patient.birth_date.range)" in named[0]


def test_many_offenders_hold_the_release_until_somebody_releases_it_without_them(
    landed: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = Lake(landed.home.lake)
    use(with_rule("1950-01-01"), monkeypatch)
    with monkeypatch.context() as patched:
        patched.setattr("lakeward.assets.leaving_out.MOST_WITHHELD", 0)
        night = run_day(landed, DAY)
    assert night.broken
    assert withheld(lake) == []
    held = latest(lake, "canonical")
    assert held is not None
    assert held.state == "held"

    monkeypatch.setenv("LAKEWARD_HOME", str(landed.home.root))
    release_show(held.release_id, json=True)
    shown = json.loads(capsys.readouterr().out)
    (patient,) = [row for row in shown if row["table"] == "canonical__patient"]
    (row,) = patient["rows_behind"]
    assert row["rule"] == "birth_date.range"
    assert row["source_ref"] == "adt_hl7/2026-01-05/adt.hl7#1"
    assert row["key"]
    assert "19400301" not in json.dumps(shown)

    night = release_without(landed, held.release_id)
    assert night.passed, night
    assert released_mrns(landed) == ["M2", "M3"]
    with connect(lake) as connection:
        who = connection.execute("select run_id from withheld_record").fetchall()
    assert who == [(f"command line: {principal()}",)]
    with pytest.raises(UsageError, match="is not held"):
        release_without(landed, held.release_id)
