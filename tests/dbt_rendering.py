"""Renders models of the dbt project for one engine, without dbt and without a database.

It stands in for what dbt adds: `ref`, `source`, `var`, `config`, `return` and `adapter.dispatch`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
MACROS = [*sorted(PROJECT.glob("macros/*.sql")), *sorted(PROJECT.glob("macros/engine/*.sql"))]
MODELS = {path.stem: path for path in sorted(PROJECT.glob("models/**/*.sql"))}


class _Adapter:
    """dbt's `adapter`, as far as macros use it: a body for the engine, and none by default."""

    def __init__(self, engine: str, macros: Mapping[str, Any]) -> None:
        self._engine, self._macros = engine, macros

    def dispatch(self, name: str, package: str) -> Any:
        assert package == "lakeward"
        return self._macros[f"{self._engine}__{name}"]


class Renderer:
    """Renders models by name."""

    def __init__(
        self, engine: str, variables: Mapping[str, Any], ref: Callable[[str], str] = str
    ) -> None:
        """Load the macros.

        Args:
            engine: Which bodies are dispatched to: `duckdb` or `spark`.
            variables: dbt variables, over those of `dbt_project.yml`.
            ref: Returns the relation that a model is shown as.
        """
        default = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
        self.variables = {**default, **variables}
        self._environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
        macros: dict[str, Any] = {}
        names = {
            "ref": ref,
            "source": lambda schema, table: f"{schema}.{table}",
            "var": lambda name, default=None: self.variables.get(name, default),
            "config": lambda **_: "",
            "return": lambda value: value,
            "adapter": _Adapter(engine, macros),
        }
        text = "".join(path.read_text() for path in MACROS)
        library = self._environment.from_string(text, globals=names).module
        macros.update({k: v for k, v in vars(library).items() if not k.startswith("_")})
        self._environment.globals.update(names | macros)

    def render(self, model: str) -> str:
        """Return the SQL of a model."""
        return self.render_text(MODELS[model].read_text())

    def render_text(self, text: str) -> str:
        """Return the SQL of a text with calls of macros."""
        return self._environment.from_string(text).render()

    def macro(self, name: str, *arguments: str) -> str:
        """Return the SQL that a macro writes for arguments that are SQL."""
        macro: Any = self._environment.globals[name]
        return str(macro(*arguments)).strip()
