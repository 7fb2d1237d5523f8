"""ViewDefinitions and FHIRPath: what is supported, and errors that say where."""

import json
from typing import Any

import pytest

from lakeward.core.errors import SpecError
from lakeward.lake.query import connect
from lakeward.sqlonfhir.functions import FUNCTIONS
from lakeward.sqlonfhir.schema import element, elements
from lakeward.sqlonfhir.view import compile_view
from lakeward.sqlonfhir.viewdefinition import parse_view

PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "birthDate": "1980-05",
    "_birthDate": {"extension": [{"url": "u", "valueString": "about"}]},
    "deceasedDateTime": "2020-01-02T03:04:05Z",
    "multipleBirthInteger": 2,
    "name": [
        {"family": "A", "given": ["x", "y"], "use": "old"},
        {"family": "B", "given": ["y"], "use": "official"},
    ],
    "contact": [{"name": {"family": "C"}}, {"gender": "male"}],
    "link": [
        {"type": "refer", "other": {"reference": "Patient/p2/_history/1"}},
        {"type": "refer", "other": {"reference": "https://x.org/fhir/Patient/p3"}},
        {"type": "refer", "other": {"reference": "#contained"}},
        {"type": "refer", "other": {"reference": "Patient?identifier=s|v"}},
        {"type": "refer", "other": {"reference": "urn:uuid:0b"}},
        {"type": "refer", "other": {"reference": "RelatedPerson/r1"}},
    ],
}

IDENTITY = {"name": "id", "path": "id"}
COLUMN = {"name": "v", "path": "nope"}


def evaluate(path: str, *, collection: bool = False, kind: str | None = None) -> Any:
    column = {"name": "v", "path": path, "collection": collection, "type": kind}
    view = parse_view({"resource": "Patient", "select": [{"column": [column]}]}, "view")
    with connect() as connection:
        connection.execute("create table t as select ? as resource", [json.dumps(PATIENT)])
        query = compile_view(view, typed=kind is not None).over("t")
        return connection.sql(query).to_arrow_table().to_pylist()[0]["v"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Patient.active", True),
        ("name.last().family", "B"),
        ("name.where(use = 'official').given.first()", "y"),
        ("name.where($index = 1).family", "B"),
        ("name.count()", 2),
        ("name.given.distinct().count()", 2),
        ("(name.given | contact.name.family).count()", 3),
        ("name.given.combine(contact.name.family).count()", 4),
        ("name.all(given.exists())", True),
        ("name.exists(use = 'maiden')", False),
        ("name.select(given.first()).join('-')", "x-y"),
        ("iif(active, 'yes', 'no')", "yes"),
        ("deceased.exists()", True),
        ("deceased is boolean", False),
        ("deceased.ofType(dateTime)", "2020-01-02T03:04:05Z"),
        ("(deceased as dateTime) = @2020-01-02T05:04:05+02:00", True),
        ("multipleBirth.ofType(integer) + 1", 3),
        ("multipleBirth.ofType(integer) / 0", None),
        ("-multipleBirth.ofType(integer)", -2),
        ("active and {}", None),
        ("active or {}", True),
        ("(active xor false) and (active implies active)", True),
        ("'y' in name.given", True),
        ("name.given contains 'z'", False),
        ("name.family.first() & '!'", "A!"),
        ("name.family.first().lower().startsWith('a')", True),
        ("birthDate.extension('u').value.ofType(string)", "about"),
        ("birthDate.highBoundary()", "1980-05-31"),
        ("contact[1].gender", "male"),
        ("contact.name.family", "C"),
        ("name.family != 'A'", True),
        ("gender", None),
        ("gender = 'male'", None),
        ("%resource.id", "p1"),
    ],
)
def test_expressions(path: str, value: object) -> None:
    assert evaluate(path) == value


