"""Reads one `*.odcs.yaml` file as an ODCS document in which nothing is overlooked.

The ODCS model ignores keys it does not know below the root, and YAML keeps the last of two equal
keys: a misspelt threshold or a doubled rule would be lost without a word. Both are errors here.
What the document means for us belongs to `odcs`.
"""

from functools import cache
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from lakeward.core.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from open_data_contract_standard.model import OpenDataContractStandard


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as people mean it: dates stay text, only true and false are booleans."""

    # YAML 1.1 reads the code NO as false and 2028-12-31 as a date object
    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML's way to configure a loader
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag != "tag:yaml.org,2002:timestamp"
            and (tag != "tag:yaml.org,2002:bool" or first in "tTfF")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002  overrides PyYAML
    ) -> "dict[Hashable, Any]":
        names = [key.value for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {name} stands twice", problem_mark=node.start_mark
                )
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def read_document(path: Path) -> "OpenDataContractStandard":
    """Parse a file; unknown or doubled keys and wrong types are a `SpecError`."""
    from open_data_contract_standard.model import OpenDataContractStandard

    where = f"contract {path.name}"
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  is a SafeLoader
    except yaml.YAMLError as error:
        raise SpecError(where, " ".join(str(error).split()), "valid YAML") from None
    if not isinstance(raw, dict):
        raise SpecError(where, "the file holds no mapping", "an ODCS document")
    # before pydantic sees it, which would drop the key and say nothing
    for place in _unknown_keys(raw, OpenDataContractStandard, ""):
        raise SpecError(where, f"{place} is no key of ODCS", "a key of ODCS 3.1")
    try:
        return OpenDataContractStandard(**raw)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SpecError(where, f"{place}: {first['msg']}", "the types of ODCS 3.1") from None


def _unknown_keys(raw: object, model: type[BaseModel], place: str) -> "Iterator[str]":
    if not isinstance(raw, dict):
        return
    fields = _fields(model)
    for key, value in raw.items():
        if key not in fields:
            yield f"{place}{key}"
            continue
        # None: a scalar, or a field for free use such as `arguments`, in which any key is allowed
        below = fields[key]
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if below is not None:
                number = f"[{index}]" if isinstance(value, list) else ""
                yield from _unknown_keys(item, below, f"{place}{key}{number}.")


@cache
def _fields(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    return {
        info.alias or name: _model_in(info.annotation) for name, info in model.model_fields.items()
    }


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (list, Union, UnionType):
        found = [_model_in(part) for part in get_args(annotation)]
        return next((model for model in found if model is not None), None)
    return None
