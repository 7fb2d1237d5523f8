"""Rejected records of both formats: a preview that commits nothing, then the way into the store."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from importlib import resources
from pathlib import Path

import pytest
import typer
from simulated import DAYS, START
from tables import fingerprints

from lakeward.assets.formats import format_of
from lakeward.core.settings import Settings
from lakeward.lake.released import open_released, select
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import deliveries, land
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.cli.quarantine import (
    quarantine_list,
    quarantine_replay,
    quarantine_show,
)
from lakeward.orchestration.nightly import run_day
from lakeward.quarantine.trail import update_states

LAST = START + timedelta(days=DAYS - 1)
NAME, MRN = "Zzyzxova", "QJX7730991"
MESSAGE = "\r".join(
    [
        "MSH|^~\\&|NEWADT|LKWD|X|Y|20260106101500||ADT^A04|CANARY1|P|2.5.1",
        f"PID|1||{MRN}^^^LKWD^MR||{NAME}^Quuxella||19510203|F",
        "PV1|1|O|CARD^^^LKWD",
    ]
)
PATIENT = {
    "resourceType": "Patient",
    "identifier": [
        {
            "type": {"coding": [{"code": "MR"}]},
            "system": "urn:oid:2.16.840.1.113883.19.5",
            "value": f"{MRN}F",
        }
    ],
    "name": [{"use": "official", "family": NAME, "given": ["Ffion"]}],
    "birthDate": "1961-02-03",
    "active": True,
}


def accept(settings: Settings, *senders: str) -> None:
    packaged = resources.files("lakeward.landing").joinpath("sources.yaml").read_text()
    entry = "  - name: adt_hl7\n"
    named = f"    accepted_senders: [{', '.join(senders)}]\n"
    (settings.home.root / "sources.yaml").write_text(packaged.replace(entry, entry + named))


def plant(settings: Settings, folder: Path) -> None:
    """Deliver one message of an unknown sender and one patient without id, and load them."""
    folder.mkdir()
    (folder / "new.hl7").write_text(MESSAGE, newline="")
    (folder / "new.ndjson").write_text(json.dumps(PATIENT) + "\n")
    landing, lake = settings.home.landing, Lake(settings.home.lake)
    land(landing, "adt_hl7", [folder / "new.hl7"], LAST)
    land(landing, "ehr_fhir", [folder / "new.ndjson"], LAST)
    accept(settings, "LKWDADT")
    for source in load_inventory(settings.home).sources:
        register(lake, landing, deliveries(landing, source.name, date(2030, 1, 1)))
        load_pending(lake, settings.home, source, format_of(source))
    update_states(lake)


def rejected(settings: Settings) -> dict[str, str]:
    with open_released(settings) as connection:
        rows = select(connection, "select quarantine_id, reason from quarantine order by reason")
    return {row["reason"]: row["quarantine_id"] for row in rows}


@pytest.mark.slow
def test_records_of_both_formats_come_back(
    finished: Path,
    home_of: Callable[[Path], Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = home_of(finished)
    monkeypatch.setenv("LAKEWARD_HOME", str(settings.home.root))
    plant(settings, tmp_path / "new")
    ids = rejected(settings)
    assert sorted(ids) == ["missing_id", "sender_not_accepted"]
    accept(settings, "LKWDADT", "NEWADT")
    before, files = fingerprints(settings), sorted(settings.home.landing.rglob("*"))
    with pytest.raises(typer.Exit):
        quarantine_replay(reason="sender_not_accepted", preview=True, json=True)
    printed = json.loads(capfd.readouterr().out)
    assert (printed["replayed"], printed["refused"]) == ([ids["sender_not_accepted"]], {})
    changed = {(change["table"], change["change"]) for change in printed["changes"]}
    assert ("canonical__patient", "added") in changed
    assert ("canonical__visit", "added") in changed
    # the new visit adds to the number of fields without a code; the rest of the store is as it was
    assert {c for c in changed if c[1] != "added"} <= {("canonical__unmapped_code", "changed")}
    assert fingerprints(settings) == before
    assert sorted(settings.home.landing.rglob("*")) == files
    assert not list((settings.home.work / "scratch").glob("*"))

    fixed = tmp_path / "fixed.json"
    fixed.write_text(json.dumps({**PATIENT, "id": "fixed"}, indent=1))
    for arguments in (
        {"reason": "sender_not_accepted", "note": "new ADT system"},
        {"ids": [ids["missing_id"]], "edit": fixed},
    ):
        with pytest.raises(typer.Exit) as ended:
            quarantine_replay(**arguments)
        assert ended.value.exit_code == 0
    assert run_day(settings, LAST).passed
    for name in ids.values():
        quarantine_show(name)
    quarantine_list()
    printed = capfd.readouterr()
    assert not [c for c in (NAME, MRN) if c in printed.out + printed.err]
    with open_released(settings) as connection:
        states = select(connection, "select state, count(*) as n from quarantine group by 1")
        stored = select(
            connection,
            f"select source_ref from canonical__patient where family_name = '{NAME}' order by 1",
        )
    assert states == [{"state": "replayed", "n": 2}]
    assert [row["source_ref"].split("/2026-01-06/")[0] for row in stored] == ["adt_hl7", "ehr_fhir"]
    assert all("/replay/" in row["source_ref"] for row in stored)
