"""Parsing in columns equals a plain parser that takes one message after the other."""

from unittest import mock

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeward.hl7v2.parsing import columnar
from lakeward.hl7v2.parsing.escapes import Separators, decode_escapes
from lakeward.hl7v2.parsing.parse import Messages, parse
from lakeward.hl7v2.parsing.segments import ChildSpec, Leaf, SegmentSpec, flat_tables, segment_specs

STANDARD, OWN = Separators(), Separators("#", "*", "%", "!", "@")
TRUNCATED = Separators(truncation="#")  # 2.7
PARTLY, BARE = Separators("|", "^", "~", "", ""), Separators("|", "^", "", "", "")
USED = (STANDARD, OWN, TRUNCATED, PARTLY, BARE)
SPECS = segment_specs()
NAMES = [spec.segment for spec in SPECS if spec.segment != "MSH"] + ["ZPI", "OBX"]


def rows_of(bodies: list[str], few: int = 0) -> dict[str, list[dict]]:
    messages = Messages(pa.array(bodies, pa.string()), ["utf-8"] * len(bodies), "America/New_York")
    found = parse(messages, SPECS, few)
    names = {table.name: [c.name for c in table.columns] for table in flat_tables()}
    return {
        name: [dict.fromkeys(names[name]) | row for row in table.to_pylist()]
        for name, table in found.items()
    }


def split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else [text]


def plain_value(leaf: Leaf, repeat: str, use: Separators) -> str | None:
    components = repeat.split(use.component)
    if leaf.component > len(components):
        return None
    value = components[leaf.component - 1]
    if leaf.subcomponent:
        parts = split(value, use.subcomponent)
        value = parts[leaf.subcomponent - 1] if leaf.subcomponent <= len(parts) else ""
    return decode_escapes(value, use) if value else None


def plain_field(fields: list[str], number: int) -> str:
    return fields[number] if number < len(fields) else ""


def text_column(leaf: Leaf) -> str:
    return leaf.name if leaf.kind == "text" else f"{leaf.name}_text"


def plain(bodies: list[str]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row, body in enumerate(bodies):
        use = Separators.of(body)
        assert use is not None
        patients = 0
        for number, segment in enumerate(body.split("\r")[:-1], start=1):
            fields = segment.split(use.field)
            if fields[0] == "MSH":
                fields.insert(1, use.field)
            patients += fields[0] == "PID"
            head = {"row": row, "segment": number, "patient_group": patients}
            for spec in SPECS:
                if spec.segment == fields[0]:
                    plain_rows(spec, fields, use, head, found)
    return found


def plain_rows(
    spec: SegmentSpec, fields: list[str], use: Separators, head: dict, found: dict
) -> None:
    values = {
        text_column(leaf): plain_value(
            leaf, split(plain_field(fields, leaf.field), use.repeat)[0], use
        )
        for leaf in spec.leaves
    }
    found.setdefault(spec.table, []).append(head | values)
    for child in spec.children:
        found.setdefault(f"hl7v2__{child.table}", []).extend(
            plain_children(child, fields, use, head)
        )


def plain_children(child: ChildSpec, fields: list[str], use: Separators, head: dict) -> list[dict]:
    rows = []
    for number, kind in child.fields:
        for at, repeat in enumerate(split(plain_field(fields, number), use.repeat), start=1):
            values = {text_column(leaf): plain_value(leaf, repeat, use) for leaf in child.leaves}
            if any(value is not None for value in values.values()):
                rows.append(head | {"repeat": at} | ({"kind": kind} if kind else {}) | values)
    return rows


def comparable(rows: list[dict], columns: list[str]) -> list[tuple]:
    return sorted(tuple(str(row[c]) for c in columns) for row in rows)


def bodies(use: Separators) -> st.SearchStrategy[str]:
    """Messages out of separators and values, in any order that may come."""
    e, sub = use.escape, use.subcomponent
    pieces = [use.field] * 5 + [use.component] * 3 + [use.repeat, use.subcomponent, e]
    pieces += ["x y", "Müller", "\u2028", "O'Neil\nJr", '""', "20240101", "202401011230-0500"]
    pieces += [f"a{e}T{e}b", f"{e}XC3BC{e}", f"{e}Zq{e}", f"LKWD{sub}1.2{sub}ISO"]
    content = st.lists(st.sampled_from(pieces), max_size=40).map("".join)
    segment = st.tuples(st.sampled_from(NAMES), content).map(use.field.join)
    encoding = f"{use.component}{use.repeat}{use.escape}{use.subcomponent}{use.truncation}"
    head = f"MSH{use.field}{encoding}{use.field}"
    return st.tuples(content, st.lists(segment, max_size=5)).map(
        lambda pair: "\r".join((head + pair[0], *pair[1])) + "\r"
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of([bodies(use) for use in USED]), max_size=8))
def test_both_paths_equal_a_plain_parser(generated: list[str]) -> None:
    columns, one_by_one = rows_of(generated, 0), rows_of(generated, 10**6)
    expected = plain(generated)
    for spec in SPECS:
        tables = [(spec.table, spec.leaves)]
        tables += [(f"hl7v2__{child.table}", child.leaves) for child in spec.children]
        for table, leaves in tables:
            names = ["row", "segment", "patient_group", *map(text_column, leaves)]
            rows = expected.get(table, [])
            names += ["repeat"] if rows and "repeat" in rows[0] else []
            found = columns.get(table, [])
            assert comparable(found, names) == comparable(rows, names), table
            assert found == one_by_one.get(table, []), table


