"""Texts for SQL and hexadecimal texts for digests."""

from hashlib import sha256

import duckdb
import pytest

from lakeward.lake.arrow import hex_texts, sql_literal


@pytest.mark.parametrize("count", [0, 1, 3])
def test_digests_become_hexadecimal_texts(count: int) -> None:
    digests = [sha256(bytes([number])).digest() for number in range(count)]
    assert hex_texts(digests).to_pylist() == [digest.hex() for digest in digests]


@pytest.mark.parametrize("text", ["", "plain", "it's", "''", 'a "b"', "\\n", "é"])
def test_a_literal_is_read_back_as_the_text(text: str) -> None:
    assert duckdb.sql(f"select {sql_literal(text)}").fetchall() == [(text,)]
