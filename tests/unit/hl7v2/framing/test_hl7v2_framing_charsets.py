"""The charset chain and escapes."""

import pytest

from lakeward.hl7v2.framing.charsets import (
    TABLE_0211,
    Charset,
    declared_codec,
    decode,
    is_charset_independent,
    read_msh_18,
)
from lakeward.hl7v2.parsing.escapes import Separators, decode_escapes


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
def test_the_first_set_that_is_stated_decides(
    raw: bytes, override: str | None, declared: str, expected: tuple[str, Charset] | None
) -> None:
    assert decode(raw, override, declared) == expected


LATIN1, SHIFT_JIS = "8859/1", "Shift_JIS"


@pytest.mark.parametrize(
    ("raw", "override", "declared", "codec", "origin", "flag"),
    [
        ("MÜLLER".encode(), None, LATIN1, "iso8859-1", "msh18", "looks_like_utf8"),
        ("MÜLLER".encode("latin-1"), None, LATIN1, "iso8859-1", "msh18", None),
        (b"MULLER", None, LATIN1, "iso8859-1", "msh18", None),
        ("MÜLLER".encode(), "latin-1", "", "iso8859-1", "source", "looks_like_utf8"),
        ("MÜLLER".encode(), "utf-8", LATIN1, "utf-8", "source", None),
        ("MÜLLER".encode(), "utf-16-le", LATIN1, "utf-16-le", "file", None),
        ("MÜLLER".encode(), None, "UNICODE UTF-16", "utf-8", "utf8", "unknown_name"),
        ("MÜLLER".encode("latin-1"), None, "OAK-7", "cp1252", "cp1252", "unknown_name"),
        ("MÜLLER".encode("latin-1"), None, "ASCII~8859/1", "iso8859-1", "msh18", "switched"),
        (b"a\\C2842\\b", None, "", "utf-8", "utf8", "switched"),
        (b"a\\M242A41\\b", None, "ASCII", "ascii", "msh18", "switched"),
        (b"a\\Cabc\\b", None, "", "utf-8", "utf8", None),
    ],
)
def test_doubts_are_flagged(
    raw: bytes, override: str | None, declared: str, codec: str, origin: str, flag: str | None
) -> None:
    decoded = decode(raw, override, declared)
    assert decoded is not None
    assert decoded[1] == Charset(codec, origin, flag)


@pytest.mark.parametrize(
    "declared", ["CNS 11643-1992", "UNICODE UTF-16", "UNICODE UTF-32", "ASCII"]
)
def test_a_known_name_is_never_answered_with_a_guess(declared: str) -> None:
    assert decode("MÜLLER".encode("latin-1"), None, declared) is None


@pytest.mark.parametrize(
    ("codec", "name", "application"),
    [
        ("shift_jis", SHIFT_JIS, "ポート"),
        ("shift_jis", SHIFT_JIS, "ポポポ"),
        ("gb18030", "GB 18030-2000", "亅倈"),
        ("big5hkscs", "BIG-5", "吜咽"),
        ("iso2022_jp", "~ISO IR87", "彬"),
        ("latin-1", LATIN1, "Ü"),
        ("ascii", SHIFT_JIS, "A"),
    ],
)
def test_msh_18_is_found_behind_bytes_that_look_like_separators(
    codec: str, name: str, application: str
) -> None:
    header = f"MSH|^~\\&|{application}|F|||2026||ADT^A01|1|P|2.5||||||{name}||\rPID|1\r"
    assert read_msh_18(header.encode(codec)) == name


def test_a_message_is_independent_of_its_set_or_not() -> None:
    assert is_charset_independent(b"MSH|a\\F\\b\\X0D\\")
    assert not any(
        map(is_charset_independent, ("Ü".encode(), b"\x1b$B", b"\\C2842\\", b"\\M242A\\"))
    )


def test_table_0211_has_every_name_of_the_standard() -> None:
    listed = """ASCII 8859/1 8859/2 8859/3 8859/4 8859/5 8859/6 8859/7 8859/8 8859/9 8859/15 ISO_IR6
        ISO_IR14 ISO_IR87 ISO_IR159 GB_18030-2000 KS_X_1001 CNS_11643-1992 BIG-5 UNICODE
        UNICODE_UTF-8 UNICODE_UTF-16 UNICODE_UTF-32 JAS2020 JIS_X_0202"""
    assert {name.replace("_", " ") for name in listed.split()} <= set(TABLE_0211)


def test_binary_codecs_are_not_charsets() -> None:
    assert declared_codec("hex") is None
    assert declared_codec("UTF-16") is None
    assert declared_codec("cp037") is None


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
def test_escapes_are_decoded(text: str, expected: str) -> None:
    assert decode_escapes(text, Separators()) == expected


def test_a_message_may_have_its_own_escape_character() -> None:
    separators = Separators.of("MSH#*%!@#A")
    assert separators == Separators("#", "*", "%", "!", "@")
    assert decode_escapes("a!F!b!S!c", separators) == "a#b*c"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("MSH|^~\\&|A", Separators()),
        ("MSH|^~\\&#|A", Separators(truncation="#")),
        ("MSH||A", Separators()),
        ("MSH|^~|A", Separators("|", "^", "~", "", "")),
        ("MSH!$r?@!A", Separators("!", "$", "r", "?", "@")),
        ("MSH|garbage\r", None),
        ("MSH|^&&^|A", None),
        ("MSH|^\r", Separators("|", "^", "", "", "")),
    ],
)
def test_separators_are_read_from_the_header(header: str, expected: Separators | None) -> None:
    assert Separators.of(header) == expected
