"""Cleaning profiles: all thresholds of the rules in one place, under a name."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tfp_index.errors import SpecificationError, nearest

__all__ = ["PROFILES", "CleaningProfile", "profile_of"]


@dataclass(frozen=True)
class CleaningProfile:
    """Thresholds of the cleaning rules; a rule whose threshold is off does not run.

    Attributes
    ----------
    name : str
    only_flag : tuple of str
        Codes of rules whose findings are flagged but kept.
    no_core : bool
        Rows without output, labor, capital and value added alike.
    units : bool
        Values in thousands or millions of the unit of their neighbors.
    unit_tolerance : float
        Distance of a jump from ln 1000 (or ln 10⁶), in logs.
    ever_negative : bool
        All rows of an enterprise that is ever negative.
    max_labor : float
        All rows of an enterprise that ever has more persons.
    positive : tuple of str
        Roles that must be above zero.
    identities : bool
        Impossible relations between columns.
    wage_band : (low, high), optional
        Wage per person, in the unit of the data; there is no default, since it depends on the
        unit, the year and the region's minimum wage.
    wage_share : (lower, upper, limit), optional
        Percentiles of wage bill over value added, as probabilities, and an absolute limit.
    ratio_tails : (lower, upper), optional
        Probabilities that bound the ratios inside each industry and year.
    min_cell : int
        Fewest values of an industry and year; smaller cells use those of the parent.
    jump : float, optional
        Change of a log that comes back next year.
    mad : float, optional
        Limit of ``0.6745 |x - median| / MAD``.
    bacon : float, optional
        α of the joint outlier test.
    """

    name: str
    only_flag: tuple[str, ...] = ("unit_shift", "opening_not_closing")
    no_core: bool = False
    units: bool = False
    unit_tolerance: float = 0.2
    ever_negative: bool = False
    max_labor: float = np.inf
    positive: tuple[str, ...] = ()
    identities: bool = False
    wage_band: tuple[float, float] | None = None
    wage_share: tuple[float, float, float] | None = None
    ratio_tails: tuple[float, float] | None = None
    min_cell: int = 20
    jump: float | None = None
    mad: float | None = None
    bacon: float | None = None

    def __post_init__(self) -> None:
        for option in ("wage_band", "ratio_tails"):
            pair = getattr(self, option)
            if pair is not None and not pair[0] < pair[1]:
                raise SpecificationError(
                    f"{option}={pair!r}", code="bad_option", column=option, expected="low < high"
                )

    @classmethod
    def named(cls, name: str) -> CleaningProfile:
        """Return a named profile: ``none``, ``strict``, ``multiprod_like`` or ``orbis_like``.

        Raises
        ------
        SpecificationError
            If there is none of that name.
        """
        return profile_of(name)

    def but(self, **changes: Any) -> CleaningProfile:
        """Return the profile with some thresholds changed, under a name that says so."""
        name = changes.pop("name", f"{self.name}, changed")
        try:
            return replace(self, name=name, **changes)
        except TypeError:
            unknown = next(k for k in changes if k not in asdict(self))
            raise SpecificationError(
                f"a profile has no threshold {unknown!r}",
                code="unknown_option",
                column=unknown,
                remedy=nearest(unknown, asdict(self)),
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Return all thresholds as plain data."""
        return {k: None if v == np.inf else v for k, v in asdict(self).items()}


PROFILES = {
    "none": CleaningProfile("none"),
    "strict": CleaningProfile(
        "strict",
        only_flag=("opening_not_closing",),
        no_core=True,
        units=True,
        positive=("output", "labor", "capital"),
        identities=True,
        ratio_tails=(0.01, 0.99),
        jump=5.0,
        mad=3.5,
        bacon=0.05,
    ),
    "multiprod_like": CleaningProfile(
        "multiprod_like",
        no_core=True,
        units=True,
        positive=("output", "labor"),
        identities=True,
        ratio_tails=(0.01, 0.99),
    ),
    "orbis_like": CleaningProfile(
        "orbis_like",
        no_core=True,
        units=True,
        ever_negative=True,
        max_labor=2_000_000.0,
        ratio_tails=(0.0, 0.999),
        wage_share=(0.01, 0.999, 1.1),
    ),
}
"""Named profiles. Those called "like" follow the kind of rules of a program, not its code."""


def profile_of(profile: str | CleaningProfile) -> CleaningProfile:
    """Return a profile by its name.

    Raises
    ------
    SpecificationError
        If there is no such profile.

    Examples
    --------
    >>> profile_of("strict").mad
    3.5
    """
    if isinstance(profile, CleaningProfile):
        return profile
    if profile not in PROFILES:
        raise SpecificationError(
            f"there is no cleaning profile {profile!r}",
            code="unknown_profile",
            column="profile",
            remedy=nearest(str(profile), PROFILES),
        )
    return PROFILES[profile]
