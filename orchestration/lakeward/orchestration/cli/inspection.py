"""Prints what `lakeward hl7 inspect` found, message by message, however large the file is."""

import json
from collections.abc import Mapping
from typing import Any

from lakeward.hl7v2.framing.reconcile import EnvelopeOutcome
from lakeward.hl7v2.inspect import Inspection
from lakeward.hl7v2.raw.messages import DETAILS
from lakeward.orchestration.cli.output import say

_COLUMNS = {"index": 7, "offset": 11, "length": 8, "type": 8, "control_id": 24, "charset": 11}
"""Columns of the list of messages, and their widths."""


def print_inspection_json(found: Inspection) -> None:
    """Print one JSON document, a message a line."""
    # written piece by piece: a file of a million messages is never one object in memory
    head = json.dumps(found.head(), indent=1)
    say(head.removesuffix("\n}") + ',\n "messages": [')
    comma = ""
    for message in found.messages():
        say(comma + "  " + json.dumps(message))
        comma = ","
    # last, since messages are counted while they are walked through
    say(f' ],\n "counts": {json.dumps(found.counts())}\n}}')


def print_inspection(found: Inspection, *, messages: bool) -> None:
    """Print for people: the file, its envelopes, its messages, then the counts by reason."""
    encoding = f", {found.layout.encoding}" if found.layout.encoding else ""
    say(f"{found.path.name}: line ends {found.terminator or 'none'}{encoding}")
    for each in found.envelopes:
        say(_envelope(each))
    if messages:
        say(" ".join(name.ljust(width) for name, width in _COLUMNS.items()) + " status")
    for message in found.messages():
        if messages:
            say(_message(message))
    say(", ".join(f"{count} {name}" for name, count in found.counts().items()))
    for reason, count in found.reasons.most_common():
        say(f"  {count} {reason}: {DETAILS[reason]}")


def _envelope(outcome: EnvelopeOutcome) -> str:
    envelope = outcome.envelope
    members = "batches" if envelope.kind == "file" else "messages"
    promised = "no count" if envelope.promised is None else envelope.promised
    warnings = f" ({', '.join(outcome.warnings)})" if outcome.warnings else ""
    counts = f"promised {promised}, found {envelope.found} {members}"
    return f"{envelope.kind} {envelope.number}: {counts}: {outcome.state}{warnings}"


def _message(message: Mapping[str, Any]) -> str:
    cells = (_cell(message[name]).ljust(width) for name, width in _COLUMNS.items())
    reason = f" {message['reason']}" if message["reason"] else ""
    return f"{' '.join(cells)} {message['status']}{reason}"


def _cell(value: object) -> str:
    """Show a value without control characters: a control id must not steer the terminal."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
