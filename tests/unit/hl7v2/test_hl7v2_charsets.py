"""The charset chain and escapes."""

import pytest

from lakeward.hl7v2.charsets import Charset, declared_codec, decode
from lakeward.hl7v2.escapes import Separators, decode_escapes


@pytest.mark.parametrize(
    ("raw", "override", "declared", "expected"),
    [
        ("MÜLLER".encode("latin-1"), None, "8859/1", ("MÜLLER", Charset("iso8859-1", "msh18"))),
        ("KOŚĆ".encode("iso8859-2"), None, "8859/2", ("KOŚĆ", Charset("iso8859-2", "msh18"))),
        ("MÜLLER".encode(), None, "UNICODE UTF-8", ("MÜLLER", Charset("utf-8", "msh18"))),
        ("MÜLLER".encode(), None, "", ("MÜLLER", Charset("utf-8", "utf8"))),
        ("MÜLLER".encode("latin-1"), None, "", ("MÜLLER", Charset("cp1252", "cp1252"))),
        (
            "MÜLLER".encode(),
            None,
            "NO SUCH SET",
            ("MÜLLER", Charset("utf-8", "utf8", "unknown_name")),
        ),
        ("MÜLLER".encode(), "utf-8", "8859/1", ("MÜLLER", Charset("utf-8", "source"))),
        (
            "山田".encode("iso2022_jp"),
            None,
            "~ISO IR87",
            ("山田", Charset("iso2022_jp_ext", "msh18", "switched")),
        ),
        ("山田".encode("gb18030"), None, "GB 18030-2000", ("山田", Charset("gb18030", "msh18"))),
        ("MÜLLER".encode("latin-1"), None, "UNICODE UTF-8", None),
        ("MÜLLER".encode(), None, "ASCII", None),
        (b"\x81", None, "", None),
    ],
)
def test_chain(raw, override, declared, expected):
    assert decode(raw, override, declared) == expected


def test_binary_codecs_are_not_charsets():
    assert declared_codec("hex") is None
    assert declared_codec("UTF-16") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"A\F\B\S\C\T\D\R\E\E\F\P\G", "A|B^C&D~E\\F#G"),
        (r"M\XC3BC\LLER", "MüLLER"),
        (r"J\XE9\ ", "Jé "),
        (r"a\X0D0A\b", "a\r\nb"),
        (r"a\.br\b\.sp2\c\H\d\N\e", "a\nb\n\ncde"),
        (r"\Zlocal\ \Cxxyy\ \X0\ ", r"\Zlocal\ \Cxxyy\ \X0\ "),
        ("no end \\F", "no end \\F"),
        ("", ""),
    ],
)
def test_escapes(text, expected):
    assert decode_escapes(text, Separators()) == expected


def test_own_escape_character():
    separators = Separators.of("MSH#*%!@#A")
    assert separators == Separators("#", "*", "%", "!", "@")
    assert decode_escapes("a!F!b!S!c", separators) == "a#b*c"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("MSH|^~\\&|A", Separators()),
        ("MSH|^~\\&#|A", Separators()),
        ("MSH||A", Separators()),
        ("MSH|^~|A", Separators("|", "^", "~", "", "")),
        ("MSH!$r?@!A", Separators("!", "$", "r", "?", "@")),
        ("MSH|garbage\r", None),
        ("MSH|^&&^|A", None),
        ("MSH|^\r", Separators("|", "^", "", "", "")),
    ],
)
def test_separators(header, expected):
    assert Separators.of(header) == expected
