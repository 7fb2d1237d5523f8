"""Every element that a view walks is rejected in every wrong shape, with its path."""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lakeward.fhir.raw.checked_records import check_records
from lakeward.fhir.raw.lines import FilePart
from lakeward.fhir.raw.shape_prefilter import other_openings
from lakeward.fhir.raw.shapes import ElementShape, Opening, checked_elements, walks_of
from lakeward.fhir.view_tables import packaged_views
from lakeward.lake.query import connect

WALKS = walks_of(packaged_views())
KINDS = sorted({*WALKS, "Observation", "Organization"})
SHAPES: dict[Opening, Any] = {
    Opening.OBJECT: {"a": 1},
    Opening.OBJECTS: [{"a": 1}],
    Opening.SCALAR: "x",
    Opening.SCALARS: ["x"],
}


def sample(checked: Iterable[ElementShape]) -> dict[str, Any]:
    """Fill in every element, all choices at once."""
    found: dict[str, Any] = {}
    for element in checked:
        one: Any = (sample(element.below) or {"extension": []}) if element.compound else "x"
        found[element.name] = [one] if element.many else one
    return found


def wrong(element: ElementShape, right: Any) -> Iterator[Any]:
    yield from (shape for opening, shape in SHAPES.items() if opening != element.opening())
    if element.many:
        yield [right[0], "x" if element.compound else {"a": 1}]
        yield [right]


def spoilt(
    checked: Iterable[ElementShape], good: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the resource with one element in a wrong shape, for each element and shape."""
    for element in checked:
        name, right = element.name, good[element.name]
        for value in wrong(element, right):
            yield name, {**good, name: value}
        item = right[0] if element.many else right
        for path, below in spoilt(element.below, item) if element.below else ():
            yield f"{name}.{path}", {**good, name: [below] if element.many else below}


def reasons(path: Path, lines: list[str]) -> list[tuple[str | None, str | None]]:
    path.write_text("\n".join(lines))
    with connect() as connection:
        found = check_records(connection, [FilePart(1, path)], WALKS).table
    return list(zip(found["reason"].to_pylist(), found["detail"].to_pylist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : ")])
def test_each_element_in_each_wrong_shape(
    tmp_path: Path, kind: str, separators: tuple[str, str]
) -> None:
    checked = tuple(e for e in checked_elements(kind, WALKS.get(kind, ())) if e.name != "id")
    good = sample(checked)
    head = {"resourceType": kind, "id": "a"}
    cases = list(spoilt(checked, good))
    lines = [json.dumps(head | one, separators=separators) for _, one in cases]
    assert len(lines) > 40
    right = json.dumps(head | good, separators=separators)
    found = reasons(tmp_path / "a.ndjson", [*lines, right])
    assert found.pop() == (None, None)
    for (path, _), (reason, detail) in zip(cases, found, strict=True):
        assert (reason, path) == ("structure_mismatch", path)
        assert str(detail).startswith(f"{kind}.{path}: is ")


@pytest.mark.parametrize(
    "line", [b'{"a":1}', b'{"resourceType":"SubstanceProtein","id":"a","name":[[]]}']
)
def test_the_shape_of_types_without_a_model_is_not_checked(tmp_path: Path, line: bytes) -> None:
    ((reason, _),) = reasons(tmp_path / "a", [line.decode()])
    assert reason in (None, "missing_resource_type")


VALUES = {
    "{": {Opening.OBJECT},
    '{"a":1}': {Opening.OBJECT},
    '"{"': {Opening.SCALAR},
    "5": {Opening.SCALAR},
    "-1": {Opening.SCALAR},
    "true": {Opening.SCALAR},
    '[{"a":1}]': {Opening.OBJECTS},
    "[ \n{}]": {Opening.OBJECTS},
    '["{"]': {Opening.SCALARS},
    "[\t5]": {Opening.SCALARS},
    "[null]": {Opening.SCALARS},
    "[]": {Opening.OBJECTS, Opening.SCALARS},
    "[ ]": {Opening.OBJECTS, Opening.SCALARS},
}
"""How a value opens; an empty list opens as a list of anything."""

SUBSETS = [set(s) for n in range(1, 5) for s in itertools.combinations(Opening, n)]


@pytest.mark.parametrize("allowed", SUBSETS, ids=lambda s: " ".join(sorted(s)))
def test_a_pattern_matches_just_the_values_that_open_otherwise(allowed: set[Opening]) -> None:
    pattern = other_openings(allowed)
    assert (pattern is None) == (len(allowed) == len(Opening))
    for value, opens in VALUES.items():
        for before in ("", " ", " \n\t"):
            # as in a record: the name and the colon before the value, the next member after it
            text = f'"name":{before}{value},"other":1'
            found = pattern is not None and re.search(rf'"name"\s*:\s*{pattern}', text) is not None
            assert found == (not opens & allowed), (value, pattern)


LAX = {
    '"active":NaN': "broken_json",
    '"active":[1,nan]': "broken_json",
    '"active":-Infinity': "broken_json",
    '"active":true,': "broken_json",
    '"name":[{},]': "broken_json",
    '"name":[{"text":"a, ] and :NaN}"}]': None,
    '"name":[{"given":["a",null],"_given":[null,{"extension":[]}]}]': None,
    '"n\\u0061me":{}': "structure_mismatch",
    '"name":null,"active":null': None,
    '"text":{"div":"\\ud800"}': "broken_json",
    '"text":{"div":"\\ud83d\\ude00 \\u0000"}': None,
    '"active":true,"active":false': "duplicate_key",
    '"contact":[{"name":{"family":"x"}}]': None,
    '"contained":[{"resourceType":"Basic","name":5,"code":{"text":"x"}}]': None,
}


@pytest.mark.parametrize("member", LAX)
def test_text_that_is_no_json_is_rejected_though_duckdb_reads_it(
    tmp_path: Path, member: str
) -> None:
    line = f'{{"resourceType":"Patient","id":"a",{member}}}'
    good = '{"resourceType":"Patient","id":"b"}'
    assert [r for r, _ in reasons(tmp_path / "a", [line, good])] == [LAX[member], None]


def test_a_type_in_a_reference_is_no_mismatch(tmp_path: Path) -> None:
    line = (
        '{"resourceType":"Encounter","id":"a","subject":{"type":"Patient","reference":"Patient/b"}}'
    )
    assert reasons(tmp_path / "a", [line]) == [(None, None)]


@pytest.mark.parametrize("depth", [500, 50_000])
def test_deep_nesting_neither_crashes_nor_is_lost(tmp_path: Path, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    plain = f'{{"resourceType":"Basic","id":"a","x":{deep}}}'
    lists = f'{{"resourceType":"Basic","id":"b","x":{"[" * depth}{"]" * depth}}}'
    found = [reason for reason, _ in reasons(tmp_path / "a", [plain, lists])]
    assert found == ["nested_too_deeply", "nested_too_deeply"]
