"""The dbt YAML says what the contracts say, and drift is noticed."""

from pathlib import Path

import yaml

from lakeward.contracts import load_contracts
from lakeward.contracts.dbt_yaml import check_dbt_yaml, write_dbt_yaml


def test_what_is_built_has_no_drift_and_an_edit_is_drift(tmp_path: Path) -> None:
    written = write_dbt_yaml(tmp_path)
    assert check_dbt_yaml(tmp_path) == []
    written[0].write_text(written[0].read_text() + "# edited\n")
    written[1].unlink()
    assert [problem.split(": ")[1].split(";")[0] for problem in check_dbt_yaml(tmp_path)] == [
        "differs from the contracts",
        "is missing",
    ]


def test_every_contract_is_an_enforced_model_with_typed_columns(tmp_path: Path) -> None:
    models = {
        model["name"]: model
        for path in write_dbt_yaml(tmp_path)
        for model in yaml.safe_load(path.read_text())["models"]
    }
    assert set(models) == set(load_contracts())
    for name, contract in load_contracts().items():
        model = models[name]
        assert model["config"]["contract"] == {"enforced": True}
        assert model["config"]["meta"]["owner"] == contract.owner
        assert contract.grain in model["description"]
        assert [(c["name"], c["data_type"]) for c in model["columns"]] == [
            (c.name, c.physical_type) for c in contract.columns
        ]


def test_generated_files_say_so(tmp_path: Path) -> None:
    for path in write_dbt_yaml(tmp_path):
        assert path.read_text().startswith("# AUTO-GENERATED")
