import pytest

from lakeward.core.foreign_json import read_json


def test_json_is_read() -> None:
    assert read_json(b'{"a": [1, "\\u00e9"]}') == {"a": [1, "é"]}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[" * 100_000 + "]" * 100_000, b"\xff"])
def test_whatever_is_wrong_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (of many texts)
        read_json(text)
