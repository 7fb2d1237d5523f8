"""Commands about data contracts: `lakeward contracts build|check`.

What a contract says and what is generated from it belongs to `lakeward.contracts`.
"""

import typer

from lakeward.orchestration.cli.output import say

contracts_app = typer.Typer(no_args_is_help=True, help="Data contracts: drift and generated files.")


@contracts_app.command("build")
def contracts_build() -> None:
    """Write what is generated in the dbt project: YAML from contracts, sources, code map uses.

    Example: lakeward contracts build
    """
    from lakeward.contracts.dbt_yaml import write_dbt_yaml
    from lakeward.core.paths import project_path
    from lakeward.orchestration.dbt_files import write_dbt_files

    project = project_path("dbt_project")
    for path in [*write_dbt_yaml(project), *write_dbt_files(project)]:
        say(f"wrote {path}")


@contracts_app.command("check")
def contracts_check() -> None:
    """Fail when a contract is wrong or a generated file differs from it.

    Example: lakeward contracts check
    """
    from lakeward.contracts import load_contracts
    from lakeward.contracts.dbt_yaml import check_dbt_yaml
    from lakeward.core.paths import project_path
    from lakeward.orchestration.dbt_files import check_dbt_files
    from lakeward.worklists.output_formats import check_formats

    project = project_path("dbt_project")
    # each only when the one before found nothing: of a wrong contract nothing right can be
    # generated, and its own line would be lost among those
    drift = check_dbt_yaml(project) or check_formats(load_contracts().values())
    drift = drift or check_dbt_files(project)
    for line in drift:
        say(line)
    raise typer.Exit(1 if drift else 0)
