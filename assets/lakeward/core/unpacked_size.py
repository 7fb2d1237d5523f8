"""How far a packed file may unfold: a bound for all that unpacks what others send.

Who unpacks, and what becomes of a file that unfolds further, is decided there.
"""

RATIO = 200
"""Bytes that a packed byte may unfold to. Exports of real systems reach 10 to 40, those of a
simulator 100, and gzip itself 1,032: what goes further was made to fill a disk or a night."""

FREE = 256 << 20
"""Bytes that any file may unfold to, whatever its ratio: a small file of repeats is no harm."""


def unfolds_too_far(packed: int, unpacked: int) -> bool:
    """Return whether so many packed bytes have given more than they may."""
    return unpacked > FREE and unpacked > RATIO * packed
