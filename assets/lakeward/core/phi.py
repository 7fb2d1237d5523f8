"""The PHI class of a column: how near its values are to a person.

The classes: `N` nothing personal, `LK` a linkage key, `QI` a quasi-identifier, such as dates of a
person, `DI` a direct identifier, `CS` clinical and sensitive, `SP` specially protected, and any
free text. What follows from a class (statistics, exports, reports) is decided where it is used.
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
