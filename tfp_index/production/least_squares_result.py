"""What least squares hand out, and the words that single fits and fits by group share."""

from __future__ import annotations

from dataclasses import dataclass

from tfp_index.production._result import ProductionResult
from tfp_index.results.result import RowValues

__all__ = [
    "EFFECTS",
    "ELASTICITIES",
    "NO_LAG",
    "PRODUCTIVITY",
    "LeastSquaresResult",
    "no_spread",
    "not_definite",
]

PRODUCTIVITY = "Log total factor productivity"
ELASTICITIES = "Output elasticities"
EFFECTS = "Effects and residual"
NO_LAG = "no row of the period before"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LeastSquaresResult(ProductionResult):
    """A production function estimated by least squares.

    Attributes
    ----------
    effects : RowValues
        ``entity_effect`` and ``time_effect``, as far as the specification has them, and the
        ``residual`` of the regression (of changes, with first differences).
    """

    effects: RowValues


def not_definite(firms: int, periods: int) -> str:
    """Say that a two-way clustered covariance is not positive definite."""
    return (
        f"the two-way clustered covariance is not positive definite ({firms} entities, "
        f"{periods} periods): some errors may be missing; cov='clustered' always has them"
    )


def no_spread(variance_entity: float) -> str:
    """Say that the data show no random effects."""
    return (
        f"the variance of the random effects is estimated at {variance_entity:.4g}, "
        "not above zero: the estimate is that of pooled least squares"
    )
