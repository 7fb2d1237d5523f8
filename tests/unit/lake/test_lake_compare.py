"""Which rows of two versions differ, and in which columns; values only for who asks."""

import pyarrow as pa

from lakeward.core.phi import Phi
from lakeward.lake.compare import changes
from lakeward.lake.tables import Column, Lake, TableSpec, write

SPEC = TableSpec(
    name="person",
    columns=(
        Column("person_key", "VARCHAR", Phi.LK),
        Column("mrn", "VARCHAR", Phi.DI),
        Column("name", "VARCHAR", Phi.DI),
        Column("n", "BIGINT", Phi.N),
    ),
)
A, B, C = (f"{n}0000000-0000-5000-8000-000000000000" for n in (1, 2, 3))


def rows(*values: tuple[str, str, str | None, int]) -> pa.Table:
    names = [column.name for column in SPEC.columns]
    return pa.Table.from_pylist([dict(zip(names, v, strict=True)) for v in values])


def test_added_changed_and_removed_rows_are_reported_by_key(lake: Lake) -> None:
    same = (A, "m1", "Zzyzxova", 1)
    write(lake, SPEC, rows(same, (B, "m2", None, 2), (C, "m3", "x", 3)), mode="overwrite")
    before = write(lake, SPEC, rows(same, (B, "m2", None, 2), (C, "m3", "x", 3)), mode="overwrite")
    after = write(
        lake, SPEC, rows((B, "m2", "y", 2), same, ("no uuid", "m4", "z", 4)), mode="overwrite"
    )
    found = changes(lake, SPEC, ["person_key", "mrn"], before.version, after.version)
    reported = [(change.change, change.key, change.columns) for change in found]
    assert reported == [
        ("changed", {"person_key": B, "mrn": None}, ("name",)),
        ("removed", {"person_key": C, "mrn": None}, ()),
        ("added", {"person_key": None, "mrn": None}, ()),
    ]
    assert (found[0].before, found[0].after) == ({"name": None}, {"name": "y"})
    assert "Zzyzxova" not in repr(found)
    assert "m2" not in repr(found)
    assert changes(lake, SPEC, ["person_key"], after.version, after.version) == []


def test_a_table_that_was_not_there_is_empty(lake: Lake) -> None:
    after = write(lake, SPEC, rows((A, "m1", "x", 1)), mode="overwrite")
    (change,) = changes(lake, SPEC, ["person_key"], None, after.version)
    assert change.change == "added"
