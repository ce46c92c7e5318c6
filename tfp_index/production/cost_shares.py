"""Productivity of firms as the residual of cost shares: no regression."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError
from tfp_index.kernels.linalg import clustered_meat
from tfp_index.kernels.within import level_means
from tfp_index.panel.panel import Panel
from tfp_index.panel.roles import SHARE_SUFFIX
from tfp_index.production._result import Named, ProductionResult
from tfp_index.production._rows import Used, chosen_inputs, complete_rows, dense, read_logs
from tfp_index.results.result import RowValues, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["CostShareResidual"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class CostShareResidual(Specification):
    r"""Total factor productivity with cost shares in the place of elasticities.

    .. math:: \omega_{it} = y_{it} - \sum_j \bar s_{j,c(it)} x_{jit}

    in logs, where :math:`\bar s_{jc}` is the share of input j in cost, averaged over the rows of
    cell c. A firm that minimizes cost under constant returns to scale at given input prices has
    elasticities equal to its shares; averaging takes out what is off in a single row (adjustment,
    measurement). Levels are comparable within a cell, where all rows share the same weights;
    between cells the units of the inputs matter.

    Parameters
    ----------
    output : str
        Role of output.
    inputs : tuple of str, optional
        Default: all inputs of the panel. The share of input ``x`` is the role ``x_share``; one
        input may be without, its share is then what remains to one.
    by : str, optional
        Group (an industry, say) whose rows share an average.
    over : {"all", "period"}
        Whether the average runs over all periods or each period has its own.
    average : {"mean", "median", "own"}
        ``"own"``: every row uses its own shares, and levels compare with nothing.
    tolerance : float
        Distance from one that the sum of the shares may have.

    Notes
    -----
    ``params`` are the mean shares in use, with errors clustered by entity for means and own
    shares, without errors for medians.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"firm": [1, 2], "year": [1, 1], "y": [2.0, 3.0], "l": [1.0, 1.0],
    ...          "k": [1.0, 2.0], "s": [0.5, 0.7]}
    >>> panel = tfp.Panel.from_frame(frame, entity="firm", time="year", output="y", labor="l",
    ...                              capital="k", labor_share="s", logs=True)
    >>> fit = tfp.CostShareResidual().fit(panel)
    >>> fit.productivity["productivity"]
    array([1. , 1.6])
    """

    output: str = "output"
    inputs: tuple[str, ...] | None = None
    by: str | None = None
    over: str = "all"
    average: str = "mean"
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        choose(self, "over", ("all", "period"))
        choose(self, "average", ("mean", "median", "own"))
        if self.inputs is not None:
            object.__setattr__(self, "inputs", tuple(self.inputs))
            if len(set(self.inputs)) < len(self.inputs) or not self.inputs:
                self._refuse("inputs", "inputs must be distinct role names", "one or more roles")
        if not 0 <= self.tolerance < 1:
            self._refuse("tolerance", f"tolerance={self.tolerance!r}", "0 to 1")

    def fit(self, panel: Panel) -> ProductionResult:
        """Compute the residual of every row.

        Parameters
        ----------
        panel : Panel

        Raises
        ------
        DataError
            If a role is absent, keys are missing or repeated, a log does not exist, or shares are
            not between 0 and 1 or do not sum to one.
        """
        inputs = chosen_inputs(panel, self.inputs)
        logs = read_logs(panel, (self.output, *inputs))
        given, remainder = self._roles(panel, inputs)
        shares = {role: panel[role] for role in given.values()}
        cell = np.zeros(panel.n_rows, np.int64)
        checked = {**logs, **shares}
        if self.by is not None:
            cell = panel.group(self.by).codes
            checked[self.by] = np.where(cell >= 0, 0.0, np.nan)
        used = complete_rows(panel, checked)
        own = self._own(panel, used, inputs, given, remainder)
        if self.over == "period":
            span = int(panel.time.max() - panel.time.min()) + 1
            cell = cell * span + (panel.time - panel.time.min())
        code, cells = dense(cell[used.rows])
        s = self._averaged(own, code, cells)
        x = np.stack([logs[name][used.rows] for name in inputs], axis=1)
        omega = logs[self.output][used.rows] - np.einsum("ij,ij->i", s, x)
        means = Named(inputs, s.mean(axis=0))
        firm, firms = dense(panel.entity_codes[used.rows])
        V = np.full((len(inputs), len(inputs)), np.nan)
        if self.average != "median":
            n = used.rows.size
            V = clustered_meat((own - own.mean(axis=0)) / n, np.ones(n), firm, firms)
        return ProductionResult(
            spec=self,
            record=record_of(self, panel, used.sample(panel)),
            keys=panel.keys,
            params=means,
            cov_params=V,
            productivity=RowValues(
                panel.keys, {"productivity": used.spread(omega)}, "Log total factor productivity"
            ),
            elasticities_by_row=RowValues(
                panel.keys,
                {name: used.spread(s[:, j]) for j, name in enumerate(inputs)},
                "Shares in use",
            ),
            inputs=inputs,
            elasticity_mean=means,
            elasticity_cov=V,
            details={"entities": firms, "cells": cells},
        )

    def _roles(self, panel: Panel, inputs: tuple[str, ...]) -> tuple[dict[str, str], str | None]:
        """Share role of each input, and the input whose share is the remainder."""
        given = {x: f"{x}{SHARE_SUFFIX}" for x in inputs if f"{x}{SHARE_SUFFIX}" in panel}
        missing = [x for x in inputs if x not in given]
        if len(missing) > 1:
            raise DataError(
                f"there is no share of {' and of '.join(missing)}",
                code="missing_role",
                column=f"{missing[0]}{SHARE_SUFFIX}",
                expected="a share for every input but one, whose share is what remains to one",
                remedy=f"columns={{'{missing[0]}{SHARE_SUFFIX}': column}} in Panel.from_frame",
            )
        return given, missing[0] if missing else None

    def _own(
        self,
        panel: Panel,
        used: Used,
        inputs: tuple[str, ...],
        given: dict[str, str],
        remainder: str | None,
    ) -> Floats:
        """(m, inputs) shares of each row."""
        columns = {x: panel[role][used.rows] for x, role in given.items()}
        for x, values in columns.items():
            _refuse(panel, used, given[x], values, (values < 0) | (values > 1), "between 0 and 1")
        total = np.sum(list(columns.values()), axis=0) if columns else np.zeros(used.rows.size)
        role = given[next(iter(given))] if given else f"{inputs[0]}{SHARE_SUFFIX}"
        if remainder is None:
            off = np.abs(total - 1) > self.tolerance
            _refuse(panel, used, role, total, off, "shares that sum to one in every row")
        else:
            off = total > 1 + self.tolerance
            _refuse(panel, used, role, total, off, "shares that sum to one at most")
            columns[remainder] = 1.0 - total
        return np.stack([columns[x] for x in inputs], axis=1)

    def _averaged(self, own: Floats, code: Ints, cells: int) -> Floats:
        if self.average == "own":
            return own
        if self.average == "mean":
            return level_means(own, code, cells)[code]
        order = np.argsort(code, kind="stable")
        edges = np.searchsorted(code[order], np.arange(cells + 1))
        medians = np.stack([np.median(own[order[a:b]], axis=0) for a, b in pairwise(edges)])
        # medians of shares that sum to one need not do so themselves
        return np.asarray((medians / medians.sum(axis=1, keepdims=True))[code])


def _refuse(
    panel: Panel,
    used: Used,
    role: str,
    values: Floats,
    bad: NDArray[np.bool_],
    expected: str,
) -> None:
    if not bad.any():
        return
    row = int(np.flatnonzero(bad)[0])
    entity, time = panel.where(int(used.rows[row]))
    raise DataError(
        f"a share or sum of shares is {values[row]:.6g} in {int(bad.sum())} row(s), first here",
        code="bad_share",
        column=panel.names.get(role, role),
        entity=entity,
        time=time,
        expected=expected,
    )
