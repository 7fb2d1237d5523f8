"""Commands about records of patients in question: which merges wait, and what a registrar decides.

Keys and places are printed, never a value of a record.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from lakeward.core.settings import load_settings, principal
from lakeward.orchestration.cli.arguments import Json
from lakeward.orchestration.cli.output import PrintFormat, print_records, say

identity_app = typer.Typer(
    no_args_is_help=True, help="Merges of patient records that somebody has to decide on."
)


class DecisionWord(StrEnum):
    """What a registrar can decide about a merge."""

    apply = "apply"
    undo = "undo"


@identity_app.command("list")
def identity_list(
    everything: Annotated[bool, typer.Option("--all", help="Also those not in question.")] = False,
    json: Json = False,
) -> None:
    """List merges of records that disagreed, and on which nobody has decided.

    Example: lakeward identity list
    """
    from lakeward.identity.decisions import merges

    rows = [
        row | {"quality_flags": " ".join(row["quality_flags"])}
        for row in merges(load_settings(), everything=everything)
    ]
    print_records(rows, PrintFormat.json if json else PrintFormat.table)


@identity_app.command("decide")
def identity_decide(
    merge: Annotated[str, typer.Argument(metavar="MERGE", help="merge_key.")],
    decision: Annotated[DecisionWord, typer.Argument(help="One person, or two.")],
    because: Annotated[str, typer.Option(help="Why; kept with the decision.")],
) -> None:
    """Decide whether the two records of a merge are one person (apply) or two (undo).

    The last decision on a merge counts, so one is taken back by another.

    Example: lakeward identity decide 6f0e8c1e-0000-5000-8000-000000000000 undo --because "twins"
    """
    from lakeward.identity.decisions import MergeDecision, decide
    from lakeward.lake.lock import sole_writer

    settings = load_settings()
    entry = MergeDecision(merge, decision.value, datetime.now(UTC), principal(), because)
    with sole_writer(settings.home):
        decide(settings, entry)
    say(f"Decided: {decision.value}. The next run follows it.")
    say("Next: lakeward run --day YYYY-MM-DD")


@identity_app.command("history")
def identity_history(json: Json = False) -> None:
    """List all decisions with who made them, when and why, the first one first.

    Example: lakeward identity history
    """
    from lakeward.identity.decisions import decisions
    from lakeward.lake.tables import Lake

    rows = decisions(Lake(load_settings().home.lake))
    print_records(rows, PrintFormat.json if json else PrintFormat.table)
