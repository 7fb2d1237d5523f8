"""What FHIR R4 allows: the type and cardinality of each element of each type.

The facts come from fhir.resources' R4B models, which are imported when first used: they are slow.
Nothing here reads data, and nothing here knows SQL.

    elements("HumanName")["given"]    Element("given", "string", many=True)
    elements("Observation")["value"]  Element("value", "", choices={"Quantity": "valueQuantity", …})
    properties("Observation")         has valueQuantity, valueString, … instead of it

Source: FHIR R4, "Data Types" and the definitions of the resources. fhir.resources has no models of
R4; those of R4B differ in few types.
"""

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

PRIMITIVES = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "positiveInt": "BIGINT",
    "unsignedInt": "BIGINT",
    **dict.fromkeys(
        ("base64Binary", "canonical", "code", "date", "dateTime", "decimal", "id", "instant"),
        "VARCHAR",
    ),
    **dict.fromkeys(
        ("markdown", "oid", "string", "time", "uri", "url", "uuid", "xhtml"),
        "VARCHAR",
    ),
}
"""FHIR primitive types and how their JSON value is read; decimals and times keep their text."""

WITHOUT_ID = ("Bundle", "OperationOutcome", "Parameters")
"""Types that stand without an id in an export: `deleted` and `error` files, and the headers of
organized files."""


@dataclass(frozen=True)
class Element:
    """One element: its JSON name, FHIR type, whether it repeats, and its choices if any.

    Attributes:
        name: Property in JSON; for a choice, the stem (`value`).
        type: FHIR type; empty for a choice.
        many: Whether it is a list.
        choices: For a choice element, each possible type and the JSON property that carries it.
    """

    name: str
    type: str
    many: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)


_ONLY_IN_R4 = frozenset(
    (
        "EffectEvidenceSynthesis",
        "MedicinalProduct",
        "MedicinalProductAuthorization",
        "MedicinalProductContraindication",
        "MedicinalProductIndication",
        "MedicinalProductIngredient",
        "MedicinalProductInteraction",
        "MedicinalProductManufactured",
        "MedicinalProductPackaged",
        "MedicinalProductPharmaceutical",
        "MedicinalProductUndesirableEffect",
        "RiskEvidenceSynthesis",
        "SubstanceNucleicAcid",
        "SubstancePolymer",
        "SubstanceProtein",
        "SubstanceReferenceInformation",
        "SubstanceSourceMaterial",
        "SubstanceSpecification",
    )
)
"""Types of R4 that R4B gave up, so that no model knows them. Source: hl7.org/fhir/R4B/diff.html."""


def is_primitive(kind: str) -> bool:
    """Return whether a FHIR type is a scalar in JSON."""
    return kind in PRIMITIVES


def is_type(name: str) -> bool:
    """Return whether FHIR has a type or resource of that name."""
    return is_primitive(name) or bool(elements(name))


@lru_cache(maxsize=512)
def is_resource(name: str) -> bool:
    """Return whether FHIR has a resource type of that name; abstract ones do not count."""
    from fhir.resources.R4B.resource import Resource

    model = _model(name)
    # DomainResource is a model, too, and no resource has that type
    return bool(model) and issubclass(model, Resource) and not name.endswith("Resource")


def is_known_resource(name: str) -> bool:
    """Return whether R4 or R4B has a resource type of that name, whether it has a model or not."""
    return name in _ONLY_IN_R4 or is_resource(name)


@lru_cache(maxsize=512)
def properties(kind: str) -> Mapping[str, Element]:
    """Return all JSON properties of a FHIR type by name; a choice is one property for each type."""
    found: dict[str, Element] = {}
    for each in elements(kind).values():
        if not each.choices:
            found[each.name] = each
        for type_, name in each.choices.items():
            found[name] = Element(name, type_)
    return found


def element(kind: str, name: str) -> Element | None:
    """Return an element of a FHIR type by the name used in FHIRPath; None when there is none."""
    return elements(kind).get(name)


@lru_cache(maxsize=512)
def elements(kind: str) -> Mapping[str, Element]:
    """Return all elements of a FHIR type by name; empty when the type is unknown or primitive."""
    model = _model(kind)
    found: dict[str, Element] = {}
    choices: dict[str, dict[str, str]] = {}
    for name, info in model.model_fields.items() if model else ():
        # `…__ext` is the model's field for the extensions of a primitive, `_birthDate` in JSON
        if name in ("fhir_comments", "resource_type") or name.endswith("__ext"):
            continue
        json_name = info.alias or name
        type_, many = _type_of(info)
        stem = (info.json_schema_extra or {}).get("one_of_many")
        if stem:
            choices.setdefault(stem, {})[_choice_type(json_name[len(stem) :])] = json_name
        else:
            found[json_name] = Element(json_name, type_, many)
    for stem, options in choices.items():
        found[stem] = Element(stem, "", many=False, choices=options)
    return found


def _choice_type(suffix: str) -> str:
    """Return the type from the end of a name, `Quantity` or `string` of `valueString`."""
    lowered = suffix[0].lower() + suffix[1:]
    return lowered if lowered in PRIMITIVES else suffix


def _model(kind: str) -> Any:
    """Return the model of a type with elements; None for others."""
    if not kind or is_primitive(kind) or not kind[0].isupper():
        return None
    from fhir.resources.R4B import get_fhir_model_class

    try:
        return get_fhir_model_class(kind)
    except ValueError:
        return None


def _type_of(info: Any) -> tuple[str, bool]:
    """Return FHIR type and cardinality of a model field from its annotation.

    The type of an element with elements is a class; that of a primitive stands in the metadata of
    an annotated `str`, `int` or `date`.
    """
    annotation, many = _without_none(info.annotation), False
    metadata = list(info.metadata)
    if typing.get_origin(annotation) is list:
        annotation, many = _without_none(typing.get_args(annotation)[0]), True
    if typing.get_origin(annotation) is typing.Annotated:
        _, *metadata = typing.get_args(annotation)
    if path := getattr(annotation, "_model_klass", None):
        return str(path).rsplit(".", 1)[-1], many
    # the one primitive whose annotation carries no FHIR type in its metadata
    if annotation is bool:
        return "boolean", many
    return _primitive_of(metadata), many


def _primitive_of(metadata: list[Any]) -> str:
    # the last is the most special: a `code` is a `string`, too
    for item in reversed(metadata):
        name = type(item).__name__
        name = "uuid" if name == "UuidVersion" else name[0].lower() + name[1:]
        if name in PRIMITIVES:
            return name
    return "string"


def _without_none(annotation: Any) -> Any:
    """Return the type of an optional annotation, `X` of `X | None`."""
    options = [a for a in typing.get_args(annotation) if a is not type(None)]
    is_list = typing.get_origin(annotation) in (list, typing.Annotated)
    return annotation if is_list or len(options) != 1 else options[0]
