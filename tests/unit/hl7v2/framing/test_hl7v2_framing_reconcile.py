"""What becomes of envelopes, by policy and by what came before."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from lakeward.hl7v2.framing.batch import REASONS, scan
from lakeward.hl7v2.framing.reconcile import History, reconcile
from lakeward.landing.sources import Source, Volume

MSH = "MSH|^~\\&|A|F|||2026||ADT^A01|{}|P|2.5\rPID|1||{}\r"


def source(**changes: object) -> Source:
    fields = {
        "name": "adt_hl7", "system": "ADT", "format": "hl7v2", "transport": "file",
        "owner": "team:adt", "purpose": "test", "time_zone": "America/New_York",
        "expected_volume": Volume(maximum=10), "end_of_support": date(2030, 1, 1),
    }  # fmt: skip
    return Source.model_validate(fields | changes)


def batch(control: str, *numbers: int, sender: str = "A", count: int | None = None) -> str:
    body = "".join(MSH.format(n, n) for n in numbers)
    promised = len(numbers) if count is None else count
    return f"BHS|^~\\&|{sender}|F|||2026||||{control}\r{body}BTS|{promised}\r"


def file(control: str, *batches: str, count: int | None = None) -> str:
    promised = len(batches) if count is None else count
    return f"FHS|^~\\&|A|F|||2026||||{control}\r{''.join(batches)}FTS|{promised}\r"


class Feed:
    """Files that come one after the other."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.path, self.source, self.history = folder / "a.hl7", source(**changes), History()

    def take(self, text: str) -> list[tuple[str, str, tuple[str, ...]]]:
        self.path.write_bytes(text.encode())
        self.layout, outcomes = reconcile(self.path, scan(self.path), self.source, self.history)
        return [(each.envelope.kind, each.state, each.warnings) for each in outcomes]

    @property
    def reasons(self) -> list[str | None]:
        return [REASONS[code] for code in self.layout.reasons]


def test_a_batch_that_comes_again_is_a_duplicate_whatever_its_line_ends(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    assert feed.take(batch("B1", 1, 2)) == [("batch", "accepted", ())]
    for text in (batch("B1", 1, 2), batch("B1", 1, 2).replace("\r", "\r\n")):
        assert feed.take(text) == [("batch", "duplicate", ())]
        assert feed.reasons == [None, None]


def test_other_content_under_an_accepted_control_id_is_rejected(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    feed.take(batch("B1", 1))
    assert feed.take(batch("B1", 2)) == [("batch", "quarantined", ("control_id_reuse",))]
    assert feed.reasons == ["control_id_reuse"]
    assert feed.take(batch("B1", 2, sender="OTHER")) == [("batch", "accepted", ())]
    assert feed.take(batch("", 2)) == [("batch", "accepted", ())]


def test_a_site_may_accept_control_ids_that_repeat(tmp_path: Path) -> None:
    feed = Feed(tmp_path, control_id_policy="accept_with_warning")
    feed.take(batch("1", 1))
    assert feed.take(batch("1", 2)) == [("batch", "accepted_with_warning", ("control_id_reuse",))]
    assert feed.take(batch("1", 1)) == feed.take(batch("1", 2)) == [("batch", "duplicate", ())]


def test_what_was_not_accepted_may_come_again_corrected(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    assert feed.take(batch("B1", 1, count=2)) == [("batch", "quarantined", ("count_mismatch",))]
    assert feed.take(batch("B1", 1, 2)) == [("batch", "accepted", ())]
    broken = file("F1", batch("B2", 3), batch("B3", 4, count=2))
    assert feed.take(broken) == [
        ("file", "accepted_with_warning", ("partly_quarantined",)),
        ("batch", "accepted", ()),
        ("batch", "quarantined", ("count_mismatch",)),
    ]
    assert feed.take(file("F1", batch("B2", 3), batch("B3", 4, 5))) == [
        ("file", "accepted", ()),
        ("batch", "duplicate", ()),
        ("batch", "accepted", ()),
    ]


def test_a_rejected_file_rejects_all_its_batches(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    assert feed.take(file("F1", batch("B1", 1), batch("B2", 2), count=3)) == [
        ("file", "quarantined", ("count_mismatch",)),
        ("batch", "quarantined", ()),
        ("batch", "quarantined", ()),
    ]
    assert feed.reasons == ["count_mismatch", "count_mismatch"]
    feed.take(file("F1", batch("B1", 1), batch("B2", 2)))
    assert feed.take(file("F1", batch("B9", 9)))[0][1:] == ("quarantined", ("control_id_reuse",))


def test_a_file_that_comes_again_is_a_duplicate_with_its_batches(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    text = file("F1", batch("", 1), batch("B2", 2))
    feed.take(text)
    assert [state for _, state, _ in feed.take(text)] == ["duplicate"] * 3


def test_gaps_between_files_are_counted_once(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    feed.take(file("N7", batch("", 1)))
    gap = ("file", "accepted_with_warning", ("sequence_gap",))
    assert feed.take(file("N10", batch("", 2)))[0] == gap
    assert feed.take(file("N10", batch("", 2)))[0] == ("file", "duplicate", ())
    assert feed.take(file("N11", batch("", 3)))[0] == ("file", "accepted", ())


def test_a_late_file_does_not_set_the_counter_back(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    for control in ("N7", "N8"):
        feed.take(file(control, batch("", int(control[1:]))))
    assert feed.take(file("N5", batch("", 5)))[0] == ("file", "accepted", ())
    assert feed.take(file("N9", batch("", 9)))[0] == ("file", "accepted", ())


@pytest.mark.parametrize(
    ("policy", "reasons"),
    [
        ("quarantine", ["truncated", "truncated"]),
        ("accept_with_warning", [None, "truncated"]),
    ],
)
def test_a_batch_that_is_cut_off(tmp_path: Path, policy: str, reasons: list[str | None]) -> None:
    feed = Feed(tmp_path, batch_policy=policy)
    cut = batch("B1", 1, 2).removesuffix("\rBTS|2\r")
    feed.take(cut)
    assert feed.reasons == reasons
    assert feed.take(batch("B1", 1, 2))[0][1] == "accepted"  # the whole one is no reuse
    assert feed.take(cut + "\r")[0][2] == ("no_trailer",)  # cut between two messages


def test_a_cut_file_keeps_its_whole_batches(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    text = file("F1", batch("B1", 1)).removesuffix("FTS|1\r") + MSH.format(2, 2)[:-1]
    assert feed.take(text)[0][2] == ("no_trailer", "truncated", "partly_quarantined")
    assert feed.reasons == [None, "truncated"]


def test_reasons_fit_the_records(tmp_path: Path) -> None:
    feed = Feed(tmp_path)
    feed.take("")
    assert np.array_equal(feed.layout.reasons, np.zeros(0, np.int8))
