"""Every element that a view walks, in every wrong shape, is set aside with its path."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lakeward.fhir.raw.lines import Part
from lakeward.fhir.raw.records import examine
from lakeward.fhir.raw.shapes import Place, places, walks_of
from lakeward.fhir.view_tables import packaged_views
from lakeward.lake.query import connect

WALKS = walks_of(packaged_views())
KINDS = sorted({*WALKS, "Observation", "Organization"})
SHAPES: dict[str, Any] = {"{": {"a": 1}, "[{": [{"a": 1}], "s": "x", "[s": ["x"]}


def sample(judged: Iterable[Place]) -> dict[str, Any]:
    """Fill in every element, all choices at once."""
    found: dict[str, Any] = {}
    for place in judged:
        one: Any = (sample(place.below) or {"extension": []}) if place.compound else "x"
        found[place.name] = [one] if place.many else one
    return found


def wrong(place: Place, right: Any) -> Iterator[Any]:
    yield from (shape for opening, shape in SHAPES.items() if opening != place.opening())
    if place.many:
        yield [right[0], "x" if place.compound else {"a": 1}]
        yield [right]


def spoilt(judged: Iterable[Place], good: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the resource with one element in a wrong shape, for each element and shape."""
    for place in judged:
        right = good[place.name]
        for value in wrong(place, right):
            yield place.name, {**good, place.name: value}
        item = right[0] if place.many else right
        for path, below in spoilt(place.below, item) if place.below else ():
            yield f"{place.name}.{path}", {**good, place.name: [below] if place.many else below}


def reasons(path: Path, lines: list[str]) -> list[tuple[str | None, str | None]]:
    path.write_text("\n".join(lines))
    with connect() as connection:
        found = examine(connection, [Part(1, path)], WALKS).envelopes
    return list(zip(found["reason"].to_pylist(), found["detail"].to_pylist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : ")])
def test_each_element_in_each_wrong_shape(
    tmp_path: Path, kind: str, separators: tuple[str, str]
) -> None:
    judged = tuple(p for p in places(kind, WALKS.get(kind, ())) if p.name != "id")
    good = sample(judged)
    head = {"resourceType": kind, "id": "a"}
    cases = list(spoilt(judged, good))
    lines = [json.dumps(head | one, separators=separators) for _, one in cases]
    assert len(lines) > 40
    right = json.dumps(head | good, separators=separators)
    found = reasons(tmp_path / "a.ndjson", [*lines, right])
    assert found.pop() == (None, None)
    for (path, _), (reason, detail) in zip(cases, found, strict=True):
        assert (reason, path) == ("structure_mismatch", path)
        assert str(detail).startswith(f"{kind}.{path}: is ")


@pytest.mark.parametrize("line", [b'{"a":1}', b'{"resourceType":"Nothing","id":"a","name":[[]]}'])
def test_types_unknown_to_the_schema_are_not_judged(tmp_path: Path, line: bytes) -> None:
    ((reason, _),) = reasons(tmp_path / "a", [line.decode()])
    assert reason in (None, "missing_resource_type")


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
def test_what_is_json_is_decided_by_its_letter(tmp_path: Path, member: str) -> None:
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
    # lists of lists are looked at by a reader that goes only so deep
    assert found == [None, None if depth == 500 else "broken_json"]
