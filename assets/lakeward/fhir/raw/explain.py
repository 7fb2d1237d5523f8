"""Why a FHIR record is rejected, in words for a person: which element is wrong, and how.

The findings are those of fhir.resources' R4B models (FHIR R4 differs in few elements). They are
slow and never used on the way in. A message names elements and rules, never what the record states:
pydantic's own messages quote values, so each kind of error has its wording here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from lakeward.sqlonfhir.schema import WITHOUT_ID, is_primitive, is_resource, properties

_ID = re.compile(r"[A-Za-z0-9\-.]{1,255}")
_NAME = re.compile(r"_?[a-z][A-Za-z0-9]{0,63}")

_NOT_JSON = "record: is nested too deeply or holds what JSON does not have"

_WORDING = {
    "missing": "is required",
    "model_field_validation.missing": "is required",
    "extra_forbidden": "is not an element that FHIR R4 has here",
    "list_type": "is not a list",
    "model_validation_format": "is not an object of the right type",
    "model_type": "is not an object",
    "dict_type": "is not an object",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "has a form that FHIR does not allow",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than": "is too large",
    "less_than_equal": "is too large",
}
"""The wording of an error, by pydantic's code for it; other codes: not of the element's type."""


def explain(content: bytes) -> list[str]:
    """Return what is wrong with a record, one line a finding: `Patient.birthDate: is not a date`.

    Empty when nothing is found: then it was rejected for the file that it stood in, not for what it
    holds.

    Args:
        content: The record's bytes as delivered.
    """
    try:
        record = json.loads(content.decode("utf-8"), parse_constant=_reject)
        json.dumps(record, ensure_ascii=False).encode("utf-8")  # half a surrogate pair fails here
    except UnicodeEncodeError:
        return [_NOT_JSON]
    except UnicodeDecodeError as error:
        return [f"record: is not UTF-8, from byte {error.start}"]
    except json.JSONDecodeError as error:
        return [f"record: is not one JSON value, from character {error.pos}: {error.msg}"]
    except (RecursionError, ValueError):
        return [_NOT_JSON]
    if not isinstance(record, dict):
        return ["record: is not an object"]
    kind = record.get("resourceType")
    if not isinstance(kind, str) or not is_resource(kind):
        return ["resourceType: is missing" if kind is None else "resourceType: is no FHIR R4 type"]
    return list(dict.fromkeys([*_identity(kind, record), *_findings(kind, record)]))


def _reject(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _identity(kind: str, record: Mapping[str, Any]) -> list[str]:
    found = record.get("id")
    if found is None:
        return [] if kind in WITHOUT_ID else [f"{kind}.id: is missing"]
    legal = isinstance(found, str) and _ID.fullmatch(found)
    return [] if legal else [f"{kind}.id: is not 1 to 255 letters, digits, hyphens and dots"]


def _findings(kind: str, record: dict[str, Any]) -> list[str]:
    from pydantic import ValidationError

    from fhir.resources.R4B import get_fhir_model_class

    try:
        get_fhir_model_class(kind).model_validate(record)
    except ValidationError as error:
        return [
            _finding(kind, found["type"], found["loc"])
            for found in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    except Exception:  # it breaks in many ways on what is no resource
        return [f"{kind}: cannot be read as FHIR: a part of it has another shape or type"]
    return []


def _finding(kind: str, code: str, location: Sequence[str | int]) -> str:
    steps = [step for step in location if step != "root"]
    path, expected = _walk(kind, steps)
    if not steps:  # only the check of choices (`deceased[x]`) names no element
        return f"{kind}: gives a choice element more than once, or not at all where it is required"
    wording = _WORDING.get(code)
    if wording is None or (code == "string_pattern_mismatch" and expected not in ("", "string")):
        wording = f"is not {_with_article(expected)}" if expected else "is not what FHIR expects"
    return f"{path}: {wording}"


def _walk(kind: str, steps: Sequence[str | int]) -> tuple[str, str]:
    """Return the path of an element, and its FHIR type if it is a primitive one."""
    path, at = kind, kind
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
            continue
        # a name that FHIR cannot have may be a value in the wrong place
        path += f".{step}" if _NAME.fullmatch(step) else ".(a name that FHIR cannot have)"
        at = _type_at(at, step)
    return path, at if is_primitive(at) else ""


def _type_at(kind: str, name: str) -> str:
    if name.startswith("_"):
        return "Element"
    found = properties(kind).get(name)
    return found.type if found else ""


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
