"""Brings one message into the shape that is hashed and stored: CR ends each segment, nothing else.

CR is the terminator, with or without LF. LF ends a segment only in a message without CR; else it is
data. A line that does not start like a segment continues the field before it (LF in the result):
notes that people type hold line breaks, and senders do not always escape them.

Source: HL7 v2.5.1 chapter 2, section 2.5.4 (the segment terminator is CR and cannot be changed).
"""

import re
from functools import lru_cache

_RUN_WITH_CR = re.compile(rb"\n*\r[\r\n]*")
_RUN_OF_LF = re.compile(rb"\n+")


def normalise(message: bytes) -> bytes:
    """Return the message with one CR after each segment and no blank lines."""
    if b"\r" not in message:
        message = _RUN_OF_LF.sub(b"\r", message)
    elif b"\n" in message or b"\r\r" in message:
        message = _RUN_WITH_CR.sub(b"\r", message)
    continued = _continuation(message[3:4])
    if continued.search(message):
        message = continued.sub(b"\n", message)
    return message + b"\r"


@lru_cache(maxsize=64)
def _continuation(separator: bytes) -> re.Pattern[bytes]:
    """Match a CR after which no segment starts: no name with a separator, a CR or the end."""
    return re.compile(rb"\r(?![A-Z][A-Z0-9]{2}(?:" + re.escape(separator) + rb"|\r|\Z))")
