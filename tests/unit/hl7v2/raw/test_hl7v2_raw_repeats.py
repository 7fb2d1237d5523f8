"""Snapshots that repeat what was stated last are counted, not stored; and nothing else is."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_hl7v2_raw_load import ask, counts, put, source

from killed_load import Killed, kill_before
from lakeward.hl7v2.raw.load import load
from lakeward.hl7v2.raw.table import RAW, REPEAT
from lakeward.lake.tables import Lake
from lakeward.quarantine.table import QUARANTINE

CONTROL = iter(range(10**9))


def said(event: str, patient: str = "7", name: str = "Doe", use: str = "|^~\\&") -> str:
    """One message; control id, times and sequence number differ every time."""
    number = next(CONTROL)
    text = (
        f"MSH|^~\\&|APP|FAC|||2024010112{number % 60:02}||ADT^{event}|{number}|P|2.5|{number}\r"
        f"EVN|{event}|202401011{number % 10}||||2024010112{number % 60:02}\r"
        f"PID|1||{patient}^^^LKWD^MR~9^^^SSA||{name}\rPV1|1|I|A^1||||||||||||||||V1\r"
    )
    return text.translate(str.maketrans("|^~\\&", use))


def numbers(lake) -> list[int]:
    return [number for (number,) in ask(lake, f"select message from {RAW.name} order by 1")]


@pytest.mark.parametrize(
    ("messages", "stored"),
    [
        ([("A01",), ("A08",), ("A08",), ("A08",)], [1, 2]),
        ([("A31",), ("A31",)], [1]),
        ([("A08",), ("A31",), ("A08",)], [1, 2, 3]),  # the other kind came between
        ([("A08",), ("A02",), ("A08",)], [1, 2, 3]),  # the patient moved in between
        ([("A08", "7", "Doe"), ("A08", "7", "Roe"), ("A08", "7", "Doe")], [1, 2, 3]),
        ([("A08", "7"), ("A08", "8"), ("A08", "7"), ("A08", "8")], [1, 2]),
        ([("A02",), ("A02",)], [1, 2]),  # an event that comes again is another event
        ([("A08", ""), ("A08", "")], [1, 2]),  # about whom, nobody knows
        ([("A08", "7"), ("A02", ""), ("A08", "7")], [1, 2, 3]),
        ([("A08", "7", "Doe", "#*%!@"), ("A08", "7", "Doe", "#*%!@")], [1]),
        ([("A08", "7", "Doe", "#*%!@"), ("A02",), ("A08", "7", "Doe", "#*%!@")], [1, 2, 3]),
    ],
)
def test_what_repeats(lake, tmp_path, messages, stored):
    content = "".join(said(*message) for message in messages)
    found = load(lake, tmp_path, source(), [put(tmp_path, 1, content)])
    count = len(messages)
    assert numbers(lake) == stored
    assert counts(found) == [(count, len(stored), count - len(stored), 0)]


def test_a_merge_lies_between(lake, tmp_path):
    merge = said("A40", "8").rstrip("\r") + "\rMRG|7^^^LKWD^MR\r"
    content = said("A08") + merge + said("A08")
    load(lake, tmp_path, source(), [put(tmp_path, 1, content)])
    assert numbers(lake) == [1, 2, 3]


@pytest.mark.parametrize("split", [False, True])
def test_a_rejected_record_lies_between(lake, tmp_path, split):
    """It may be about this patient, and come back from quarantine."""
    bad = said("A02").replace("ADT^A02", "")
    parts = [said("A08") + bad, said("A08")] if split else [said("A08") + bad + said("A08")]
    for number, part in enumerate(parts, start=1):
        load(lake, tmp_path, source(), [put(tmp_path, number, part)])
    assert ask(lake, f"select count(*) from {RAW.name}") == [(2,)]


def test_repeats_say_where_they_stood_and_what_they_repeat(lake, tmp_path):
    load(lake, tmp_path, source(), [put(tmp_path, 1, said("A01") + said("A08") + said("A08"))])
    load(lake, tmp_path, source(), [put(tmp_path, 2, said("A08"))])
    columns = "received, message, repeats_received, repeats_message"
    assert ask(lake, f"select {columns} from {REPEAT.name} order by 1, 2") == [
        (1, 3, 1, 2),
        (2, 1, 1, 2),
    ]
    assert ask(lake, "select received, message, repeat_count from hl7v2_repeat_count") == [
        (1, 2, 2)
    ]


def test_a_repeat_delivered_again_is_a_duplicate(lake, tmp_path):
    """Else it would come in as news once another snapshot stands between."""
    repeated = said("A08")
    first = said("A08") + repeated + said("A08", name="Roe")
    found = load(lake, tmp_path, source(), [put(tmp_path, 1, first)])
    found += load(lake, tmp_path, source(), [put(tmp_path, 2, repeated + said("A08", name="Roe"))])
    assert counts(found) == [(3, 2, 1, 0), (2, 0, 2, 0)]


def test_other_sources_are_no_repeats(lake, tmp_path):
    load(lake, tmp_path, source(), [put(tmp_path, 1, said("A08"))])
    other = source(name="other_hl7")
    found = load(lake, tmp_path, other, [put(tmp_path, 1, said("A08"), of="other_hl7")])
    assert counts(found) == [(1, 1, 0, 0)]


FLOODS = st.lists(
    st.tuples(
        st.sampled_from(["A08", "A08", "A31", "A02"]), st.sampled_from("78"), st.sampled_from("de")
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(FLOODS, st.integers(1, 11), st.sampled_from([REPEAT.name, QUARANTINE.name]))
def test_a_kill_anywhere_changes_nothing(tmp_path_factory, generated, cut, moment):
    """Two files, the first killed after raw was written, give what they give at once."""
    texts = [said(*message) for message in generated]
    texts.insert(cut % len(texts), said("A02").replace("ADT^A02", ""))
    results = []
    for killed in (False, True):
        root = tmp_path_factory.mktemp("lake")
        lake = Lake(root / "lake")
        parts = ("".join(texts[:cut]), "".join(texts[cut:]))
        files = [put(root, number, part) for number, part in enumerate(parts, start=1)]
        if killed:
            with pytest.MonkeyPatch.context() as patch:
                kill_before(patch, moment)
                with pytest.raises(Killed):
                    load(lake, root, source(), files[:1])
        found = load(lake, root, source(), files)
        columns = "received, message, content_sha256"
        tables = (RAW.name, REPEAT.name)
        rows = [ask(lake, f"select {columns} from {table} order by all") for table in tables]
        results.append((rows, counts(found)))
    assert results[0] == results[1]
    assert sum(len(rows) for rows in results[0][0]) == len(texts) - 1
