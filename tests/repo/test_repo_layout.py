"""The tree: one import package in three source roots, and no room without a name."""

import tomllib
from importlib import import_module
from pathlib import Path

from checkout import SOURCE_ROOTS, Module

NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}


def test_lakeward_is_a_namespace_of_exactly_three_roots(root: Path) -> None:
    package = import_module("lakeward")
    assert getattr(package, "__file__", None) is None
    with_code = {Path(p) for p in package.__path__ if any(Path(p).rglob("*.py"))}
    assert with_code == {root / name / "lakeward" for name in SOURCE_ROOTS}


def test_no_root_has_an_init_of_its_own(root: Path) -> None:
    # one __init__.py there hides the other two roots
    assert not [name for name in SOURCE_ROOTS if (root / name / "lakeward/__init__.py").exists()]


def test_every_root_is_installed_editable_and_in_the_wheel(root: Path) -> None:
    build = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert sorted(build["dev-mode-dirs"]) == sorted(SOURCE_ROOTS)
    expected = sorted(f"{name}/lakeward" for name in SOURCE_ROOTS)
    assert sorted(build["targets"]["wheel"]["packages"]) == expected


def test_every_package_is_typed_and_belongs_to_one_root(root: Path) -> None:
    packages = [
        folder
        for name in SOURCE_ROOTS
        for folder in (root / name / "lakeward").iterdir()
        if folder.is_dir() and folder.name != "__pycache__"
    ]
    names = [folder.name for folder in packages]
    assert len(names) == len(set(names)), "a package stands in two roots"
    assert not [f.name for f in packages if not (f / "py.typed").is_file()]
    assert not [f.name for f in packages if not (f / "__init__.py").is_file()]


def test_no_module_is_called_utils_helpers_or_common(modules: list[Module]) -> None:
    assert not [m.name for m in modules if NAMELESS & set(m.name.split("."))]


def test_core_holds_what_everybody_may_import(modules: list[Module]) -> None:
    core = {m.name for m in modules if m.name.startswith("lakeward.core.")}
    names = "errors files foreign_json html_pages locks paths phi settings sizes unpacked_size"
    assert core == {f"lakeward.core.{name}" for name in names.split()}


def test_tests_have_distinct_names(root: Path) -> None:
    # pytest imports test files by their bare name
    names = [path.name for path in (root / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
