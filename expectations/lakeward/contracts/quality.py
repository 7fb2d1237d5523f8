"""Compiles one ODCS `quality` entry, with its threshold, by the rule type whose form it has.

The surface is closed on purpose: what no rule type reads is an error that names the rule.
"""

from typing import TYPE_CHECKING, Any

from lakeward.contracts.model import Check, Rule
from lakeward.contracts.rule_terms import dimension_of, severity_of, threshold_of
from lakeward.contracts.rule_type import QualityForm, QualityPlace
from lakeward.contracts.rule_types import RULE_TYPES
from lakeward.contracts.threshold import NONE_AT_ALL, Measure, Operator, Threshold
from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from open_data_contract_standard.model import DataQuality, SchemaProperty

# ODCS has them for other engines and schedulers; accepting them would promise to obey them
_NOT_READ = ("rule", "engine", "implementation", "schedule", "scheduler")


def compile_quality(where: str, quality: "DataQuality", column: "SchemaProperty | None") -> Rule:
    """Compile one entry; `column` is the property it stands on, if any.

    Raises:
        SpecError: No rule type has this form, or a part of it is wrong or not read by anybody.
    """
    if not quality.id:
        raise SpecError(where, "a quality rule without id", "id: <stable_name>")
    where = f"{where} rule {quality.id}"
    for name in _NOT_READ:
        if getattr(quality, name) is not None:
            raise SpecError(where, f"{name} cannot be compiled", "type library, sql or text")
    arguments = dict(quality.arguments or {}) if _type(quality) == "library" else {}
    form = _form(where, quality, arguments)
    if form.on_column and column is None:
        raise SpecError(where, f"{quality.metric} stands on the table", "it on a column")
    place = QualityPlace(
        column=None if column is None else str(column.name),
        holds_text=column is not None and column.logicalType == "string",
        query=quality.query or "",
    )
    check = form.read(where, place, arguments)
    if set(arguments) - form.arguments:
        unread = ", ".join(sorted(set(arguments) - form.arguments))
        raise SpecError(where, f"{quality.metric} knows no arguments {unread}")
    return Rule(
        id=quality.id,
        check=check,
        threshold=NONE_AT_ALL if check is None else _threshold(where, quality, form),
        severity=severity_of(where, quality.severity),
        dimension=dimension_of(where, quality.dimension or form.dimension),
        description=_description(where, quality, check),
    )


def _type(quality: "DataQuality") -> str:
    return quality.type or "library"


def _form(where: str, quality: "DataQuality", arguments: dict[str, Any]) -> QualityForm:
    """Find the form of an entry; an argument decides between those that share a metric."""
    forms = [rule_type.quality for rule_type in RULE_TYPES if rule_type.quality is not None]
    of_type = [form for form in forms if form.type == _type(quality)]
    if not of_type:
        raise SpecError(where, f"type {quality.type} cannot be compiled", "library, sql or text")
    if _type(quality) != "library":
        return of_type[0]
    found = [form for form in of_type if form.metric == quality.metric]
    if not found:
        metrics = ", ".join(dict.fromkeys(form.metric for form in of_type))
        raise SpecError(where, f"metric {quality.metric} is unknown", metrics)
    if len(found) == 1:
        return found[0]
    chosen = [form for form in found if arguments.get(form.chosen_by) is not None]
    if len(chosen) != 1:
        choices = " and ".join(sorted((form.chosen_by for form in found), reverse=True))
        raise SpecError(where, f"{quality.metric} by what?", f"one of {choices}")
    return chosen[0]


def _threshold(where: str, quality: "DataQuality", form: QualityForm) -> Threshold:
    threshold = threshold_of(where, {name: getattr(quality, name) for name in (*Operator, "unit")})
    if threshold.measure is Measure.PERCENT and not form.in_percent:
        raise SpecError(where, f"{quality.metric} in percent means nothing", "unit: rows")
    return threshold


def _description(where: str, quality: "DataQuality", check: Check | None) -> str:
    if quality.description:
        return " ".join(quality.description.split())
    # a query says what it counts and not what that means: its author has to
    sentence = None if check is None else check.sentence()
    if sentence is None:
        raise SpecError(where, "no description", "a plain sentence that says what holds")
    return sentence
