"""The PHI class of a column: how near its values are to a person.

The classes are those of the dossier (domain reference, security): `N` none, `LK` a linkable key,
`QI` a quasi-identifier, `DI` a direct identifier, `CS` clinical and sensitive, `SP` free text
that may hold anything. What follows from a class (statistics, exports, reports) is decided where
it is used, not here.
"""

from enum import StrEnum


class Phi(StrEnum):
    """PHI class of a column; a column that names none counts as `DI`."""

    N = "N"
    LK = "LK"
    QI = "QI"
    DI = "DI"
    CS = "CS"
    SP = "SP"
