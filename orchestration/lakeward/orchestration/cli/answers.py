"""Prints what is asked of a row or a record; imports nothing of a run, to answer at once."""

from collections.abc import Sequence
from dataclasses import asdict

from lakeward.orchestration.cli.output import print_document, say
from lakeward.worklists.record_trace import Followed
from lakeward.worklists.why import Why


def print_traces(found: Sequence[Followed], *, as_json: bool) -> None:
    """Print what came of records, or the records behind a row; more than one as a list."""
    if as_json:
        documents = [asdict(each) for each in found]
        print_document(documents[0] if len(documents) == 1 else {"records": documents})
        return
    for each in found:
        for line in each.lines():
            say(line)


def print_why(found: Why, *, as_json: bool) -> None:
    """Print what a list says of something."""
    if as_json:
        print_document(asdict(found))
        return
    for line in found.lines():
        say(line)
