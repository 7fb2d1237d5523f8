"""What a list needs of its subjects, as its `slaProperties` state it."""

from datetime import timedelta
from pathlib import Path

import pytest
from test_contracts_loading import CONTRACT

from lakeward.contracts import load_contract
from lakeward.contracts.subjects import SUBJECTS, SubjectNeed
from lakeward.core.errors import SpecError

TABLE = "  - {property: latency, value: 24, unit: h}\n"
OF_SUBJECT = "  - {property: latency, value: 12, unit: h, element: referrals}\n"


def needs(folder: Path, added: str, text: str = CONTRACT) -> tuple[SubjectNeed, ...]:
    path = folder / "worklist__demo.odcs.yaml"
    path.write_text(text.replace(TABLE, TABLE + added), encoding="utf-8")
    return load_contract(path).needs


def test_latency_and_completeness_are_read_by_subject(tmp_path: Path) -> None:
    block = "  - {property: completeness, value: block, element: referrals}\n"
    other = "  - {property: latency, value: 1, unit: d, element: patients}\n"
    assert needs(tmp_path, OF_SUBJECT + block + other) == (
        SubjectNeed("referrals", timedelta(hours=12), "block"),
        SubjectNeed("patients", timedelta(days=1), "mark"),
    )


def test_a_list_that_names_no_subject_stands_on_all_without_delay(tmp_path: Path) -> None:
    assert needs(tmp_path, "") == tuple(SubjectNeed(s, timedelta(0), "mark") for s in SUBJECTS)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (OF_SUBJECT.replace("referrals", "referral"), "element referral is no subject"),
        (OF_SUBJECT.replace("latency", "retention"), "property is retention"),
        (OF_SUBJECT + OF_SUBJECT, "latency stands twice"),
        ("  - {property: completeness, value: mark, element: beds}\n", "has no latency"),
        (
            OF_SUBJECT + "  - {property: completeness, value: some, element: referrals}\n",
            "completeness is some",
        ),
    ],
)
def test_a_need_that_nobody_can_read_is_an_error(tmp_path: Path, added: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        needs(tmp_path, added)


def test_a_table_without_consumer_has_no_needs(tmp_path: Path) -> None:
    start = CONTRACT.index("  - {property: consumer")
    text = CONTRACT[:start]
    assert needs(tmp_path, "", text) == ()
    with pytest.raises(SpecError, match="without a consumer"):
        needs(tmp_path, OF_SUBJECT, text)
