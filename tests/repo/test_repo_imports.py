"""Who may import what, and that loading the definitions needs and starts nothing."""

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from checkout import Module


@dataclass(frozen=True)
class Fence:
    """A library, the modules that may import it, and whether only inside a function body."""

    library: str
    allowed: tuple[str, ...]
    in_functions_only: bool = False


FENCES = [
    Fence("dagster", ("lakeward.assets", "lakeward.orchestration")),
    Fence(
        "great_expectations",
        (
            "lakeward.expectations.suite",
            "lakeward.expectations.run",
            "lakeward.expectations.docs",
        ),
        in_functions_only=True,
    ),
    Fence("duckdb", ("lakeward.lake",)),
    Fence("deltalake", ("lakeward.lake",)),
    Fence("dbt", ("lakeward.lake",)),
]


@pytest.mark.parametrize("fence", FENCES, ids=lambda fence: fence.library)
def test_a_library_is_imported_only_where_it_belongs(fence: Fence, modules: list[Module]) -> None:
    wrong = []
    for module in modules:
        inside = {id(n) for function in module.functions for n in ast.walk(function)}
        for name, node in module.imports:
            if name.split(".")[0] != fence.library:
                continue
            if not _within(module.name, fence.allowed):
                wrong.append(f"{module.path}:{node.lineno} may not import {name}")
            elif fence.in_functions_only and id(node) not in inside:
                wrong.append(f"{module.path}:{node.lineno} imports {name} outside a function")
    assert not wrong, "\n".join(wrong)


def test_the_environment_is_read_in_settings_only(modules: list[Module]) -> None:
    wrong = [
        f"{module.path}:{node.lineno}"
        for module in modules
        if module.name != "lakeward.core.settings"
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"})
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and _takes_environment(node))
    ]
    assert not wrong, "the environment is read outside core/settings.py:\n" + "\n".join(wrong)


def test_no_private_module_of_dagster_is_needed(modules: list[Module]) -> None:
    # there a night without it is slower, and nothing else
    allowed = {"lakeward.orchestration.warm_start"}
    using = {m.name for m in modules for name, _ in m.imports if name.startswith("dagster._")}
    assert using <= allowed


def test_layers_point_down_only(root: Path) -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_definitions_load_in_a_bare_environment(tmp_path: Path) -> None:
    heavy = {"great_expectations", "pyspark", "dbt", "fhir"}
    code = (
        "import sys, lakeward.orchestration.definitions as d; assert d.defs;"
        f"print(*sorted({heavy} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": os.defpath, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [], "loaded with the definitions"
    assert not list(tmp_path.iterdir()), "loading the definitions wrote files"


def _within(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in allowed)


def _takes_environment(node: ast.ImportFrom) -> bool:
    return bool({"environ", "getenv"} & {alias.name for alias in node.names})
