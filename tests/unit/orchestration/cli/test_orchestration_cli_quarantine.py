"""`lakeward quarantine`: what people read and scripts parse; patient data on request only."""

import json
from collections.abc import Callable
from datetime import date

import pytest

from lakeward.assets.formats import format_of
from lakeward.core.settings import Settings, principal
from lakeward.lake.lock import sole_writer
from lakeward.lake.query import connect
from lakeward.lake.tables import Lake
from lakeward.landing.deliveries import deliveries, land
from lakeward.landing.ledger import register
from lakeward.landing.loading import load_pending
from lakeward.landing.sources import load_inventory
from lakeward.orchestration.cli import app as cli
from lakeward.orchestration.cli import quarantine as cli_quarantine
from lakeward.orchestration.nightly import Night
from lakeward.quarantine.trail import update_states
from lakeward.worklists.audit import verify

CANARY = "Zzyzxova"
DAY = date(2026, 1, 5)
LINES = [
    json.dumps({"resourceType": "Patient", "name": [{"family": CANARY}]}),
    '{"resourceType": "Patient", "id": "x", "name": "' + CANARY,
    json.dumps({"resourceType": "Patient", "id": "good", "name": [{"family": CANARY}]}),
]
FIXED = json.dumps({"resourceType": "Patient", "id": "fixed", "name": [{"family": CANARY}]})

Call = Callable[..., tuple[int, str, str]]


