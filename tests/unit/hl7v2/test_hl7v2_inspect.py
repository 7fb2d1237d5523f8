"""What `lakeward hl7 inspect` shows of a file."""

import hashlib
from pathlib import Path

from hl7_inspection import inspect_file
from lakeward.core.paths import Home
from lakeward.landing.sources import load_inventory


def test_inspect_names_positions_and_reasons_but_no_content(tmp_path: Path) -> None:
    one = b"MSH|^~\\&|APP|FAC|||2024||ADT^A01|C1|P|2.5\rPID|1||7||SECRETNAME\r"
    content = b"FHS|^~\\&\rBHS|^~\\&\r" + one + one + b"MSH|^~\\&|||||||\rBTS|3\rFTS|1\r"
    path = tmp_path / "a.hl7"
    path.write_bytes(content)
    found = inspect_file(path, load_inventory(Home(tmp_path)).source("adt_hl7"))
    start = content.index(b"MSH")
    common = {"length": len(one) - 1, "type": "ADT^A01", "control_id": "C1", "charset": "utf-8"}
    assert found == {
        "file": "a.hl7",
        "sha256": hashlib.sha256(content).hexdigest(),
        "terminator": "CR",
        "batches": [
            {"promised": 3, "found": 3, "control_id": None, "reference_control_id": None,
             "state": "accepted", "warnings": [], "file": 1, "file_warnings": []},
        ],
        "files_promised": 1,
        "messages": [
            {"index": 1, "offset": start, "status": "stored", "reason": None, **common},
            {"index": 2, "offset": start + len(one), "status": "duplicate", "reason": None}
            | common,
            {
                "index": 3, "offset": start + 2 * len(one), "length": 15, "type": None,
                "control_id": None, "charset": None, "status": "quarantined",
                "reason": "missing_msh9",
            },
        ],
        "counts": {"found": 3, "stored": 1, "duplicate": 1, "quarantined": 1},
    }  # fmt: skip
    assert "SECRETNAME" not in repr(found)
