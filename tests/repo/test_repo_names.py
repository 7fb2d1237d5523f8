"""One name, one thing: classes and modules of the package are not called the same by chance."""

import ast
from collections import defaultdict

from checkout import Module

SAME_IN_EACH_FORMAT = {
    "explain": "why a record was rejected, in FHIR and in HL7 v2",
    "format": "the input format itself, as one value",
    "load": "landed files to raw, in FHIR and in HL7 v2",
    "repeats": "content delivered again, in FHIR and in HL7 v2",
    "table": "the table of the room it stands in",
}
SAME_OVER_LAYERS = {
    "bulk": "FHIR bulk export: its settings, its asset, its commands",
    "exports": "bulk exports: the steps, and their jobs and sensors",
    "formats": "input formats: what one is, and the commands that read one",
    "outbox": "the outbox: its files, and its assets",
    "quarantine": "quarantine: its asset, its commands",
    "release": "releases: the table, and the commands",
}
"""Modules that share a name because they are about the same thing, with what that is."""


def test_a_class_name_stands_for_one_class(modules: list[Module]) -> None:
    where = defaultdict(list)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                where[node.name].append(str(module.path))
    assert not {name: paths for name, paths in where.items() if len(paths) > 1}


def test_a_module_name_stands_for_one_thing(modules: list[Module]) -> None:
    where = defaultdict(list)
    for module in modules:
        if module.path.name != "__init__.py":
            where[module.path.stem].append(str(module.path))
    shared = {name for name, paths in where.items() if len(paths) > 1}
    allowed = SAME_IN_EACH_FORMAT.keys() | SAME_OVER_LAYERS.keys()
    assert not {name: where[name] for name in shared - allowed}
    assert allowed <= shared, f"listed and not shared: {sorted(allowed - shared)}"
