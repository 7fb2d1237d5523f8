"""How large modules and functions may be, and that each says what it is for."""

import ast
from collections.abc import Iterator, Sequence

from checkout import Module

MODULE_LINES, MODULE_P90, MODULE_MEDIAN = 400, 250, 100
FUNCTION_LINES, FUNCTION_MEDIAN = 50, 12


def test_no_module_is_longer_than_400_lines(modules: list[Module]) -> None:
    long = [f"{m.path}: {m.lines} lines" for m in modules if m.lines > MODULE_LINES]
    assert not long, _listed("modules over the cap", long)


def test_half_of_the_modules_fit_in_100_lines_and_nine_in_ten_in_250(
    modules: list[Module],
) -> None:
    # not counting blank lines, as the codebases were measured from which these budgets come
    sized = sorted(((m.filled_lines, str(m.path)) for m in modules), reverse=True)
    sizes = [lines for lines, _ in sized]
    longest = _listed("the longest", [f"{path}: {lines}" for lines, path in sized[:15]])
    assert _quantile(sizes, 0.9) <= MODULE_P90, longest
    assert _quantile(sizes, 0.5) <= MODULE_MEDIAN, longest


def test_no_function_is_longer_than_50_lines(modules: list[Module]) -> None:
    long = [f"{where}: {n} lines" for n, where in _functions(modules) if n > FUNCTION_LINES]
    assert not long, _listed("functions over the cap", long)


def test_half_of_the_functions_fit_in_12_lines(modules: list[Module]) -> None:
    sized = sorted(_functions(modules), reverse=True)
    longest = _listed("the longest", [f"{where}: {n}" for n, where in sized[:15]])
    assert _quantile([n for n, _ in sized], 0.5) <= FUNCTION_MEDIAN, longest


def test_every_module_and_public_name_is_documented(modules: list[Module]) -> None:
    bare = [
        f"{module.path}:{getattr(node, 'lineno', 1)} {name}"
        for module in modules
        for name, node in _public(module.name, module.tree)
        if ast.get_docstring(node) is None
    ]
    assert not bare, _listed("without a docstring", bare)


def _functions(modules: list[Module]) -> Iterator[tuple[int, str]]:
    for module in modules:
        for node in module.functions:
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield length, f"{module.path}:{node.lineno} {node.name}"


Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(name: str, node: Documented) -> Iterator[tuple[str, Documented]]:
    yield name, node
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if (
                isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                and not child.name.startswith("_")
                and not any(ast.unparse(d).endswith("overload") for d in child.decorator_list)
            ):
                yield from _public(child.name, child)


def _quantile(sizes: Sequence[int], share: float) -> float:
    return sorted(sizes)[min(len(sizes) - 1, int(len(sizes) * share))]


def _listed(title: str, entries: Sequence[str]) -> str:
    return "\n  ".join([f"{len(entries)} {title}:", *entries])
