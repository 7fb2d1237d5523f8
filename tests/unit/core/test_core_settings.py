from pathlib import Path

import pytest

from lakeward.core.errors import UsageError
from lakeward.core.settings import load_settings


@pytest.mark.parametrize("name", ["a[1]", "a^b", "a|b", "a\\b", "a%20b", "a#b", "a?b"])
def test_a_home_below_which_no_table_can_lie_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="LAKEWARD_HOME: its path holds"):
        load_settings(tmp_path / name)


@pytest.mark.parametrize("name", ["Klinik Süd", "50% more", "a+b=c"])
def test_other_homes_are_taken(tmp_path: Path, name: str) -> None:
    assert load_settings(tmp_path / name).home.root == tmp_path / name
