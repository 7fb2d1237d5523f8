"""Which line ends inside a message end a segment."""

import pytest

from lakeward.hl7v2.framing.normalise import normalise

HEAD = b"MSH|^~\\&|A"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"%s\rPID|1", b"%s\rPID|1\r"),
        (b"%s\nPID|1\n\nPV1|1", b"%s\rPID|1\rPV1|1\r"),
        (b"%s\r\nPID|1\r\n\r\nPV1|1", b"%s\rPID|1\rPV1|1\r"),
        (b"%s\n\rPID|1\r\r\nPV1|1", b"%s\rPID|1\rPV1|1\r"),
        # LF is data as soon as CR ends segments
        (b"%s\rNTE|1||line one\nPID|not a segment", b"%s\rNTE|1||line one\nPID|not a segment\r"),
        # what does not look like a segment continues the field before it
        (b"%s\rNTE|1||line one\rline two\rPV1|1", b"%s\rNTE|1||line one\nline two\rPV1|1\r"),
        (b"%s\nNTE|1||line one\nline two", b"%s\rNTE|1||line one\nline two\r"),
        # a segment without fields is one
        (b"%s\rPD1\rPV1|1", b"%s\rPD1\rPV1|1\r"),
        (b"%s\rPV1", b"%s\rPV1\r"),
    ],
)
def test_one_cr_ends_each_segment(given: bytes, expected: bytes) -> None:
    assert normalise(given % HEAD) == expected % HEAD


def test_a_message_may_have_its_own_field_separator() -> None:
    assert normalise(b"MSH#*%!@#A\nPID#1") == b"MSH#*%!@#A\rPID#1\r"