def load(settings: Settings) -> None:
    lake, landing = Lake(settings.home.lake), settings.home.landing
    source = load_inventory(settings.home).source("ehr_fhir")
    register(lake, landing, deliveries(landing, source.name, date(2030, 1, 1)))
    load_pending(lake, settings.home, source, format_of(source))
    update_states(lake)


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with two rejected resources and one stored."""
    settings.home.root.mkdir(parents=True)
    path = settings.home.root.parent / "p.ndjson"
    path.write_text("\n".join(LINES))
    land(settings.home.landing, "ehr_fhir", [path], DAY)
    load(settings)
    monkeypatch.setenv("LAKEWARD_HOME", str(settings.home.root))
    return settings


@pytest.fixture
def call(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Call:
    """Run the command line as a person does; return exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["lakeward", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capfdbinary.readouterr()
        return int(str(ended.value.code or 0)), printed.out.decode(), printed.err.decode()

    return run


def ids(call: Call) -> dict[str, str]:
    """Return the ids by reason."""
    listed = json.loads(call("quarantine", "list", "--json")[1])
    return {record["reason"]: record["quarantine_id"] for record in listed["records"]}


def test_list_shows_places_reasons_and_counts_and_nothing_of_the_record(call: Call) -> None:
    code, out, _ = call("quarantine", "list", "--json")
    listed = json.loads(out)
    assert code == 0
    assert listed["counts"] == [
        {"source": "ehr_fhir", "reason": reason, "state": "open", "records": 1}
        for reason in ("broken_json", "missing_id")
    ]
    assert [r["place"] for r in listed["records"]] == ["line 1", "line 2"]
    assert set(listed["records"][0]) >= {
        "quarantine_id",
        "source",
        "day",
        "file",
        "reason",
        "state",
    }
    table = call("quarantine", "list", "--reason", "missing_id", "--day", "2026-01-05")[1]
    assert "line 1" in table
    assert "line 2" not in table
    assert CANARY not in out + table
    assert (
        json.loads(call("quarantine", "list", "--state", "replayed", "--json")[1])["records"] == []
    )
    assert call("quarantine", "list", "--state", "odd")[0] == 2


def test_show_explains_without_values(call: Call) -> None:
    for reason, text in (("missing_id", "Patient.id: is missing"), ("broken_json", "character")):
        code, out, _ = call("quarantine", "show", ids(call)[reason])
        assert code == 0
        assert text in out
        assert CANARY not in out
    shown = json.loads(call("quarantine", "show", ids(call)["missing_id"], "--json")[1])
    assert shown["explanation"]
    assert (shown["trail"], shown["state"], shown["byte_offset"]) == ([], "open", 0)


def test_content_is_shown_on_request_and_audited_each_time(call: Call, home: Settings) -> None:
    record = ids(call)["missing_id"]
    for times in (1, 2):
        code, out, err = call("quarantine", "show", record, "--content")
        assert (code, out.rstrip("\n"), err) == (0, LINES[0], "")
        assert verify(Lake(home.home.lake)) == times
    with connect(Lake(home.home.lake)) as connection:
        rows = connection.execute("select action, principal, files[1] from audit").fetchall()
    assert rows[0][:2] == ("show", principal())
    assert rows[0][2].startswith(f"{record} sha256:")
    assert CANARY not in str(rows)


def test_a_correction_is_replayed_and_the_next_step_is_named(
    call: Call, home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = home.home.root.parent / "fixed.json"
    fixed.write_text(FIXED + "\n")
    record = ids(call)["missing_id"]
    code, out, _ = call("quarantine", "replay", record, "--edit", str(fixed), "--note", "called")
    assert code == 0
    assert "Replayed 1 record(s) in 1 file(s)." in out
    assert "Next: lakeward run --day 2026-01-05" in out
    assert "waits for a run" in call("quarantine", "list")[1]
    load(home)
    shown = call("quarantine", "show", record)[1]
    assert "state: replayed" in shown
    assert "edited at" in shown
    assert CANARY not in out + shown
    started: list[date] = []

    def run_day(_settings: Settings, day: date) -> Night:
        started.append(day)
        return Night(day, "nightly", "r", (), ())

    monkeypatch.setattr("lakeward.orchestration.nightly.run_day", run_day)
    fixed.write_text(FIXED.replace("fixed", "other"))
    done = call("quarantine", "replay", ids(call)["broken_json"], "--edit", str(fixed), "--run")
    assert (done[0], started) == (0, [DAY])


def test_what_is_still_wrong_stays_and_ends_with_one(call: Call) -> None:
    code, out, _ = call("quarantine", "replay", "--all")
    assert code == 1
    assert "would be rejected again as broken_json" in out
    result = json.loads(call("quarantine", "replay", "--all", "--json")[1])
    assert result["replayed"] == []
    assert sorted(result["refused"].values()) == ["broken_json", "missing_id"]


def test_discarding_needs_a_note(call: Call) -> None:
    record = ids(call)["broken_json"]
    assert call("quarantine", "discard", record)[0] == 2
    assert call("quarantine", "discard", record, "--note", " ")[0] == 2
    assert "Discarded 1" in call("quarantine", "discard", record, "--note", "cut off")[1]
    assert "state: discarded" in call("quarantine", "show", record)[1]
    assert "note: cut off" in call("quarantine", "show", record)[1]


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("replay",), "names no record"),
        (("replay", "no-such-id"), "quarantine_id no-such-id: not in quarantine"),
        (("show", "no-such-id"), "not in quarantine"),
        (("discard", "no-such-id", "--note", "x"), "not in quarantine"),
        (("replay", "--reason", "nope"), "reason nope: no such record"),
        (("replay", "--source", "ehr"), "source ehr: not in the interface inventory"),
        (("replay", "--all", "--edit", "x"), "--edit: names one record"),
        (("replay", "x", "--edit", "missing.json"), "missing.json: does not exist"),
        (("list", "--day", "monday"), "day: not a date"),
    ],
)
def test_a_wrong_call_is_one_cause_and_one_remedy(
    call: Call, arguments: tuple[str, ...], cause: str
) -> None:
    code, out, err = call("quarantine", *arguments)
    lines = err.splitlines()
    assert (code, out, len(lines)) == (2, "", 2), err
    assert cause in lines[0]
    assert lines[1].startswith("remedy: ")


def test_nothing_to_show_is_no_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEWARD_HOME", str(settings.home.root))
    cli_quarantine.quarantine_list(json=True)
    assert not settings.home.lake.exists(), "reading makes no table"


@pytest.mark.parametrize(
    "arguments",
    [("replay", "--all"), ("replay", "--all", "--preview"), ("show", "ID", "--content")],
)
def test_while_a_run_writes_the_lake_nothing_is_done(
    call: Call, home: Settings, arguments: tuple[str, ...]
) -> None:
    record = ids(call)["missing_id"]
    with sole_writer(home.home):
        named = [record if word == "ID" else word for word in arguments]
        code, out, err = call("quarantine", *named)
    assert (code, out) == (2, "")
    assert "another run is writing this lake" in err
