"""The checkout as the tests about the repository see it: its modules, parsed once."""

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("assets", "expectations", "orchestration")


@dataclass(frozen=True)
class Module:
    """One Python module of the package: dotted name, path below the root, text and syntax tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """All lines, as an editor counts them."""
        return len(self.text.splitlines())

    @property
    def filled_lines(self) -> int:
        """Lines that are not blank."""
        return sum(1 for line in self.text.splitlines() if line.strip())

    @property
    def imports(self) -> list[tuple[str, ast.stmt]]:
        """Every imported module name, wherever the statement stands."""
        found: list[tuple[str, ast.stmt]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name, node) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.append((node.module, node))
        return found

    @property
    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method, nested ones included."""
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        return [node for node in ast.walk(self.tree) if isinstance(node, kinds)]


def read_modules() -> list[Module]:
    """Read every module of `lakeward`, by name."""
    found = []
    for source_root in SOURCE_ROOTS:
        for path in (ROOT / source_root / "lakeward").rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            parts = path.relative_to(ROOT / source_root).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            found.append(Module(name, path.relative_to(ROOT), text, ast.parse(text)))
    return sorted(found, key=lambda module: module.name)
