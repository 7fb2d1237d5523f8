"""A planted name and MRN stand in records, worklists and nowhere else."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from canaries import (
    Words,
    bad_fhir_lines,
    bad_hl7,
    fhir_lines,
    found_words,
    hl7_messages,
)
from simulated import START

from lakeward.core.phi import Phi
from lakeward.core.settings import Settings
from lakeward.lake import dbt_plugin
from lakeward.lake.candidate import store_candidate
from lakeward.lake.query import Connection, connect
from lakeward.lake.tables import (
    Column,
    Lake,
    TableSpec,
    TableWrite,
    open_table,
    table_names,
    write,
)
from lakeward.landing.deliveries import land
from lakeward.orchestration.cli.night_summary import print_night
from lakeward.orchestration.nightly import run_day

NAME, MRN, PHONE = "Zzyzxova", "QJX7730991", "+16175550188"
CANARIES = [text.encode() for text in (NAME, NAME.upper(), MRN, PHONE)]

PATIENT = {
    "resourceType": "Patient",
    "id": "canary",
    "identifier": [
        {
            "type": {"coding": [{"code": "MR"}]},
            "system": "urn:oid:2.16.840.1.113883.19.5",
            "value": MRN,
        }
    ],
    "name": [{"use": "official", "family": NAME, "given": ["Quuxella"]}],
    "birthDate": "1951-02-03",
    "telecom": [{"system": "phone", "use": "mobile", "value": PHONE}],
    "active": True,
}
BROKEN = [
    '{"resourceType": "Patient", "name": [{"family": "' + NAME + '"}],',  # cut off
    json.dumps({"resourceType": "Patient", "name": [{"family": NAME}]}),  # no id
    json.dumps({**PATIENT, "id": f"{NAME} {MRN}"}),  # illegal id that is itself PHI
]
PID = f"PID|1||{MRN}^^^LKWD^MR||{NAME}^Quuxella||19510203|F|||1 Canary St^^Boston^MA^02110||{PHONE}"
GOOD = f"MSH|^~\\&|ADT|LKWD|X|Y|20260105101500||ADT^A04|CANARY1|P|2.5.1\r{PID}\rPV1|1|O|CARD^^^LKWD"
REJECTED = f"MSH|^~\\&|ADT|LKWD|X|Y|20260105101600|||CANARY2|P|2.5.1\r{PID}\r"


def plant(settings: Settings, folder: Path, day: date) -> None:
    folder.mkdir()
    lines = [json.dumps(PATIENT), *BROKEN]
    (folder / "canary.ndjson").write_text("\n".join(lines))
    (folder / "canary.hl7").write_text(f"{GOOD}\r{REJECTED}", newline="")
    land(settings.home.landing, "ehr_fhir", [folder / "canary.ndjson"], day)
    land(settings.home.landing, "adt_hl7", [folder / "canary.hl7"], day)


def searched(home: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file that must not hold PHI; of Parquet files the footer."""
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        top = path.relative_to(home).parts[0]
        if top in {"landing", "outbox", "truth"}:
            continue
        content = path.read_bytes()
        if top == "lake" and path.suffix == ".parquet" and "_delta_log" not in path.parts:
            content = content[-8 - int.from_bytes(content[-8:-4], "little") :]
        yield path, content


def leaks(home: Path) -> list[str]:
    return [
        str(path.relative_to(home))
        for path, content in searched(home)
        if any(canary in content or canary in str(path).encode() for canary in CANARIES)
    ]


@pytest.fixture
def planted(delivered: Path, home_of: Callable[[Path], Settings], tmp_path: Path) -> Settings:
    settings = home_of(delivered)
    plant(settings, tmp_path / "canaries", START)
    return settings


