from jinja2 import pass_context


@pass_context
def dispatch(context, name, package):
    return context[f"duckdb__{name}"]
