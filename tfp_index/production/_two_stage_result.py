"""What Olley–Pakes, Levinsohn–Petrin and Ackerberg–Caves–Frazer hand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.control_function import SecondStage
from tfp_index.kernels.resampling import Draws
from tfp_index.kernels.two_stage_design import Design
from tfp_index.panel.table import Table
from tfp_index.production._by_group import ProductionByGroup
from tfp_index.production._result import Named, ProductionResult
from tfp_index.production._two_stage_fit import objective_of
from tfp_index.results.result import RowValues

__all__ = ["FirstStageReport", "Surface", "TwoStageByGroup", "TwoStageResult"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FirstStageReport:
    """Regression of output on the polynomial in inputs and proxy.

    Attributes
    ----------
    rows, firms : int
    r_squared : float
    terms : int
        Regressors, the constant and categories included.
    condition : float
        Condition number of the regressors as they are used, each scaled to unit length.
    dropped : tuple of str
        Variables and regressors left out because others say the same.
    coefficients : Named
        Of free inputs and controls (empty where the polynomial holds all inputs).
    dependence : Named
        R² of each of them on all other regressors of this stage.
    residual_sd : Named
        Standard deviation of what is left of each: the variation that identifies it.
    """

    rows: int
    firms: int
    r_squared: float
    terms: int
    condition: float
    dropped: tuple[str, ...]
    coefficients: Named
    dependence: Named
    residual_sd: Named

    def table(self) -> Table:
        """Return free inputs and controls with their coefficient and what identifies it."""
        return Table(
            {
                "term": list(self.coefficients.names),
                "estimate": np.asarray(self.coefficients),
                "r_squared_on_the_rest": np.asarray(self.dependence),
                "residual_sd": np.asarray(self.residual_sd),
            },
            title="First stage",
            notes=(
                f"{self.rows} rows, {self.firms} firms, {self.terms} regressors, "
                f"R² {self.r_squared:.4f}, condition number {self.condition:.3g}",
            ),
        )

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """The objective of the second stage as a function of the coefficients.

    Holds the Gram matrix of the second stage, which does not grow with the rows.
    """

    second: SecondStage
    design: Design
    definition: str
    centered: bool
    reported: Floats

    def value(self, points: Floats) -> Floats:
        """Return the objective at (S, J) coefficients of the terms, in squared units of output."""
        return self.derivatives(points)[0]

    def derivatives(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the objective, its gradient and its Gauss–Newton matrix at (S, J) coefficients."""
        unit = self.design.unit
        to_delta = np.linalg.inv(self.reported) / unit
        delta = np.asarray(points, np.float64) @ to_delta.T - self.design.reference / unit
        objective = objective_of(self.second, self.design, self.definition, self.centered)
        value, gradient, hessian = objective(delta)
        scale = unit**2
        return (
            scale * value,
            scale * gradient @ to_delta,
            scale * to_delta.T @ hessian @ to_delta,
        )

    def profile(self, points: Floats, fixed: Sequence[int]) -> Floats:
        """Return the objective with some coefficients fixed and the others at their best.

        Parameters
        ----------
        points : (S, J) float array
            The fixed coefficients, and where the others start.
        fixed : sequence of int
        """
        from tfp_index.kernels.roots import descend

        free = np.ones(points.shape[1], bool)
        free[list(fixed)] = False
        if not free.any():
            return self.value(points)

        def held(at: Floats) -> tuple[Floats, Floats, Floats]:
            value, gradient, hessian = self.derivatives(at)
            gradient = np.where(free, gradient, 0.0)
            hessian = np.where(free[:, None] & free, hessian, 0.0)
            size = np.maximum(np.diagonal(hessian, axis1=1, axis2=2).max(axis=1), 1e-300)
            hessian[:, ~free, ~free] = size[:, None]
            return value, gradient, hessian

        return descend(held, np.asarray(points, np.float64), steps=40)[1]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TwoStageResult(ProductionResult):
    """A production function estimated in two stages.

    ``productivity`` has two columns: ``productivity`` is ``φ̂ − β'x``, free of the error of output;
    ``productivity_with_error`` is output net of inputs and controls, ``y − β'x``.

    Attributes
    ----------
    roots : Table
        Every solution and every other stationary point that the search found, the chosen one
        first: ``kind`` (root, minimum or stationary), ``chosen``, ``admissible``, coefficients,
        ``returns_to_scale``, ``persistence`` of ω, ``objective``, ``correlation`` of instruments
        and innovations (0 at a root), and how many starts ended there (``hits``).
    first_stage : FirstStageReport
    fitted : RowValues
        ``phi`` and ``residual`` of the first stage.
    law : Table
        Law of motion of productivity around its mean.
    choice : str
        The rule that chose among the roots.
    surface : Surface
        The objective, for plots.
    draws : Draws or None
        Bootstrap repetitions, in the order of `params`.
    """

    roots: Table
    first_stage: FirstStageReport
    fitted: RowValues
    law: Table
    choice: str
    surface: Surface
    draws: Draws | None = None

    def summary(self) -> str:
        """Return specification, coefficients, figures, roots and warnings as text."""
        shown = str(self.roots) if len(self.roots) > 1 else ""
        lines = [super().summary(), f"choice: {self.choice}"]
        return "\n".join(lines + ([shown] if shown else []))

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data; row values travel as frames."""
        return {
            **super().to_dict(),
            "roots": self.roots.to_dict(),
            "first_stage": self.first_stage.table().to_dict(),
            "law": self.law.to_dict(),
            "choice": self.choice,
        }


@dataclass(frozen=True, slots=True, eq=False)
class GroupFit:
    """The parts of a result that do not grow with the rows."""

    params: Named
    cov_params: Floats
    elasticity_mean: Named
    elasticity_cov: Floats
    details: Mapping[str, Any]
    warnings: tuple[str, ...]
    roots: Table
    first_stage: FirstStageReport
    law: Table
    choice: str
    surface: Surface
    draws: Draws | None
    dof: float | None = None


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class TwoStageByGroup(ProductionByGroup[TwoStageResult]):
    """One production function per group, estimated in one call.

    Attributes
    ----------
    productivity, fitted, elasticities_by_row : RowValues
        Over all rows; NaN in groups without an estimate.
    """

    productivity: RowValues
    fitted: RowValues
    elasticities_by_row: RowValues

    def _one(self, place: int) -> TwoStageResult:
        def rows(values: RowValues) -> RowValues:
            if not values.held:
                return values
            inside = self.members == place
            only = {k: np.where(inside, v, np.nan) for k, v in values.values.items()}
            return RowValues(values.keys, only, values.title)

        parts = self.fits[place]
        return TwoStageResult(
            spec=self.spec,
            record=self.record,
            keys=self.keys,
            params=parts.params,
            cov_params=parts.cov_params,
            productivity=rows(self.productivity),
            elasticities_by_row=rows(self.elasticities_by_row),
            inputs=self.inputs,
            elasticity_mean=parts.elasticity_mean,
            elasticity_cov=parts.elasticity_cov,
            details=parts.details,
            warnings=parts.warnings,
            roots=parts.roots,
            first_stage=parts.first_stage,
            fitted=rows(self.fitted),
            law=parts.law,
            choice=parts.choice,
            surface=parts.surface,
            draws=parts.draws,
        )

    @property
    def roots(self) -> Table:
        """All roots and stationary points of all groups."""
        return self.stacked("roots")

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data; row values travel as frames."""
        return {**super().to_dict(), "roots": self.roots.to_dict()}
