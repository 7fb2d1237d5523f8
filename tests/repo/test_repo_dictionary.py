"""`docs/reference/data-dictionary.md` lists the tables and columns that the code writes.

To write it again: `make golden`.
"""

from collections.abc import Callable
from pathlib import Path

from lakeward.core.settings import load_settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "data-dictionary.md"


def page(home: Path) -> str:
    """Return the page of the shipped project, with the packaged inventory of sources."""
    from lakeward.orchestration.data_dictionary import (  # when broken, only this file fails
        data_dictionary,
    )

    return data_dictionary(load_settings(home))


def test_the_data_dictionary_is_what_the_code_says(
    tmp_path: Path, golden: Callable[[Path, str], None]
) -> None:
    golden(PAGE, page(tmp_path))


def test_every_column_has_a_phi_class_and_a_meaning(tmp_path: Path) -> None:
    rows = [line for line in page(tmp_path).split("\n") if line.startswith("| `")]
    assert len(rows) > 1000
    assert not [row for row in rows if not all(cell.strip() for cell in row.split(" | "))]
