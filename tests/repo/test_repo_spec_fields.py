"""Every field of a spec is read somewhere: one that nobody reads is a promise that nobody keeps."""

import ast
import dataclasses
from collections import Counter

import pytest
from checkout import Module
from pydantic import BaseModel

from lakeward.contracts.model import Contract
from lakeward.hl7v2.parsing.segments import ChildSpec, Leaf, SegmentSpec
from lakeward.lake.relations import Relation, ViewsByValue
from lakeward.lake.tables import Column, TableSpec
from lakeward.landing.bulk import BulkExport
from lakeward.landing.formats import Format
from lakeward.landing.manifest import Manifest, ManifestFile
from lakeward.landing.sources import Facility, Inventory, Source, Volume
from lakeward.quarantine.compose import Shape
from lakeward.sqlonfhir import viewdefinition

SPECS: list[type] = [
    BulkExport,
    ChildSpec,
    Column,
    Contract,
    Facility,
    Format,
    Inventory,
    Leaf,
    Manifest,
    ManifestFile,
    Relation,
    SegmentSpec,
    Shape,
    Source,
    TableSpec,
    ViewsByValue,
    Volume,
    *(
        each
        for each in vars(viewdefinition).values()
        if isinstance(each, type)
        and issubclass(each, BaseModel)
        and each.__module__ == viewdefinition.__name__
    ),
]


def fields_of(spec: type) -> set[str]:
    if issubclass(spec, BaseModel):
        return set(spec.model_fields)
    return {field.name for field in dataclasses.fields(spec)}


@pytest.fixture(scope="module")
def reads(modules: list[Module]) -> Counter[str]:
    """How often the package reads an attribute of each name."""
    return Counter(
        node.attr
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    )


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.__name__)
def test_every_field_of_a_spec_is_read(spec: type, reads: Counter[str]) -> None:
    assert sorted(name for name in fields_of(spec) if not reads[name]) == []
