"""Renders the dbt YAML of canonical, worklist and metric models whole from their contracts.

The contract is the source; what is generated says so and may not differ from it (`check_dbt_yaml`).
Models without a contract are described elsewhere: staging models and steps of worklists by the
grain that their SQL states (`lakeward contracts build` writes it), intermediate models by hand.
"""

from pathlib import Path
from typing import Any

import yaml

from lakeward.contracts.model import Contract
from lakeward.contracts.odcs import check_contracts, load_contracts
from lakeward.core.errors import SpecError

FOLDERS = {"canonical": "canonical", "worklist": "worklists", "metric": "metrics"}
"""Folder of models by the part of a table name before `__`."""

_HEADER = """\
# AUTO-GENERATED from the contracts (*.odcs.yaml): do not edit.
# Change the contract and run `lakeward contracts build`.
"""


def write_dbt_yaml(project_dir: Path) -> list[Path]:
    """Write the generated files of a dbt project; return their paths."""
    written = []
    for path, text in _files(project_dir).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def check_dbt_yaml(project_dir: Path) -> list[str]:
    """List wrong contracts, and generated files that differ from them, one line a problem."""
    problems = check_contracts()
    if problems:
        return problems
    for path, text in _files(project_dir).items():
        place = path.relative_to(project_dir).as_posix()
        if not path.is_file():
            problems.append(f"{place}: is missing; run `lakeward contracts build`")
        # compared as text: whoever edits the file by hand is to learn of it
        elif path.read_text(encoding="utf-8") != text:
            problems.append(f"{place}: differs from the contracts; run `lakeward contracts build`")
    return problems


def render_models(contracts: list[Contract]) -> str:
    """Return the YAML text for the models of one folder."""
    models = {"version": 2, "models": [_model(contract) for contract in contracts]}
    # in the order of the contract: sorted keys would tear name and description of a column apart
    return _HEADER + yaml.safe_dump(models, sort_keys=False, width=100, allow_unicode=True)


def _files(project_dir: Path) -> dict[Path, str]:
    by_folder: dict[str, list[Contract]] = {}
    for contract in load_contracts().values():
        layer = contract.name.split("__", 1)[0]
        if layer not in FOLDERS:
            raise SpecError(f"contract {contract.name}", "no dbt folder", ", ".join(FOLDERS))
        by_folder.setdefault(FOLDERS[layer], []).append(contract)
    return {
        project_dir / "models" / folder / f"_{folder}__models.yml": render_models(contracts)
        for folder, contracts in by_folder.items()
    }


def _model(contract: Contract) -> dict[str, Any]:
    return {
        "name": contract.name,
        "description": f"{contract.purpose} Grain: {contract.grain}",
        "config": {
            # dbt compares columns and types before it writes, so a model
            # that drifts fails with its name
            "contract": {"enforced": True},
            "meta": {
                "owner": contract.owner,
                "grain": contract.grain,
                "contract_id": contract.id,
                "contract_version": contract.version,
                "release_unit": contract.unit,
                "end_of_support": contract.end_of_support.isoformat(),
            },
        },
        "columns": [
            {
                "name": column.name,
                "data_type": column.physical_type,
                "description": column.description,
                "config": {"meta": {"phi": column.phi}},
            }
            for column in contract.columns
        ],
    }
