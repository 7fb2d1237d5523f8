"""Sizes in words, and a default that fits the machine."""

import pytest

from lakeward.core.errors import UsageError
from lakeward.core.settings import load_settings
from lakeward.core.sizes import GIB, LEAST, MIB, MOST_BY_DEFAULT, default_size, read_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("3GB", 3 * GIB), ("3 GiB", 3 * GIB), ("1.5g", 3 * GIB // 2), ("800M", 800 * MIB)],
)
def test_a_size_is_read_in_powers_of_1024(text: str, size: int) -> None:
    assert read_size(text, "LAKEWARD_MEMORY") == size


@pytest.mark.parametrize("text", ["", "3", "GB", "-3GB", "3 gigs", "511MB", "0GB"])
def test_what_is_no_usable_size_is_named(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    with pytest.raises(UsageError, match="LAKEWARD_MEMORY: is no usable size; expected 512MB"):
        read_size(text, "LAKEWARD_MEMORY")
    if text:
        monkeypatch.setenv("LAKEWARD_MEMORY", text)
        with pytest.raises(UsageError):
            load_settings(tmp_path)


def test_the_default_is_within_bounds() -> None:
    assert LEAST <= default_size() <= MOST_BY_DEFAULT