@settings(max_examples=60, deadline=None)
@given(st.lists(bodies(STANDARD), max_size=12), st.integers(1, 300))
def test_slices_of_any_size_give_the_same(generated: list[str], size: int) -> None:
    """A slice ends after a message, so that none, few or all of them share one."""
    whole = rows_of(generated)
    with mock.patch.object(columnar, "SLICE", size):
        assert rows_of(generated) == whole


HEAD = "MSH|^~\\&|APP^1.2^ISO|FAC|||20240101||ADT^A17^ADT_A17|1|P|2.5.1\r"


STATES = st.sampled_from([None, '""', "20240229", "20240229^1^2^3^4^5^6^7^8", "a^b^c^d^e"])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["PID", "PV1", "ORC", "SCH"]), st.lists(STATES, min_size=60, max_size=60))
def test_three_states_of_every_kind(name: str, states: list[str | None]) -> None:
    """Absent, cleared and set stay apart for every kind of column, in both paths."""
    spec = next(spec for spec in SPECS if spec.segment == name)
    body = HEAD + "|".join([name, *(state or "" for state in states)]) + "\r"
    for few in (0, 1):
        (row,) = rows_of([body], few)[spec.table]
        for leaf in spec.leaves:
            state = states[leaf.field - 1]
            parts = (state or "").split("^")
            expected = parts[leaf.component - 1] if leaf.component <= len(parts) else ""
            if leaf.subcomponent > 1:
                expected = ""
            assert row[text_column(leaf)] == (expected or None), leaf.name
            if leaf.kind == "ts" and expected == '""':
                assert row[f"{leaf.name}_at"] is None
                assert row[f"{leaf.name}_zone_source"] == "none"
            if leaf.kind == "date" and expected == '""':
                assert row[leaf.name] is None


def test_three_states_of_a_value() -> None:
    row = rows_of([HEAD + 'PID|1||7^^^LKWD^MR||Doe^""^||""\r'])["hl7v2__pid"][0]
    assert (row["family_name"], row["given_name"], row["other_given_names"]) == ("Doe", '""', None)
    assert (row["birth_date"], row["birth_date_text"]) == (None, '""')


def test_groups_of_patients_keep_their_segments() -> None:
    found = rows_of([HEAD + "PID|1||1\rPV1|1|I|A^1^1\rPID|2||2\rPV1|2|I|B^2^2\r"])
    pairs = [(r["patient_group"], r["segment"], r["location_unit"]) for r in found["hl7v2__pv1"]]
    assert pairs == [(1, 3, "A"), (2, 5, "B")]


def test_subcomponent_of_an_assigning_authority() -> None:
    found = rows_of([HEAD + "PID|1||7^^^LKWD&1.2.3&ISO^MR~8^^^SSA^SS\r"])
    keys = ("repeat", "id", "assigning_authority", "assigning_authority_universal_id")
    rows = [tuple(row[key] for key in keys) for row in found["hl7v2__pid_identifier"]]
    assert rows == [(1, "7", "LKWD", "1.2.3"), (2, "8", "SSA", None)]


def test_unusable_separators_are_left_out() -> None:
    assert rows_of(["MSH|garbage\r"]) == {}
    assert rows_of([]) == {}


def test_fields_past_all_others_are_nobody_elses() -> None:
    """The look-up table has 256 fields a segment; those past them are of no segment."""
    long = "|".join(["NTE", *(f"x{number}" for number in range(1, 600))])
    generated = [HEAD + long + "\rOBR|1\rOBX|1\rORC|NW\r"]
    assert rows_of(generated) == rows_of(generated, 1)