def test_reference_keys() -> None:
    assert evaluate("link.other.getReferenceKey(Patient)", collection=True) == ["p2", "p3"]
    assert evaluate("link.other.getReferenceKey()", collection=True) == ["p2", "p3", "0b", "r1"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("name.familly", "select[0].column[0] at character 6: HumanName has no element `familly`"),
        ("name.where(", "at character 12: is not FHIRPath"),
        ("name.given.trace('x')", "at character 12: function `trace()` is not supported"),
        ("id = %nope", "at character 6: constant `%nope` is not defined"),
        ("active ~ true", "at character 8: operator `~` is not supported"),
        ("active + 1", "at character 8: `+` needs numbers"),
        ("deceased", "gives a choice element"),
        ("deceased.code", "at character 10: walks into a choice element"),
        ("id.length", "at character 4: walks into a value without elements"),
        ("4 'kg'", "uses QuantityLiteral"),
        ("name.repeat(given)", "at character 6: function `repeat()` is not supported"),
        ("today()", "at character 1: function `today()` is not supported"),
        ("name.given[link.count()]", "uses a computed index"),
        ("name.given.join(', ', 'x')", "at character 12: `join()` takes 1 argument(s)"),
        ("name.given.join(id)", "at character 12: `join()` takes a text"),
        ("name.upper()", "at character 6: `upper()` needs a value without elements"),
        ("id.startsWith(1)", "at character 4: `startsWith()` takes a text"),
        ("id.replace('a')", "at character 4: `replace()` takes 2 argument(s)"),
        ("iif(active)", "at character 1: `iif()` takes 2 or 3 argument(s)"),
        ("iif(active, id, 1)", "at character 1: `iif()` gives values of different types"),
        ("id in 5", "at character 4: compares values that cannot be compared"),
        ("name.extension(5)", "at character 6: `extension()` takes a text"),
        ("multipleBirth.ofType(integer) + 'a'", "`+` needs numbers"),
        ("id = 1", "compares values that cannot be compared"),
    ],
)
def test_errors_name_view_path_and_position(path: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        evaluate(path)
    assert str(caught.value).startswith("view view select[0].column[0] at character")
    assert message in str(caught.value)


ARGUMENTS = [
    "",
    "true",
    "'a'",
    "1",
    "given",
    "$this",
    "%rowIndex",
    "true, 1",
    "'a', 'b'",
    "1, 2, 3",
]


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
@pytest.mark.parametrize("focus", ["name", "deceased", "multipleBirth.ofType(integer)", "{}"])
def test_what_compiles_also_runs_and_the_rest_is_an_error_of_the_view(
    function: str, focus: str
) -> None:
    """No argument of any function ends in an error of the database or of Python."""
    errors = []
    with connect() as connection:
        connection.execute("create table t (resource varchar)")
        for arguments in ARGUMENTS:
            column = {"name": "v", "path": f"{focus}.{function}({arguments})", "collection": True}
            view = parse_view({"resource": "Patient", "select": [{"column": [column]}]}, "view")
            try:
                query = compile_view(view).over("t")
            except SpecError as error:
                errors.append(error.where)
            else:
                assert connection.execute(query).fetchall() == []
    assert all(where.startswith("view view") for where in errors)


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ({"where": [{"path": "true"}, {"path": "nope"}]}, "where[1]"),
        ({"select": [{"forEach": "nope", "column": []}]}, "select[0].forEach"),
        ({"select": [{"forEachOrNull": "nope", "column": []}]}, "select[0].forEachOrNull"),
        ({"select": [{"select": [{"column": [COLUMN]}]}]}, "select[0].select[0].column[0]"),
        ({"select": [{"unionAll": [{"column": [COLUMN]}]}]}, "select[0].unionAll[0].column[0]"),
    ],
)
def test_errors_name_the_part_of_the_view(part: dict[str, Any], where: str) -> None:
    whole = {"resource": "Patient", "name": "mine", "select": [{"column": [IDENTITY]}]}
    with pytest.raises(SpecError) as caught:
        compile_view(parse_view({**whole, **part}, "view"))
    assert caught.value.where == f"view mine {where} at character 1"
    assert "has no element `nope`" in caught.value.what


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resource": "Patent"}, "not a FHIR R4 type"),
        ({"select": [{"column": [{"name": "1a", "path": "id"}]}]}, "select.0.column.0.name"),
        ({"select": [{"forEeach": "name"}]}, "forEeach"),
        ({"select": [{"forEach": "name", "repeat": ["link"]}]}, "use one of"),
        ({"select": [{"column": [{"name": "a", "path": "id"}] * 2}]}, "used twice"),
    ],
)
def test_wrong_views_are_rejected(change: dict[str, Any], message: str) -> None:
    view = {"resource": "Patient", "select": [{"column": [{"name": "id", "path": "id"}]}]}
    with pytest.raises(SpecError, match=message):
        compile_view(parse_view({**view, **change}, "view"))


def test_schema_knows_types_cardinality_and_choices() -> None:
    assert element("Encounter", "class").type == "Coding"  # type: ignore[union-attr]
    assert element("HumanName", "given").many  # type: ignore[union-attr]
    assert element("Observation", "value").choices["Quantity"] == "valueQuantity"  # type: ignore[union-attr]
    assert elements("Nothing") == {}


def response(depth: int, width: int) -> Any:
    """Items that nest, beside many that do not; texts with braces, quotes and backslashes."""
    item: dict[str, Any] = {"linkId": "leaf"}
    for level in range(depth):
        text = '}}}{"' + "\\" * (level % 3)
        item = {"linkId": str(level), "text": text, "item": ["x", item, None, {"linkId": "}"}]}
    wide = [{"linkId": "w", "answer": [{"item": [{"linkId": "a"}]}]}] * width
    return {"resourceType": "QuestionnaireResponse", "id": "q", "item": [*wide, item]}


@pytest.mark.parametrize(("depth", "width"), [(0, 0), (40, 0), (3, 3000)])
def test_repeat_reaches_every_level_and_long_lists_cost_little(depth: int, width: int) -> None:
    columns = [{"name": "v", "path": "linkId"}]
    select = [{"repeat": ["item", "answer.item"], "column": columns}]
    view = parse_view({"resource": "QuestionnaireResponse", "select": select}, "view")
    with connect() as connection:
        connection.execute(
            "create table t as select ? as resource", [json.dumps(response(depth, width))]
        )
        rows = connection.execute(compile_view(view).over("t")).fetchall()
    found = [value for (value,) in rows if value is not None]
    assert found[: 2 * width] == ["w", "a"] * width
    assert found[2 * width :] == [*(str(n) for n in reversed(range(depth))), "leaf", *["}"] * depth]
