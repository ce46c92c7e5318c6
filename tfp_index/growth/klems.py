"""KLEMS accounts: growth accounting by industry, and aggregation to sectors, provinces, nations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import DataError, nearest
from tfp_index.growth._klems_data import IndustryYears, read_industries
from tfp_index.growth._klems_nodes import Accounts, NodeOptions, aggregate_nodes
from tfp_index.growth.klems_result import INVALID, OK, WHY, KlemsResult
from tfp_index.kernels.klems import industry_accounts, timed, value_added_accounts
from tfp_index.panel.checks import refuse_mixed_bases, require_keys
from tfp_index.panel.panel import Panel
from tfp_index.results.result import Sample, record_of
from tfp_index.results.specification import Specification, choose

__all__ = ["KlemsAccounts"]

Floats = NDArray[np.float64]

_INTERMEDIATE = ("materials", "energy", "services")


@dataclass(frozen=True, repr=False)
class KlemsAccounts(Specification):
    r"""Account for growth industry by industry, and add the industries up.

    For gross output Y, inputs X with shares v in the value of gross output, and M the
    intermediate inputs (two-period means with a bar):

    .. math::

        \Delta\ln A^Y &= \Delta\ln Y - \sum_j \bar v_j \Delta\ln X_j \\
        \Delta\ln V &= (\Delta\ln Y - \textstyle\sum_{j\in M}\bar v_j\Delta\ln X_j)/\bar v_V \\
        \Delta\ln A^V &= \Delta\ln V - \sum_{j\notin M}\bar v^V_j \Delta\ln X_j

    and for the industries i of a node, with w the shares in value added and D = Y_i / Σ V in
    current prices,

    .. math::

        \Delta\ln V = \sum_i \bar w_i \Delta\ln V_i ,\qquad
        \Delta\ln A = \sum_i \bar D_i \Delta\ln A^Y_i + \sum_j \rho_j + \text{approximation},

    where Δln A is the residual of the aggregate production function and ρ_j the reallocation of
    input j towards industries that pay it more.

    **Data.** A row per industry and year: the industry is the panel's entity, or its item where
    the entity is a province or country. Beside each quantity (``output``, ``capital``, ``labor``,
    ``materials``, …) stands its value in current prices, ``output_value``, ``capital_value`` and
    so on, or its price (``capital_price``), or for inputs the share in the value of output
    (``capital_share``). One input may be left without: it gets what remains of output.

    Parameters
    ----------
    output : {"gross", "value_added"}
        Gross output (role ``output``), or value added that is already deflated (role
        ``value_added``, with ``value_added_value``).
    aggregate : {"domar", "value_added", "direct"}, optional
        Which residual of a node is its ``tfp_growth``: Domar-weighted gross-output residuals
        (default for gross output), value-added residuals weighted by value added (default
        otherwise), or the residual of the aggregate production function.
    aggregate_inputs : {"sum", "total"}, optional
        Inputs of the aggregate production function, which reallocation and the direct residual
        need: the sum of the industries' quantities (right for hours, persons and stocks in one
        unit, wrong for index numbers), or those of the row named by `total`.
    total : label, optional
        Industry label of rows that hold a total. They are left out of the sums.
    tree : tuple of str, optional
        Levels between the industries and the total, finest first: groupings of the panel, or
        ``"entity"`` where industries are items (the default there).
    inputs : tuple of str, optional
        Roles of the inputs; default: all inputs of the panel.
    intermediate : tuple of str
        Which of them are intermediate.
    groups : mapping of name to tuple of inputs, optional
        Contributions to be summed, e.g. ``{"ict": ("computers", "software")}``.
    composition : mapping of input to role, optional
        Plain quantities behind input services, e.g. ``{"labor": "hours"}``: the contribution is
        split into that of the quantity and that of composition (services per unit).
    share_timing : {"average", "current", "lagged"}
        Periods at which shares and weights are read; the mean of both is Törnqvist.
    domar_weights : {"mean", "ratio"}
        D̄_i as the timed Y_i / ΣV, or w̄_i / v̄_Vi, with which the approximation is exactly zero.
    incomplete : {"missing", "matched"}
        A node in which an industry has no account in a period is missing, or made of those that
        have one, with their coverage of value added in the result.
    invalid : {"error", "missing"}
        Quantities not above zero (of an input that has a value) and negative values: stop, or
        count them as missing.

    Raises
    ------
    SpecificationError
        If options are unknown or contradict each other.

    References
    ----------
    Domar, E. D. (1961). On the measurement of technological change. *Economic Journal* 71.
    Jorgenson, D. W., F. M. Gollop and B. M. Fraumeni (1987). *Productivity and U.S. Economic
    Growth*. Harvard University Press.

    Examples
    --------
    >>> import tfp_index as tfp
    >>> frame = {"industry": ["A", "A", "B", "B"], "year": [1, 2, 1, 2],
    ...          "go": [100.0, 104.0, 50.0, 53.0], "go_value": [100.0, 106.0, 50.0, 52.0],
    ...          "ii": [60.0, 61.0, 20.0, 21.0], "ii_value": [60.0, 63.0, 20.0, 21.0],
    ...          "k": [200.0, 204.0, 80.0, 84.0], "h": [10.0, 10.1, 8.0, 8.2],
    ...          "wages": [25.0, 26.0, 20.0, 21.0]}
    >>> industries = tfp.Panel.from_frame(frame, entity="industry", time="year", output="go",
    ...     materials="ii", capital="k", labor="h", columns={"output_value": "go_value",
    ...     "materials_value": "ii_value", "labor_value": "wages"})
    >>> accounts = tfp.KlemsAccounts(output="gross", aggregate="domar").fit(industries)
    >>> accounts["tfp_growth"].round(4).tolist()  # log changes, by industry
    [nan, 0.0238, nan, 0.0192]
    >>> accounts.aggregates("total")["tfp_growth"].round(4).tolist()
    [nan, 0.0476]
    """

    output: str = "gross"
    aggregate: str | None = None
    aggregate_inputs: str | None = None
    total: Any = None
    tree: tuple[str, ...] | None = None
    inputs: tuple[str, ...] | None = None
    intermediate: tuple[str, ...] = _INTERMEDIATE
    groups: Any = field(default=None, hash=False)
    composition: Any = field(default=None, hash=False)
    share_timing: str = "average"
    domar_weights: str = "mean"
    incomplete: str = "missing"
    invalid: str = "error"

    def __post_init__(self) -> None:
        choose(self, "output", ("gross", "value_added"))
        if self.aggregate is None:
            natural = "domar" if self.output == "gross" else "value_added"
            object.__setattr__(self, "aggregate", natural)
        choose(self, "aggregate", ("domar", "value_added", "direct"))
        choose(self, "aggregate_inputs", (None, "sum", "total"))
        choose(self, "share_timing", ("average", "current", "lagged"))
        choose(self, "domar_weights", ("mean", "ratio"))
        choose(self, "incomplete", ("missing", "matched"))
        choose(self, "invalid", ("error", "missing"))
        for option in ("tree", "inputs", "intermediate"):
            names = getattr(self, option)
            if names is not None:
                if isinstance(names, str) or len(set(names)) < len(tuple(names)):
                    self._refuse(option, f"{option} must be distinct names", "a tuple of names")
                object.__setattr__(self, option, tuple(names))
        self._read_mappings()
        if self.output == "value_added" and self.aggregate == "domar":
            self._refuse(
                "aggregate",
                "Domar weights belong to residuals of gross output",
                "'value_added' or 'direct' with output='value_added'",
            )
        if self.aggregate == "direct" and self.aggregate_inputs is None:
            self._refuse(
                "aggregate_inputs",
                "the aggregate production function needs inputs",
                "'sum' (hours, stocks in one unit) or 'total'",
            )
        if self.aggregate_inputs == "total" and self.total is None:
            self._refuse(
                "total", "aggregate_inputs='total' needs the label of the total", "a label"
            )

    def _read_mappings(self) -> None:
        """Bring groups and composition into plain form, and refuse what is not."""
        if self.groups is not None:
            groups = {}
            for name, members in dict(self.groups).items():
                if isinstance(members, str) or not tuple(members):
                    self._refuse("groups", f"groups[{name!r}] must name inputs", "a tuple of roles")
                groups[str(name)] = tuple(members)
            object.__setattr__(self, "groups", groups)
        if self.composition is not None:
            object.__setattr__(
                self, "composition", {str(k): str(v) for k, v in dict(self.composition).items()}
            )

    def fit(self, panel: Panel) -> KlemsResult:
        """Compute the accounts of every industry and node.

        Parameters
        ----------
        panel : Panel
            With industries as entities or items.

        Returns
        -------
        KlemsResult

        Raises
        ------
        DataError
            If keys are repeated, a role, value, grouping or the total is absent, or a quantity or
            value cannot be used.
        """
        require_keys(panel)
        refuse_mixed_bases(panel)
        inputs = self.inputs if self.inputs is not None else panel.inputs
        if not inputs:
            panel["capital"]  # says which role is missing and which are there
        self._refuse_strange_inputs(inputs)
        # figures beyond what floats can divide end as missing accounts, not as warnings
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._fit(panel, inputs)

    def _fit(self, panel: Panel, inputs: tuple[str, ...]) -> KlemsResult:
        data = read_industries(
            panel,
            gross=self.output == "gross",
            inputs=inputs,
            intermediate=self.intermediate,
            plain=tuple((self.composition or {}).values()),
            total=self.total,
            invalid=self.invalid,
        )
        accounts = self._accounts(data)
        data.status[data.now[~np.isfinite(accounts.tfp_growth)]] = INVALID
        assert self.aggregate is not None
        nodes, weights = aggregate_nodes(
            panel,
            data,
            accounts,
            self._tree(panel),
            NodeOptions(
                aggregate=self.aggregate,
                inputs=self.aggregate_inputs,
                timing=self.share_timing,
                ratio=self.domar_weights == "ratio",
                matched=self.incomplete == "matched",
                groups=self.groups or {},
            ),
        )
        columns = self._columns(data, accounts)
        residual = accounts.tfp_growth if self.aggregate == "domar" else accounts.value_added_tfp
        columns["weight"] = data.spread(weights)
        columns["tfp_contribution"] = data.spread(weights * residual)
        return KlemsResult(
            spec=self,
            record=record_of(self, panel, _sample(panel, data)),
            keys=panel.keys,
            primary=data.primary,
            columns=columns,
            nodes=nodes,
            status=data.status,
            time_name=panel.keys.names["time"],
        )

    def _refuse_strange_inputs(self, inputs: tuple[str, ...]) -> None:
        """Refuse groups and compositions of inputs that are not there."""
        named = [(f"groups[{k!r}]", m) for k, ms in (self.groups or {}).items() for m in ms]
        named += [("composition", name) for name in self.composition or {}]
        for option, name in named:
            if name not in inputs:
                raise DataError(
                    f"{option} names {name!r}, which is not an input",
                    code="missing_role",
                    column=name,
                    remedy=nearest(name, inputs),
                )
        if self.output == "value_added":
            strange = [name for name in inputs if name in self.intermediate]
            if strange:
                raise DataError(
                    f"{strange[0]} is an intermediate input, and value added has none",
                    code="unexpected_input",
                    column=strange[0],
                    remedy="output='gross', or name the primary inputs: inputs=('capital', "
                    "'labor')",
                )

    def _tree(self, panel: Panel) -> tuple[str, ...]:
        if self.tree is not None:
            return self.tree
        return () if panel.item is None else ("entity",)

    def _accounts(self, data: IndustryYears) -> Accounts:
        primary = ~data.intermediate
        values = data.input_value[:, primary]
        shares = values / np.where(data.value_added > 0, data.value_added, np.nan)[:, None]
        if self.output == "gross":
            in_output = data.input_value / data.output_value[:, None]
            gross = industry_accounts(
                data.output_growth,
                data.input_growth,
                in_output[0],
                in_output[1],
                data.intermediate,
                self.share_timing,
            )
            value_added_growth = gross.value_added_growth
        else:
            value_added_growth = data.output_growth
        contributions, residual = value_added_accounts(
            value_added_growth,
            data.input_growth[primary],
            shares[0],
            shares[1],
            self.share_timing,
        )
        if self.output == "gross":
            return Accounts(
                contributions=gross.contributions,
                tfp_growth=gross.tfp_growth,
                value_added_share=gross.value_added_share,
                value_added_growth=value_added_growth,
                value_added_contributions=contributions,
                value_added_tfp=residual,
            )
        return Accounts(
            contributions=contributions,
            tfp_growth=residual,
            value_added_share=np.ones_like(residual),
            value_added_growth=value_added_growth,
            value_added_contributions=contributions,
            value_added_tfp=residual,
        )

    def _columns(self, data: IndustryYears, accounts: Accounts) -> dict[str, Floats]:
        """Return the industries' accounts by panel row."""
        by_input = dict(zip(data.inputs, accounts.contributions, strict=True))
        columns = {"output_growth": data.output_growth}
        columns |= {f"{name}_contribution": c for name, c in by_input.items()}
        for name, members in (self.groups or {}).items():
            columns[f"{name}_contribution"] = np.sum([by_input[m] for m in members], axis=0)
        for name, role in (self.composition or {}).items():
            j = data.inputs.index(name)
            before, now = (data.input_value[t, j] / data.output_value[t] for t in (0, 1))
            share = timed(before, now, self.share_timing)
            columns[f"{name}_quantity_contribution"] = share * data.plain_growth[role]
            columns[f"{name}_composition_contribution"] = by_input[name] - (
                share * data.plain_growth[role]
            )
        columns["tfp_growth"] = accounts.tfp_growth
        if self.output == "gross":
            columns["value_added_share"] = accounts.value_added_share
            columns["value_added_growth"] = accounts.value_added_growth
            for name, c in zip(data.primary, accounts.value_added_contributions, strict=True):
                columns[f"{name}_value_added_contribution"] = c
            columns["value_added_tfp_growth"] = accounts.value_added_tfp
        return {name: data.spread(values) for name, values in columns.items()}


def _sample(panel: Panel, data: IndustryYears) -> Sample:
    counts = np.bincount(data.status, minlength=len(WHY))
    return Sample(
        rows=panel.keys.frame_rows,
        used=int(counts[OK]),
        lost={text: int(counts[code]) for code, text in WHY.items() if code != OK},
    )
