"""What finds stored records is that of the formats, and needs none of them."""

import subprocess
import sys

from lakeward.assets.all_stored_records import STORED_RECORDS
from lakeward.assets.formats import FORMATS


def test_each_format_is_there_with_its_raw_table() -> None:
    assert tuple(each.records for each in FORMATS) == STORED_RECORDS
    assert [each.records.table for each in FORMATS] == [each.raw.name for each in FORMATS]


def test_answers_load_no_format_and_nothing_of_a_run() -> None:
    """Loading dagster, dbt, sqlglot or pandas alone takes longer than an answer may."""
    code = (
        "import sys, lakeward.orchestration.cli.answers, lakeward.assets.all_stored_records\n"
        "heavy = {'dagster', 'dbt', 'sqlglot', 'pandas', 'great_expectations'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
