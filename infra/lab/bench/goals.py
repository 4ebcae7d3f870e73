"""What is promised, and whether it is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """One promise and what was measured.

    Attributes
    ----------
    what : str
    measured : float
    limit : float
    unit : str
    at_least : bool
        Whether `limit` is the least, not the most.
    aside : str
        What else is worth knowing.
    """

    what: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False
    aside: str = ""

    @property
    def kept(self) -> bool:
        """Whether the promise is kept."""
        if self.at_least:
            return self.measured >= self.limit
        return self.measured <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        mark = "✓" if self.kept else "✗"
        line = f"{self.what:<52}{self.measured:9.4g} {self.unit:<9}{sign} {self.limit:<5g}{mark}"
        return f"{line}  {self.aside}".rstrip()
