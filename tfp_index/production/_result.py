"""What every estimated production function hands out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import SpecificationError, nearest
from tfp_index.panel.table import Table, plain
from tfp_index.results.result import Result, RowValues

__all__ = ["Estimate", "Named", "ProductionResult", "WaldTest"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Named(Mapping[str, float]):
    """Numbers with names, in order.

    Examples
    --------
    >>> b = Named(("labor", "capital"), np.array([0.6, 0.4]))
    >>> b["labor"], dict(b)
    (0.6, {'labor': 0.6, 'capital': 0.4})
    >>> np.asarray(b).sum().item()
    1.0
    """

    names: tuple[str, ...]
    numbers: Floats

    def __getitem__(self, name: str) -> float:
        try:
            return float(self.numbers[self.names.index(name)])
        except ValueError:
            raise SpecificationError(
                f"there is no coefficient {name!r}",
                code="unknown_coefficient",
                column=str(name),
                remedy=nearest(str(name), self.names),
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.numbers, dtype=dtype or np.float64)

    def table(self, column: str = "value") -> Table:
        """Return the numbers as a table with a column ``term``."""
        return Table({"term": list(self.names), column: self.numbers})

    def to_frame(self, backend: str | None = None) -> Any:
        """Return `table` as a frame."""
        return self.table().to_frame(backend)

    def __repr__(self) -> str:
        return str(self.table())


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its standard error.

    Examples
    --------
    >>> rts = Estimate(1.02, 0.01)
    >>> [round(x, 3) for x in rts.conf_int()], round(rts.p_value(null=1.0), 3)
    ([1.0, 1.04], 0.046)
    """

    value: float
    std_error: float
    dof: float | None = None

    def conf_int(self, level: float = 0.95) -> tuple[float, float]:
        """Return the lower and upper end of the interval."""
        reach = critical_value(level, self.dof) * self.std_error
        return self.value - reach, self.value + reach

    def p_value(self, null: float = 0.0) -> float:
        """Return the two-sided p-value of the value `null`."""
        if not self.std_error > 0:
            return float("nan")
        return float(two_sided(np.array([(self.value - null) / self.std_error]), self.dof)[0])

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True, slots=True)
class WaldTest:
    """Test of linear restrictions ``R β = r``.

    Attributes
    ----------
    statistic : float
        χ² with `dof` degrees of freedom; F when `dof_denominator` is given.
    p_value : float
    dof : int
    dof_denominator : float or None
    restrictions : tuple of str
    """

    statistic: float
    p_value: float
    dof: int
    dof_denominator: float | None
    restrictions: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ProductionResult(Result):
    """An estimated production function.

    Attributes
    ----------
    params : Named
        Coefficients.
    cov_params : (k, k) float array
        Their covariance, in the same order.
    productivity : RowValues
        Log total factor productivity: ``productivity`` without, and where the method tells them
        apart ``productivity_with_error`` with, the error of output.
    elasticities_by_row : RowValues
        Output elasticity of every input in every row that took part.
    inputs : tuple of str
    elasticity_mean : Named
        Mean elasticity of each input.
    elasticity_cov : (inputs, inputs) float array
    dof : float or None
        Degrees of freedom of t and F; None for the normal and χ².
    details : mapping of str to plain values
        Figures of the fit for `glance`.
    warnings : tuple of str
        What was warned of while fitting.
    """

    params: Named
    cov_params: Floats
    productivity: RowValues
    elasticities_by_row: RowValues
    inputs: tuple[str, ...]
    elasticity_mean: Named
    elasticity_cov: Floats
    dof: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def bse(self) -> Named:
        """Standard errors of `params`."""
        return Named(self.params.names, _roots(np.diagonal(self.cov_params)))

    @property
    def tvalues(self) -> Named:
        """Coefficient over standard error."""
        errors = np.asarray(self.bse)
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(self.params) / errors
        return Named(self.params.names, np.where(errors > 0, values, np.nan))

    @property
    def pvalues(self) -> Named:
        """Two-sided p-values of the hypotheses that a coefficient is zero."""
        return Named(self.params.names, two_sided(np.asarray(self.tvalues), self.dof))

    def conf_int(self, level: float = 0.95) -> Table:
        """Return confidence intervals of the coefficients.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        """
        lower, upper = self._interval(level)
        columns = {"term": list(self.params.names), "lower": lower, "upper": upper}
        return Table(columns, title=f"{100 * level:g} % confidence intervals")

    def _interval(self, level: float) -> tuple[Floats, Floats]:
        reach = critical_value(level, self.dof) * np.asarray(self.bse)
        return np.asarray(self.params) - reach, np.asarray(self.params) + reach

    @property
    def elasticities(self) -> Table:
        """Mean output elasticity of each input, its error, and its spread over rows."""
        by_row = self.elasticities_by_row
        notes = () if by_row.held else ("spread over rows: the rows are not held by this result",)
        spread: dict[str, list[float]] = {
            name: [] for name in ("p10", "p50", "p90", "share_negative")
        }
        for name in self.inputs:
            seen = by_row[name][np.isfinite(by_row[name])] if by_row.held else np.zeros(0)
            cuts = np.quantile(seen, [0.1, 0.5, 0.9]) if seen.size else np.full(3, np.nan)
            negative = float(np.mean(seen < 0)) if seen.size else np.nan
            for column, value in zip(spread, (*cuts.tolist(), negative), strict=True):
                spread[column].append(value)
        columns = {
            "input": list(self.inputs),
            "mean": np.asarray(self.elasticity_mean),
            "std_error": _roots(np.diagonal(self.elasticity_cov)),
            **spread,
        }
        return Table(columns, "Output elasticities", notes, self.keys.backend)

    @property
    def returns_to_scale(self) -> Estimate:
        """Sum of the mean elasticities."""
        variance = float(self.elasticity_cov.sum())
        if abs(variance) <= 1e-14 * float(np.abs(self.elasticity_cov).sum()):
            variance = 0.0  # the terms cancel to rounding where returns to scale are imposed
        error = float(np.sqrt(variance)) if variance >= 0 else float("nan")
        return Estimate(float(np.asarray(self.elasticity_mean).sum()), error, self.dof)

    def wald(
        self, restrictions: str | Sequence[str] | Mapping[str, float], value: float = 0.0
    ) -> WaldTest:
        """Test linear restrictions on the coefficients.

        Parameters
        ----------
        restrictions : str, sequence of str, or mapping
            ``"labor + capital = 1"``, several of them, or one as ``{"labor": 1, "capital": 1}``
            with its right-hand side in `value`.
        value : float
            Right-hand side of a mapping.

        Raises
        ------
        SpecificationError
            If a coefficient is unknown or the restrictions contradict or repeat each other.
        """
        if isinstance(restrictions, Mapping):
            terms = " + ".join(f"{w:g}*{n}" for n, w in restrictions.items())
            parsed = [(dict(restrictions), float(value))]
            texts: tuple[str, ...] = (f"{terms} = {value:g}",)
        else:
            texts = (restrictions,) if isinstance(restrictions, str) else tuple(restrictions)
            parsed = [parse_restriction(text) for text in texts]
        R = np.zeros((len(parsed), len(self.params)))
        for row, (weights, _) in enumerate(parsed):
            for name, weight in weights.items():
                self.params[name]
                R[row, self.params.names.index(name)] = weight
        r = np.array([right for _, right in parsed])
        return wald_test(np.asarray(self.params), self.cov_params, R, r, self.dof, texts)

    def tidy(self) -> Table:
        """Return one row per coefficient: estimate, error, statistic, p-value, 95 % interval."""
        lower, upper = self._interval(0.95)
        columns = {
            "term": list(self.params.names),
            "estimate": np.asarray(self.params),
            "std_error": np.asarray(self.bse),
            "statistic": np.asarray(self.tvalues),
            "p_value": np.asarray(self.pvalues),
            "lower": lower,
            "upper": upper,
        }
        return Table(columns, title=type(self.spec).__name__, backend=self.keys.backend)

    def glance(self) -> Table:
        """Return one row that sums the fit up."""
        scale = self.returns_to_scale
        columns = {
            "method": [type(self.spec).__name__],
            "rows": [self.sample.used],
            "returns_to_scale": [scale.value],
            "returns_to_scale_error": [scale.std_error],
            **{name: [value] for name, value in self.details.items()},
        }
        return Table(columns, backend=self.keys.backend)

    def summary(self) -> str:
        """Return specification, coefficients, figures of the fit and warnings as text."""
        figures = self.glance().rows()[0]
        lines = [self.spec.describe(), "", str(self.tidy()), ""]
        scale = self.returns_to_scale
        lines.append(
            f"returns to scale {scale.value:.4f} ({scale.std_error:.4f}),"
            f" p-value of 1: {scale.p_value(1.0):.4f}"
        )
        skip = ("method", "rows", "returns_to_scale", "returns_to_scale_error")
        lines += [
            f"{name.replace('_', ' ')}: {f'{value:.6g}' if isinstance(value, float) else value}"
            for name, value in figures.items()
            if name not in skip and value is not None
        ]
        lost = "; ".join(f"{count} {reason}" for reason, count in self.sample.lost.items())
        lines.append(
            f"{self.sample.used} of {self.sample.rows} rows used" + (f"; {lost}" if lost else "")
        )
        lines += [f"warning: {text}" for text in self.warnings]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the record and the small tables as plain data; row values travel as frames."""
        return {
            **super().to_dict(),
            "tidy": self.tidy().to_dict(),
            "elasticities": self.elasticities.to_dict(),
            "cov_params": plain(self.cov_params),
            "warnings": list(self.warnings),
        }

    def _repr_html_(self) -> str:
        return self.tidy()._repr_html_() + self.glance()._repr_html_()


def _roots(variances: Floats) -> Floats:
    """Square roots; NaN where a variance is negative or missing."""
    ok = variances >= 0
    return np.where(ok, np.sqrt(np.where(ok, variances, 0.0)), np.nan)


def critical_value(level: float, dof: float | None) -> float:
    """Return the two-sided critical value of the normal, or of t.

    Examples
    --------
    >>> round(critical_value(0.95, None), 4), round(critical_value(0.95, 10), 4)
    (1.96, 2.2281)
    """
    from scipy.special import ndtri, stdtrit

    if not 0 < level < 1:
        raise SpecificationError(
            f"level is {level!r}", code="bad_option", column="level", expected="between 0 and 1"
        )
    upper = 0.5 * (1 + level)
    return float(ndtri(upper) if dof is None else stdtrit(dof, upper))


def two_sided(statistics: Floats, dof: float | None) -> Floats:
    """Return two-sided p-values of normal, or of t, statistics."""
    from scipy.special import ndtr, stdtr

    tail = -np.abs(statistics)
    return np.asarray(2 * (ndtr(tail) if dof is None else stdtr(dof, tail)), np.float64)


def wald_test(
    b: Floats,
    covariance: Floats,
    R: Floats,
    r: Floats,
    dof: float | None,
    texts: tuple[str, ...],
) -> WaldTest:
    """``(Rb − r)'(R V R')⁻¹(Rb − r)``, χ² or, over its degrees of freedom, F.

    Raises
    ------
    SpecificationError
        If the restrictions are not independent of each other.
    """
    from scipy.special import chdtrc, fdtrc

    V = R @ covariance @ R.T
    scale = np.sqrt(np.maximum(np.diagonal(V), 0.0))
    if not (scale > 0).all() or np.linalg.matrix_rank(V / np.outer(scale, scale)) < len(texts):
        raise SpecificationError(
            "the restrictions repeat each other or concern coefficients without variance",
            code="dependent_restrictions",
            expected="restrictions that are independent of each other",
        )
    gap = (R @ b - r) / scale
    chi2 = float(gap @ np.linalg.solve(V / np.outer(scale, scale), gap))
    q = len(texts)
    if dof is None:
        return WaldTest(chi2, float(chdtrc(q, chi2)), q, None, texts)
    return WaldTest(chi2 / q, float(fdtrc(q, dof, chi2 / q)), q, dof, texts)


_TERM = re.compile(r"([+-]?)\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*\*\s*)?([^\W\d][\w.:^]*)\s*")


def parse_restriction(text: str) -> tuple[dict[str, float], float]:
    """Read ``"2*labor - capital = 0.5"``.

    Raises
    ------
    SpecificationError
        If the text is not a linear restriction.

    Examples
    --------
    >>> parse_restriction("2*labor - capital = 0.5")
    ({'labor': 2.0, 'capital': -1.0}, 0.5)
    """
    left, equals, right = text.partition("=")
    weights: dict[str, float] = {}
    position = 0
    left = left.strip()
    try:
        value = float(right) if equals else 0.0
        while position < len(left):
            found = _TERM.match(left, position)
            if found is None or (position and not found[1]):
                raise ValueError(left[position:])
            weight = float(found[2] or 1.0) * (-1.0 if found[1] == "-" else 1.0)
            weights[found[3]] = weights.get(found[3], 0.0) + weight
            position = found.end()
        if not weights:
            raise ValueError("no coefficient")
    except ValueError as error:
        raise SpecificationError(
            f"{text!r} is not a linear restriction ({error})",
            code="bad_restriction",
            expected="e.g. 'labor + capital = 1' or '2*labor - capital'",
        ) from None
    return weights, value
