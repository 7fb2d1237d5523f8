"""A word of its own in every leaf of FHIR resources and HL7 v2 segments, and their search."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lakeward.fhir.view_tables import packaged_views
from lakeward.hl7v2.parsing.segments import packaged_specs
from lakeward.sqlonfhir.schema import PRIMITIVES, elements, is_primitive

WORD = re.compile(rb"zq[0-9]{6}qz", re.IGNORECASE)

DEPTH = 5
"""Elements above a leaf; views of ours look no deeper."""
ELSEWHERE = frozenset({"Extension", "Resource", "Narrative", "Meta"})
"""Types that stand on every element: planted once a resource, at its root."""
TYPED = {"boolean": True, "integer": 3, "positiveInt": 3, "unsignedInt": 3, "decimal": 1.5}
TIMES = {
    "date": "1951-02-03",
    "dateTime": "2026-01-05T09:00:00Z",
    "instant": "2026-01-05T09:00:00Z",
    "time": "09:00:00",
}


@dataclass
class Words:
    """Hands out words; remembers where each was planted."""

    planted: dict[str, str] = field(default_factory=dict)

    def at(self, place: str) -> str:
        word = f"Zq{len(self.planted):06}qZ"
        self.planted[word] = place
        return word


def fhir_lines(words: Words, *, well_formed: bool) -> list[str]:
    """Return resources of every type that a view has, with a word in every leaf.

    Args:
        words: Where the words come from.
        well_formed: Numbers, booleans and times are what they should be; else words, too.
    """
    kinds = sorted({view.resource for view in packaged_views()})
    return [
        json.dumps(_resource(words, kind, variant, well_formed=well_formed))
        for kind in kinds
        for variant in range(_choices(kind))
    ]


def _choices(kind: str) -> int:
    return max([len(each.choices) for each in elements(kind).values()] + [1])


def _resource(words: Words, kind: str, variant: int, *, well_formed: bool) -> dict[str, Any]:
    found = _object(words, kind, f"{kind}#{variant}", (kind,), variant, well_formed=well_formed)
    word = words.at
    return {
        **found,
        "resourceType": kind,
        "id": word(f"{kind}.id"),
        "meta": {
            "versionId": word(f"{kind}.meta.versionId"),
            "lastUpdated": TIMES["instant"] if well_formed else word(f"{kind}.meta.lastUpdated"),
            "source": word(f"{kind}.meta.source"),
            "profile": [word(f"{kind}.meta.profile")],
            "tag": [{"system": word(f"{kind}.meta.tag.system"), "code": word(f"{kind}.meta.tag")}],
        },
        "text": {"status": "generated", "div": f"<div>{word(f'{kind}.text.div')}</div>"},
        "extension": [{"url": word(f"{kind}.extension.url"), "valueString": word(f"{kind}.ext")}],
        # an element that R4 does not have, its name a word
        word(f"{kind}.(a name)"): 1,
    }


def _object(
    words: Words,
    kind: str,
    path: str,
    chain: tuple[str, ...],
    variant: int,
    *,
    well_formed: bool,
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in elements(kind).values():
        options = list((each.choices or {each.type: each.name}).items())
        type_, name = options[variant % len(options)]
        here = f"{path}.{name}"
        if name in ("resourceType", "id", "meta") or type_ in ELSEWHERE:
            continue
        if is_primitive(type_):
            value = _leaf(words, type_, here, well_formed=well_formed)
        elif type_ in chain or len(chain) >= DEPTH:
            continue
        else:
            below = (*chain, type_)
            value = _object(words, type_, here, below, variant, well_formed=well_formed)
        found[name] = [value] if each.many else value
    return found


def _leaf(words: Words, kind: str, path: str, *, well_formed: bool) -> Any:
    assert kind in PRIMITIVES
    if well_formed and kind in TYPED:
        return TYPED[kind]
    if well_formed and kind in TIMES:
        return TIMES[kind]
    if path.endswith(".reference"):
        return f"Patient/{words.at(path)}"
    return words.at(path)


FIELDS, COMPONENTS = 55, 12


def hl7_messages(words: Words) -> list[str]:
    """Return messages of some triggers, with a word in every component of every segment."""
    segments = [spec.segment for spec in packaged_specs()]
    messages = []
    for number, trigger in enumerate(("ADT^A01", "SIU^S12")):
        header = [
            *("MSH", "^~\\&", "ADT", "LKWD", "X", "Y", "20260105101500", ""),
            *(trigger, f"{words.at('MSH-10')}{number}", "P", "2.5.1"),
            *(words.at(f"MSH-{n}") for n in range(13, 22)),
        ]
        body = [_segment(words, s) for s in segments if s not in ("MSH", "FHS", "BHS")]
        messages.append("\r".join(["|".join(header), *body]))
    return messages


def _segment(words: Words, name: str) -> str:
    def component(field_: int, at: int) -> str:
        place = f"{name}-{field_}.{at}"
        return f"{words.at(place)}&{words.at(place)}" if at == 1 else words.at(place)

    fields = (
        "^".join(component(n, at) for at in range(1, COMPONENTS + 1)) for n in range(1, FIELDS + 1)
    )
    return "|".join([name, *fields])


def bad_fhir_lines(words: Words) -> list[str]:
    """Return lines that are rejected, each for another reason."""
    w = words.at
    return [
        '{"resourceType": "Patient", "name": [{"family": "' + w("cut off") + '"}],',
        json.dumps({"resourceType": "Patient", "name": [{"family": w("no id")}]}),
        json.dumps({"resourceType": "Patient", "id": f"{w('illegal id')} x"}),
        json.dumps({"resourceType": w("unknown type"), "id": "x"}),
        json.dumps({"resourceType": w("illegal type") + "/..", "id": "x"}),
        json.dumps({"resourceType": "Patient", "id": "m", "name": {"family": w("mismatch")}}),
        json.dumps([w("a list")]),
        json.dumps(w("a text")),
        '{"resourceType":"Patient","id":"d","' + w("name twice") + '":1,"id":"e"}',
        '{"resourceType":"Patient","id":"n","active":NaN,"x":"' + w("no number") + '"}',
        '{"resourceType":"Patient","id":"u","x":"' + w("half a pair") + '\\ud800"}',
        # stored; a sum with such a number leaves the range of instants
        json.dumps(
            {
                "resourceType": "Appointment",
                "id": w("huge"),
                "status": "booked",
                "start": "2026-01-05T09:00:00Z",
                "minutesDuration": 2**63 - 1,
                "participant": [{"actor": {"reference": "Patient?identifier=%FF"}}],
            }
        ),
        '{"resourceType":"Basic","id":"z","x":' + "[" * 300 + f'"{w("deep")}"' + "]" * 300 + "}",
    ]


def bad_hl7(words: Words) -> str:
    """Return messages that are rejected, and text between them."""
    w = words.at
    head = "MSH|^~\\&|ADT|LKWD|X|Y|20260105101600|"
    return "\r".join(
        [
            f"a log line {w('stray')}",
            f"{head}||{w('no type')}|P|2.5.1",
            f"PID|1||{w('of no type')}",
            f"{head}|ADT^A08|{w('first number')}|P|2.5.1|{2**63 - 1}",
            "PID|1||71^^^LKWD^MR",
            f"{head}|ADT^A08|{w('second number')}|P|2.5.1|{-(2**63)}",
            "PID|1||72^^^LKWD^MR",
            f"{head}|{w('odd type')}^{w('odd trigger')}|{w('control id')}|P|2.5.1",
            f"PID|1||{w('of an odd type')}",
            f"BHS|^~\\&|{w('BHS-3')}|||||||{w('BHS-9')}|{w('BHS-10')}|{w('BHS-11')}",
            f"{head}|ADT^A08|{w('in a batch')}|P|2.5.1",
            f"BTS|{w('BTS-1')}|{w('BTS-2')}",
        ]
    )


def searched(home: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield what must not hold a value of a record, as bytes that are not packed.

    Of data files that is the footer; of the outbox all but the lists themselves.
    """
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        top = path.relative_to(home).parts[0]
        if top in {"landing", "truth"}:
            continue
        if top == "outbox" and path.name not in {"manifest.json", "_READY", "SHA256SUMS"}:
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet" and "_delta_log" in path.parts:
            # a checkpoint is compressed: only its rows show what stands in it
            content = json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
        elif top == "lake" and path.suffix == ".parquet":
            content = content[-8 - int.from_bytes(content[-8:-4], "little") :]
        yield path, content


def found_words(home: Path, words: Words, *more: bytes) -> dict[str, set[str]]:
    """Return which words stand where they must not: the file, and where each was planted."""
    by_word = {word.lower(): place for word, place in words.planted.items()}
    texts = [(path.relative_to(home).as_posix(), content) for path, content in searched(home)]
    texts += [(path.relative_to(home).as_posix(), str(path).encode()) for path in home.rglob("*")]
    texts += [(f"text {number}", content) for number, content in enumerate(more)]
    found: dict[str, set[str]] = {}
    for name, content in texts:
        for word in set(WORD.findall(content)):
            place = by_word.get(word.decode().lower(), "?")
            found.setdefault(name, set()).add(place)
    return found
