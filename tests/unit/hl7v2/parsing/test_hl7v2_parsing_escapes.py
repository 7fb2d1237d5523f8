"""Escape sequences: what is decoded can be written again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeward.hl7v2.parsing.escapes import Separators, decode_escapes, encode_escapes

USED = (Separators(), Separators("#", "*", "%", "!", "@"), Separators(truncation="#"))
PIECES = [
    "\\",
    "!",
    "|",
    "^",
    "~",
    "&",
    "#",
    "\r",
    "\n",
    "E",
    "F",
    "X0D",
    "C2842",
    "Zq",
    ".br",
    "é",
]
TEXTS = st.one_of(st.text(max_size=20), st.lists(st.sampled_from(PIECES)).map("".join))


@given(TEXTS, st.sampled_from(USED))
def test_a_value_survives_encoding(text, use):
    written = encode_escapes(text, use)
    assert decode_escapes(written, use) == text
    separators = {use.field, use.component, use.repeat, use.subcomponent, "\r", "\n"}
    assert not separators & set(written)


@given(TEXTS, st.sampled_from(USED))
def test_what_was_decoded_is_written_to_the_same_value(wire, use):
    value = decode_escapes(wire, use)
    assert decode_escapes(encode_escapes(value, use), use) == value


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b^c&d~e\\f", r"a\F\b\S\c\T\d\R\e\E\f"),
        ("two\r\nlines", r"two\X0D\\X0A\lines"),
        (r"\C2842\kept", r"\C2842\kept"),
        (r"\Zq\ and \.br\ alone", r"\Zq\ and \E\.br\E\ alone"),
        ("#", "#"),
    ],
)
def test_written_form(text, written):
    assert encode_escapes(text, Separators()) == written


def test_the_truncation_character_is_written_where_it_is_in_use():
    use = Separators.of("MSH|^~\\&#|A")
    assert use == Separators(truncation="#")
    assert encode_escapes("4#", use) == "4\\P\\"


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (r"a\X0D0A\b", "a\r\nb"),
        (r"\X4D\\XC3A9\\Xzz\ ", "Mé\\Xzz\\ "),
        (r"\.sp2\x\.in+4\y\H\z\N\ ", "\n\nxyz "),
        (r"\C2842\\M2830\\unknown\ ", r"\C2842\\M2830\\unknown\ "),
        ("50\\", "50\\"),
    ],
)
def test_decoded_form(wire, value):
    assert decode_escapes(wire, Separators()) == value


def test_a_separator_cannot_be_written_without_an_escape_character():
    bare = Separators("|", "^", "~", "", "")
    assert encode_escapes("plain", bare) == "plain"
    with pytest.raises(ValueError, match="no escape character"):
        encode_escapes("a|b", bare)
