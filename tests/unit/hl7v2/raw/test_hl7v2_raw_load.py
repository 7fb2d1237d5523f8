"""Files to tables: counts add up, and each message is stored once, whatever happens between."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from killed_load import COUNTS, Killed, kill_before
from lakeward.hl7v2.flat import flatten as flatten_module
from lakeward.hl7v2.flat.flatten import flatten
from lakeward.hl7v2.framing import batch
from lakeward.hl7v2.parsing.segments import flat_tables
from lakeward.hl7v2.raw import load as ingest
from lakeward.hl7v2.raw.load import load
from lakeward.hl7v2.raw.table import RAW, REPEAT
from lakeward.lake import incremental, progress
from lakeward.lake.query import connect
from lakeward.landing.ledger import LedgerFile
from lakeward.landing.sources import Source, Volume
from lakeward.quarantine.records import Selection, find, read_content
from lakeward.quarantine.table import QUARANTINE

DAY = date(2024, 1, 1)
HEAD = "MSH|^~\\&|APP|FAC|||20240101120000||ADT^A01|{}|P|2.5\r"
PATIENT = "PID|1||{}^^^LKWD^MR||Doe\r"


def message(number: int, control: str | None = None) -> str:
    return HEAD.format(number if control is None else control) + PATIENT.format(number)


def source(**changes) -> Source:
    fields = {
        "name": "adt_hl7", "system": "ADT", "format": "hl7v2", "transport": "file",
        "owner": "team:adt", "purpose": "test", "time_zone": "America/New_York",
        "expected_volume": Volume(maximum=10), "end_of_support": date(2030, 1, 1),
    }  # fmt: skip
    return Source.model_validate(fields | changes)


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


def put(landing: Path, received: int, content: str | bytes, of: str = "adt_hl7") -> LedgerFile:
    file = f"{of}/2024-01-01/{received}.hl7"
    path = landing / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return LedgerFile(of, received, DAY, file, "", path.stat().st_size, None)


def counts(found) -> list[tuple[int, int, int, int]]:
    return [(c.found, c.stored, c.duplicate, c.quarantined) for c in found]


def ask(lake, sql: str) -> list[tuple]:
    with connect(lake) as connection:
        return connection.execute(sql).fetchall()


def test_a_message_is_stored_with_its_envelope(lake, landing):
    content = f"FHS|^~\\&\rBHS|^~\\&\r{message(1)}BTS|1\rFTS|1\r"
    load(lake, landing, source(), [put(landing, 1, content)])
    columns = (
        "file, message, batch, byte_offset, byte_length, message_type, trigger_event, control_id,"
        " cast(message_at as varchar), charset, charset_source, body"
    )
    assert ask(lake, f"select {columns} from {RAW.name}") == [
        ("adt_hl7/2024-01-01/1.hl7", 1, 1, content.index("MSH"), len(message(1)) - 1, "ADT", "A01",
         "1", "2024-01-01 17:00:00+00", "utf-8", "utf8", message(1)),
    ]  # fmt: skip


def test_duplicates_and_reused_keys(lake, landing):
    first = put(landing, 1, message(1) + message(1) + message(2))
    second = put(landing, 2, message(2).replace("\r", "\n") + message(3, control="1"))
    found = load(lake, landing, source(), [first])
    found += load(lake, landing, source(), [second])
    assert counts(found) == [(3, 2, 1, 0), (2, 1, 1, 0)]
    rows = ask(lake, f"select control_id, is_key_reused from {RAW.name} order by received, message")
    assert rows == [("1", False), ("2", False), ("1", True)]


def test_a_missing_control_id_is_allowed(lake, landing):
    found = load(lake, landing, source(), [put(landing, 1, message(1, "") + message(2, ""))])
    assert counts(found) == [(2, 2, 0, 0)]
    assert ask(lake, f"select distinct control_id, is_key_reused from {RAW.name}") == [
        (None, False)
    ]


def test_other_sources_do_not_make_duplicates(lake, landing):
    load(lake, landing, source(), [put(landing, 1, message(1))])
    other = source(name="orders_hl7")
    found = load(lake, landing, other, [put(landing, 1, message(1), of="orders_hl7")])
    assert counts(found) == [(1, 1, 0, 0)]


BAD = {
    "missing_msh9": b"MSH|^~\\&|APP|FAC|||2024||\rPID|1\r",
    "bad_separators": b"MSH|garbage\rPID|x\r",
    "undecodable": "MSH|^~\\&|APP|FAC|||2024||ADT^A01|9|P|2.5||||||ASCII\rPID|1||Ü\r".encode(),
    "no_msh": b"PID|1||7\r",
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_records_leave_the_line_and_the_others_load(lake, landing, reason):
    head = b"BHS|^~\\&\r"
    content = head + BAD[reason] + message(1).encode() + message(2).encode() + b"BTS|3\r"
    found = load(lake, landing, source(), [put(landing, 1, content)])
    assert counts(found) == [(3, 2, 0, 1)]
    columns = "reason, place, position, byte_offset, byte_length, state, content"
    expected = (reason, "message 1", 1, len(head), len(BAD[reason]) - 1, "open", BAD[reason][:-1])
    assert ask(lake, f"select {columns} from {QUARANTINE.name}") == [expected]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"accepted_senders": ["OTHER"]}, "sender_not_accepted"),
        ({"accepted_senders": ["APP^OTHER"]}, "sender_not_accepted"),
        ({"accepted_processing_ids": ["T"]}, "processing_id_not_accepted"),
        ({"accepted_senders": ["APP^FAC"], "accepted_processing_ids": ["P"]}, None),
        ({"accepted_senders": ["APP"]}, None),
    ],
)
def test_what_an_interface_accepts(lake, landing, changes, reason):
    load(lake, landing, source(**changes), [put(landing, 1, message(1))])
    rows = ask(lake, f"select reason from {QUARANTINE.name}")
    assert rows == ([(reason,)] if reason else [])


@pytest.mark.parametrize(("policy", "rejected"), [("quarantine", 2), ("accept_with_warning", 0)])
def test_batch_policy(lake, landing, policy, rejected):
    content = f"BHS|^~\\&\r{message(1)}{message(2)}BTS|3\rBHS|^~\\&\r{message(3)}BTS|1\r"
    found = load(lake, landing, source(batch_policy=policy), [put(landing, 1, content)])
    assert counts(found) == [(3, 3 - rejected, 0, rejected)]
    reasons = ask(lake, f"select reason, count(*) from {QUARANTINE.name} group by 1")
    assert reasons == ([("count_mismatch", rejected)] if rejected else [])


def test_files_that_hold_no_messages(lake, landing):
    packed = gzip.compress(message(1).encode() * 50)
    files = [
        put(landing, 1, ""),
        put(landing, 2, "FHS|^~\\&\rBHS|^~\\&\rBTS|0\rFTS|1\r"),
        put(landing, 3, "no HL7 here\n"),
        put(landing, 4, packed[:-9]),
        put(landing, 5, packed),
    ]
    found = load(lake, landing, source(), files)
    assert counts(found) == [(0, 0, 0, 0), (0, 0, 0, 0), (1, 0, 0, 1), (1, 0, 0, 1), (50, 1, 49, 0)]
    rows = ask(lake, f"select reason, byte_length from {QUARANTINE.name} order by received")
    assert rows == [("not_hl7v2", 12), ("truncated_gzip", len(packed) - 9)]


def test_a_message_that_is_too_long_is_rejected_by_its_head(lake, landing, monkeypatch):
    monkeypatch.setattr(batch, "LONGEST", 50_000)
    monkeypatch.setattr(batch, "PIECE", 10_000)
    monkeypatch.setattr(batch, "KEPT", 1_000)
    long = message(2) + f"NTE|1||{'x' * 60_000}\r"
    stray = "a log line " * 6_000 + "\r"
    entry = put(landing, 1, message(1) + long + message(3) + "BHS|^~\\&\r" + stray + message(4))
    assert counts(load(lake, landing, source(), [entry])) == [(5, 3, 0, 2)]
    rows = ask(
        lake, f"select reason, byte_length, octet_length(content) from {QUARANTINE.name} order by 2"
    )
    assert rows == [
        ("message_too_long", len(long), 1_000),
        ("message_too_long", len(stray), 1_000),
    ]
    whole = [read_content(landing, record, b"") for record in find(lake, Selection())]
    assert whole == [long.encode(), stray.encode()]


def bad_and_good(landing: Path, received: int) -> LedgerFile:
    return put(landing, received, BAD["missing_msh9"].decode() + message(received) + message(0))


@pytest.mark.parametrize("held", [0, 1 << 30])
def test_a_repeat_changes_nothing(lake, landing, monkeypatch, held):
    monkeypatch.setattr(ingest, "_HELD_BYTES", held)
    files = [bad_and_good(landing, n) for n in (1, 2)]
    once = load(lake, landing, source(), files)
    versions = [lake.path(t.name).joinpath("_delta_log") for t in (RAW, QUARANTINE)]
    before = [sorted(p.name for p in log.iterdir()) for log in versions]
    assert load(lake, landing, source(), files) == once
    assert [sorted(p.name for p in log.iterdir()) for log in versions] == before
    assert counts(once) == [(3, 2, 0, 1), (3, 1, 1, 1)]


@pytest.mark.parametrize("moment", [RAW.name, REPEAT.name, QUARANTINE.name, COUNTS])
def test_a_crash_between_the_writes_is_mended(lake, landing, monkeypatch, moment):
    files = [bad_and_good(landing, n) for n in (1, 2, 3)]
    with monkeypatch.context() as patch:
        kill_before(patch, moment)
        with pytest.raises(Killed):
            load(lake, landing, source(), files[:2])
    assert counts(load(lake, landing, source(), files)) == [
        (3, 2, 0, 1),
        (3, 1, 1, 1),
        (3, 1, 1, 1),
    ]
    assert ask(lake, f"select count(*), count(distinct quarantine_id) from {QUARANTINE.name}") == [
        (3, 3)
    ]


def test_a_partial_repeat_leaves_out_what_is_stored(lake, landing):
    files = [bad_and_good(landing, n) for n in (1, 2, 3)]
    load(lake, landing, source(), files[:2])
    assert counts(load(lake, landing, source(), files)) == [
        (3, 2, 0, 1),
        (3, 1, 1, 1),
        (3, 1, 1, 1),
    ]


def flat_rows(lake) -> dict[str, list[tuple]]:
    order = "source, received, message, segment"
    return {t.name: ask(lake, f"select * from {t.name} order by {order}") for t in flat_tables()}


def test_flat_tables_follow_raw(lake, landing):
    assert flatten(lake) == []
    load(lake, landing, source(), [put(landing, 1, message(1))])
    written = {write.table for write in flatten(lake)}
    assert written == {table for table, rows in flat_rows(lake).items() if rows}
    assert flatten(lake) == []
    load(lake, landing, source(), [put(landing, 2, message(2) + message(1))])
    flatten(lake)
    other = put(landing, 1, message(1), of="orders_hl7")
    load(lake, landing, source(name="orders_hl7"), [other])
    flatten(lake)
    sql = "select source, received, file, message, day, segment, patient_group, patient_id"
    assert ask(lake, f"{sql} from hl7v2__pid order by 1, 2") == [
        ("adt_hl7", 1, "adt_hl7/2024-01-01/1.hl7", 1, DAY, 2, 1, "1"),
        ("adt_hl7", 2, "adt_hl7/2024-01-01/2.hl7", 1, DAY, 2, 1, "2"),
        ("orders_hl7", 1, "orders_hl7/2024-01-01/1.hl7", 1, DAY, 2, 1, "1"),
    ]


def test_slices_and_crashes_give_the_same_flat_tables(lake, landing, monkeypatch):
    content = "".join(message(n) for n in range(20))
    load(lake, landing, source(), [put(landing, 1, content), put(landing, 2, message(99))])
    commits = incremental.commit_rows

    def crash_at(limit: int):
        done = []

        def commit(*args, **options):
            if len(done) == limit:
                raise KeyboardInterrupt
            done.append(commits(*args, **options))
            return done[-1]

        return commit

    monkeypatch.setattr(progress, "SLICE_BYTES", 500)
    for limit in (0, 1, 5, 19, 22):
        monkeypatch.setattr(incremental, "commit_rows", crash_at(limit))
        with pytest.raises(KeyboardInterrupt):
            flatten(lake)
    monkeypatch.setattr(incremental, "commit_rows", commits)
    flatten(lake)
    rows = flat_rows(lake)
    assert [len(rows[t]) for t in ("hl7v2__msh", "hl7v2__pid", "hl7v2__pid_identifier")] == [21] * 3
    assert len(set(rows["hl7v2__msh"])) == 21


def test_a_changed_spec_rebuilds_its_table(lake, landing, monkeypatch):
    load(lake, landing, source(), [put(landing, 1, message(1))])
    load(lake, landing, source(name="b_hl7"), [put(landing, 1, message(2), of="b_hl7")])
    flatten(lake)
    original = flatten_module.spec_sha
    for label in ("changed", "other", "changed"):
        monkeypatch.setattr(
            flatten_module,
            "spec_sha",
            lambda owner, label=label: label if owner.table == "hl7v2__pid" else original(owner),
        )
        writes = flatten(lake)
        assert {w.table for w in writes} == {"hl7v2__pid"}
        assert ask(lake, "select count(*), count(distinct patient_id) from hl7v2__pid") == [(2, 2)]
    assert ask(lake, "select count(*) from hl7v2__msh") == [(2,)]
