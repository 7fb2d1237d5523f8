"""Renders HTML templates of a package: self-contained pages that load nothing.

A template holds the words and the structure, the module that renders it the numbers. Everything
that a template inserts is escaped. Which pages there are belongs to the packages that have them.
"""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(package: str, template: str, **values: object) -> str:
    """Render a template of a package's folder `templates`; a value that it lacks is an error."""
    return _environment(package).get_template(template).render(**values)


@cache
def _environment(package: str) -> Environment:
    return Environment(
        loader=PackageLoader(package, "templates"),
        # by name: jinja2's own rule escapes `.html` and would leave `.html.j2` alone
        autoescape=True,
        # a misspelt name would render as nothing
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