def test_a_planted_patient_is_in_the_store_and_in_no_report_log_footer_or_error(
    planted: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def store(lake: Lake, connection: Connection, table: str, sql: str) -> TableWrite | None:
        if table == "canonical__patient":
            sql = f"select *, cast(family_name as integer) as boom from ({sql})"
        return store_candidate(lake, connection, table, sql)

    with monkeypatch.context() as failing:
        failing.setattr(dbt_plugin, "store_candidate", store)
        night = run_day(planted, START)
    assert not night.passed
    assert [f.step for f in night.failures] == ["canonical"]
    assert "canonical__patient" in night.failures[0].cause
    assert leaks(planted.home.root) == []

    assert run_day(planted, START).passed
    with connect(Lake(planted.home.lake)) as connection:
        found = connection.execute(
            "select count(*) from canonical__patient where family_name = ?", [NAME]
        ).fetchall()
        reasons = connection.execute("select count(*) from quarantine").fetchall()
    assert found == [(1,)]
    assert reasons == [(4,)]
    tops = {path.relative_to(planted.home.root).parts[0] for path, _ in searched(planted.home.root)}
    assert {"lake", "work", "dagster", "site"} <= tops  # there is something to search
    assert leaks(planted.home.root) == []
    printed = capfd.readouterr()
    assert not any(canary.decode() in printed.out + printed.err for canary in CANARIES)


def land_words(settings: Settings, folder: Path, words: Words, *, good: bool) -> None:
    """Land both formats with a word in every leaf: on a first good day, or a second bad one."""
    folder.mkdir()
    fhir = fhir_lines(words, well_formed=good) + ([] if good else bad_fhir_lines(words))
    hl7 = [*hl7_messages(words), *([] if good else [bad_hl7(words)])]
    name, day = ("good", START) if good else ("bad", START + timedelta(days=1))
    (folder / f"words-{name}.ndjson").write_text("\n".join(fhir))
    (folder / f"words-{name}.hl7").write_text("\r".join(hl7), newline="")
    land(settings.home.landing, "ehr_fhir", [folder / f"words-{name}.ndjson"], day)
    land(settings.home.landing, "adt_hl7", [folder / f"words-{name}.hl7"], day)


def test_a_word_of_any_leaf_is_in_records_and_nowhere_else(
    delivered: Path,
    home_of: Callable[[Path], Settings],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings, words = home_of(delivered), Words()
    lake = Lake(settings.home.lake)
    # the bad records come to tables that exist: those are appended to
    for good in (True, False):
        land_words(settings, tmp_path / f"words-{good}", words, good=good)
        night = run_day(settings, START if good else START + timedelta(days=1))
        print_night(settings, night)
        assert not [f for f in night.failures if "contract" not in f.cause], night.failures
        with connect(lake) as connection:
            stored = connection.execute(
                "select sum(stored), sum(quarantined) from ledger where contains(file, 'words-')"
            ).fetchall()[0]
        assert stored[0] > 50
        assert (stored[1] == 0) is good
        printed = capfd.readouterr()
        # before the checkpoints, which are written here and by no run
        assert modes(settings.home.root) <= {0o750, 0o700, 0o640, 0o600}
        for table in table_names(lake):  # as delta-rs does by itself after some commits
            opened = open_table(lake, table)
            assert opened is not None
            opened.create_checkpoint()
        outputs = printed.out.encode(), printed.err.encode()
        assert found_words(settings.home.root, words, *outputs) == {}
        for checkpoint in lake.root.rglob("*checkpoint*"):
            checkpoint.chmod(0o640)  # the next look at modes is at what the next run writes
    with connect(lake) as connection:
        flat = connection.execute("select count(distinct code) from fhir__observation").fetchall()
    assert flat > [(5,)]  # words are in the tables whose logs are searched
    assert len(words.planted) > 5_000


def modes(home: Path) -> set[int]:
    """Return the modes of all that runs wrote: landing and truth are others'."""
    tops = [p for p in home.iterdir() if p.name not in {"landing", "truth"}]
    found = [*tops, *(path for top in tops for path in top.rglob("*"))]
    return {path.stat().st_mode & 0o777 for path in found}


def test_the_search_finds_a_word_wherever_it_is(tmp_path: Path) -> None:
    words = Words()
    spec = TableSpec(name="t", columns=(Column("code", "VARCHAR", Phi.N, is_ours=True),))
    lake = Lake(tmp_path / "lake")
    write(lake, spec, pa.table({"code": [words.at("a code")]}), mode="append")
    opened = open_table(lake, "t")
    assert opened is not None
    opened.create_checkpoint()
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "x.html").write_text(words.at("a page").upper())
    found = found_words(tmp_path, words, words.at("a line").encode())
    assert {frozenset(places) for places in found.values()} == {
        frozenset({"a code"}),
        frozenset({"a page"}),
        frozenset({"a line"}),
    }
    # the log, its checkpoint and the footer
    assert sum(places == {"a code"} for places in found.values()) == 3


def test_the_search_finds_what_it_should(planted: Settings) -> None:
    planted.home.site.mkdir(parents=True)
    (planted.home.site / "x.html").write_text(f"<p>{NAME}</p>")
    assert leaks(planted.home.root) == ["site/x.html"]
    shutil.rmtree(planted.home.site)
