"""`docs/reference/triggers.md` says what the trigger table says.

To write it again:

    .venv/bin/python tests/repo/test_repo_triggers.py
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "triggers.md"
SEEDS = ROOT / "dbt_project" / "seeds"
FAMILIES = (
    ("Patients and visits (ADT)", {"ADT"}),
    ("Scheduling", {"SIU", "SRM", "SRR", "SQM", "SQR"}),
    ("Referrals", {"REF", "RRI"}),
    ("Master files", {"MFN", "MFK", "MFQ", "MFR"}),
)
HEAD = """# What each HL7 v2 trigger does

Made from the tables `dbt_project/seeds/trigger_event.csv` and `event_type.csv`; change those,
then run `.venv/bin/python tests/repo/test_repo_triggers.py`. Examples with their canonical rows
are in `tests/golden/hl7v2_triggers`. Every message is stored, whatever its trigger; a trigger
that is not here has no effect and is counted in `canonical__unmapped_code`.

Effects: **append** writes an event, **cancel** writes an event that takes back another (and
waits 72 hours for it when it is not there), **attributes** changes what is known and never a
state, **infer** concludes an event (`confidence` inferred), **merge**, **link** and **unlink**
say which records are one person, **visit_merge**, **visit_renumber** and **visit_move** say
which numbers are one visit and whose it is, **person_add** and **person_delete** say whether a
record is in use, **bed** states the status of a bed, **order** the order of ORC and OBR,
**master** a master file; **none** is stored and does nothing.

The guide is the HL7 v2-to-FHIR guide. A row is of the *guide*, of the HL7 *standard*, or
*local*: a decision of ours, with its reason.
"""


def page() -> str:
    """Give the page: one table a family of messages."""
    with (SEEDS / "trigger_event.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (SEEDS / "event_type.csv").open(encoding="utf-8", newline="") as file:
        states = {row["event_type"]: row["to_state"] for row in csv.DictReader(file)}
    named = {kind for _, kinds in FAMILIES for kind in kinds}
    others = {row["message_type"] for row in rows} - named
    parts = [HEAD]
    for title, kinds in (*FAMILIES, ("Orders, results and others", others)):
        stated = [row for row in rows if row["message_type"] in kinds]
        parts.append("\n".join([f"## {title}", "", *_table(stated, states)]) + "\n")
    return "\n".join(parts)


def _table(rows: Sequence[dict[str, str]], states: dict[str, str]) -> Iterator[str]:
    yield "| trigger | when | event | state after | effect | guide's status | origin | why |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in rows:
        event = row["event_type"]
        cells = (
            f"{row['message_type']}^{row['trigger_event']}",
            row["condition"].replace("*", "").replace("_", " "),
            event,
            states.get(event, ""),
            row["effect"] + (f" {row['cancels']}" if row["cancels"] else ""),
            row["fhir_status_guide"],
            row["origin"],
            row["reason"],
        )
        yield "| " + " | ".join(cells) + " |"


def test_the_page_says_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run the command above"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
