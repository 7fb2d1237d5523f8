"""Escape sequences: what each stands for, and which are kept as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeward.hl7v2.parsing.escapes import Separators, decode_escapes

OWN = Separators("#", "*", "%", "!", "@")


@given(st.text(max_size=40).filter(lambda text: "\\" not in text))
def test_a_value_without_an_escape_character_is_itself(text: str) -> None:
    assert decode_escapes(text, Separators()) == text


@given(st.lists(st.sampled_from(["\\", "E", "F", "X0D", "XC3", ".sp", "999", ".br", "é"])))
def test_any_text_decodes_to_some_text(pieces: list[str]) -> None:
    decoded = decode_escapes("".join(pieces), Separators())
    assert len(decoded) <= 99 + len("".join(pieces)) * 99


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"a\X0D0A\b", "a\r\nb"),
        (r"\X4D\\XC3A9\\Xzz\ ", "Mé\\Xzz\\ "),
        (r"\.sp2\x\.in+4\y\H\z\N\ ", "\n\nxyz "),
        (r"\.sp999999999\\", "\n" * 99 + "\\"),
        (r"\C2842\\M2830\\unknown\ ", r"\C2842\\M2830\\unknown\ "),
        ("50\\", "50\\"),
    ],
)
def test_decoded_form(wire: str, value: str) -> None:
    assert decode_escapes(wire, Separators()) == value


def test_separators_of_its_own_stand_for_themselves() -> None:
    assert decode_escapes("a!F!b!S!c!E!", OWN) == "a#b*c!"


def test_the_truncation_character_is_that_of_the_message() -> None:
    separators = Separators.of("MSH|^~\\&%|A")
    assert separators == Separators(truncation="%")
    assert decode_escapes("4\\P\\", separators) == "4%"
    assert decode_escapes("4\\P\\", Separators()) == "4#"


def test_without_an_escape_character_nothing_is_decoded() -> None:
    bare = Separators("|", "^", "~", "", "")
    assert decode_escapes(r"a\F\b", bare) == r"a\F\b"
