"""Reads the `slaProperties` of a contract: how old, how complete, kept for how long.

    - {property: latency, value: 24, unit: h}                              of the table
    - {property: latency, value: 12, unit: h, element: appointments}       of a subject under it
    - {property: completeness, value: mark, element: appointments}         or block

A promise that is read by nobody is an error, not a comment.
"""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from lakeward.contracts.subjects import (
    SUBJECTS,
    Completeness,
    Subject,
    SubjectNeed,
    all_subjects,
)
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import (
        OpenDataContractStandard,
        ServiceLevelAgreementProperty,
    )

OF_TABLE = ("latency", "retention", "endOfSupport")
OF_SUBJECT = ("latency", "completeness")
_SECONDS = {"min": 60, "m": 60, "h": 3600, "d": 86400}
_COMPLETENESS = ("mark", "block")

Levels = dict[str, tuple[str, str]]
"""Value and unit by property."""


def service_levels(where: str, document: "OpenDataContractStandard") -> Levels:
    """Read value and unit of each service level of the table itself, by its name."""
    return _by_name(where, [p for p in document.slaProperties or [] if not p.element], OF_TABLE)


def latency_of(where: str, levels: Levels) -> timedelta | None:
    """Read a latency; None when there is none."""
    if "latency" not in levels:
        return None
    value, unit = levels["latency"]
    if unit not in _SECONDS:
        raise SpecError(where, f"unit of latency is {unit or 'missing'}", ", ".join(_SECONDS))
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise SpecError(where, "latency is no number", "value: 24, unit: h")
    return timedelta(seconds=float(value) * _SECONDS[unit])


def needs_of(
    where: str, document: "OpenDataContractStandard", *, has_consumer: bool
) -> tuple[SubjectNeed, ...]:
    """Read what a list needs of each subject, in the order of the file.

    A list that names no subject stands on all of them: the safe reading.

    Raises:
        SpecError: A subject is unknown, has no latency, or belongs to a table without consumer.
    """
    of_subject = [p for p in document.slaProperties or [] if p.element]
    if of_subject and not has_consumer:
        raise SpecError(
            where, f"a service level of {of_subject[0].element} without a consumer", "a consumer"
        )
    if has_consumer and not of_subject:
        return tuple(all_subjects())
    named = list(dict.fromkeys(str(p.element) for p in of_subject))
    return tuple(_need(where, name, [p for p in of_subject if p.element == name]) for name in named)


def _need(where: str, name: str, levels: "list[ServiceLevelAgreementProperty]") -> SubjectNeed:
    if name not in SUBJECTS:
        raise SpecError(where, f"element {name} is no subject", f"one of {', '.join(SUBJECTS)}")
    found = _by_name(f"{where} subject {name}", levels, OF_SUBJECT)
    latency = latency_of(f"{where} subject {name}", found)
    if latency is None:
        raise SpecError(f"{where} subject {name}", "has no latency", "value: 12, unit: h")
    completeness = found.get("completeness", ("mark", ""))[0]
    if completeness not in _COMPLETENESS:
        raise SpecError(
            f"{where} subject {name}", f"completeness is {completeness}", "mark or block"
        )
    return SubjectNeed(cast(Subject, name), latency, cast(Completeness, completeness))


def _by_name(
    where: str, items: "list[ServiceLevelAgreementProperty]", allowed: tuple[str, ...]
) -> Levels:
    levels: Levels = {}
    for item in items:
        name = str(item.property)
        if name not in allowed:
            raise SpecError(where, f"slaProperties property is {name}", ", ".join(allowed))
        if name in levels:
            raise SpecError(where, f"{name} stands twice", "each service level once")
        if item.value is None or not str(item.value).strip():
            raise SpecError(where, f"value of {name} is missing", "a value")
        levels[name] = (str(item.value), item.unit or "")
    return levels
