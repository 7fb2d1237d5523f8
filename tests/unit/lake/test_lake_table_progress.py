"""The progress in commits: written in one form, read in all that were ever written."""

import pytest

from lakeward.lake.progress import end_of_file
from lakeward.lake.table_progress import TableProgress, progress_text, read_progress

AT = 3 << 32 | 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{{"through": {{"ehr": {AT}}}, "view": "abc"}}', TableProgress("abc", {"ehr": AT})),
        (
            f'{{"deriving": true, "spec": "abc", "through": {{"adt": {AT}}}}}',
            TableProgress("abc", {"adt": AT}, is_catching_up=True),
        ),
        (
            '{"deriving": false, "spec": "abc", "tables": ["b", "a"], "through": {}}',
            TableProgress("abc", {}, complete_tables=frozenset({"a", "b"})),
        ),
        (
            '["abc", {"ehr/Patient": 3}]',
            TableProgress("abc", {"ehr/Patient": end_of_file(3)}),
        ),
    ],
    ids=["FHIR views", "HL7 v2", "HL7 v2, every message", "FHIR over all types"],
)
def test_what_older_versions_wrote_is_read(text: str, expected: TableProgress) -> None:
    assert read_progress(text) == expected


@pytest.mark.parametrize(
    "written",
    [
        TableProgress("abc", {"ehr": AT}),
        TableProgress("abc", {}, is_catching_up=True),
        TableProgress("abc", {"ehr": AT}, complete_tables=frozenset({"b", "a"})),
    ],
)
def test_what_is_written_is_read(written: TableProgress) -> None:
    assert read_progress(progress_text(written)) == written


@pytest.mark.parametrize("text", [None, "", "a hash", "[]", "{}", "null", '{"view": 1}', "[1, 2]"])
def test_anything_else_is_no_progress(text: str | None) -> None:
    assert read_progress(text) is None
