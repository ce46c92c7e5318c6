"""What a two-stage estimate gives reason to say, with figures and a remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.errors import (
    ConvergenceWarning,
    DataWarning,
    IdentificationWarning,
    TFPWarning,
)
from tfp_index.kernels.law_of_motion import moments
from tfp_index.kernels.resampling import Draws
from tfp_index.production._two_stage_fit import Problem, Solution, coefficients

__all__ = ["Notice", "gathered", "lost_rows", "of_draws", "of_solution", "several_roots"]

Floats = NDArray[np.float64]

DEPENDENT = 0.95
"""R² of a free input on state and proxy above which little is left to identify it."""

FAR_FROM_ONE = 0.4
"""Returns to scale further than this from one are worth a second look."""

LOST_PROXY = 0.1
"""Share of rows without a usable proxy that is worth saying."""

HEAVY = 2.0
"""Standard deviation over that from the quartiles above which a few draws dominate."""

FEW_DRAWS = 50
"""Repetitions below which quartiles say little."""

FAILED_DRAWS = 0.05
"""Share of bootstrap repetitions without a solution that is worth saying."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A named warning.

    Attributes
    ----------
    code : str
    category : type of warning
    text : str
    """

    code: str
    category: type[TFPWarning]
    text: str


def lost_rows(
    names: Mapping[str, str], reasons: Mapping[str, int], rows: int, proxies: Sequence[str]
) -> list[Notice]:
    """Say when a proxy is missing or has no log in many rows.

    Parameters
    ----------
    names : mapping of role to str
        The caller's names of the roles.
    reasons : mapping of reason to rows lost
    rows : int
    proxies : sequence of str
    """
    found = []
    for role in proxies:
        name = names.get(role, role)
        lost = {k: v for k, v in reasons.items() if k.startswith(f"{name} ")}
        share = sum(lost.values()) / max(rows, 1)
        if share > LOST_PROXY:
            found.append(
                Notice(
                    "proxy_lost",
                    DataWarning,
                    f"the proxy {name} cannot be used in {sum(lost.values())} of {rows} "
                    f"rows ({100 * share:.0f} %; {', '.join(f'{v} {k}' for k, v in lost.items())})"
                    ": the estimate speaks for the other firms only. A proxy that most firms use "
                    "every period (materials, energy) loses fewer rows",
                )
            )
    return found


def of_solution(
    problem: Problem,
    solution: Solution,
    inputs: Sequence[str],
    linear: Sequence[str],
    dropped: Sequence[str],
) -> list[Notice]:
    """Say what is doubtful about a solution.

    Parameters
    ----------
    problem, solution
    inputs : sequence of str
        Roles whose terms are subtracted from ``φ̂``.
    linear : sequence of str
        Free inputs whose coefficients stage 1 gives.
    dropped : sequence of str
        Variables left out of the polynomial.
    """
    found = []
    if dropped:
        found.append(
            Notice(
                "collinear_proxy",
                DataWarning,
                f"{', '.join(dropped)} left out of the first stage: a combination of the other "
                "variables there",
            )
        )
    found += _dependence(solution, linear)
    index = solution.choice.index
    if problem.definition == "moments":
        found += _of_roots(problem, solution, inputs)
    else:
        found += _of_minima(problem, solution, inputs)
    if solution.on_bound:
        at = coefficients(problem, solution.found.points[[index]])[0]
        found.append(
            Notice(
                "on_bound",
                ConvergenceWarning,
                f"the solution lies on the edge of bounds={problem.bounds} "
                f"({_show(inputs, at)}): a bound is not an estimate. Widen bounds=, or look at "
                "result.roots for the solutions outside",
            )
        )
    return found


def _show(inputs: Sequence[str], values: Floats) -> str:
    pairs = zip(inputs, values[: len(inputs)].tolist(), strict=True)
    return ", ".join(f"{name} {value:.4g}" for name, value in pairs)


def _dependence(solution: Solution, linear: Sequence[str]) -> list[Notice]:
    found = []
    for j, role in enumerate(linear):
        share = float(solution.first.dependence[j])
        if share > DEPENDENT:
            found.append(
                Notice(
                    "functional_dependence",
                    IdentificationWarning,
                    f"{role} is nearly a function of state and proxy: R² {share:.4f}, and only a "
                    f"standard deviation of {solution.first.spread[j]:.3g} is left to identify "
                    "its coefficient, whatever its standard error says. AckerbergCavesFrazer does "
                    "not need this variation",
                )
            )
    return found


def _of_roots(problem: Problem, solution: Solution, inputs: Sequence[str]) -> list[Notice]:
    index, v = solution.choice.index, problem.origin.size
    elasticities = coefficients(problem, solution.found.points)[:, :v]
    own = elasticities[index]
    if not solution.is_root[index]:
        return [_no_root(problem, solution, inputs, own)]
    found = []
    admissible_roots = solution.is_root & solution.admissible
    if not solution.admissible[index]:
        limits = "negative elasticities" if problem.bounds is None else "elasticities out of bounds"
        found.append(
            Notice(
                "no_admissible_root" if not admissible_roots.any() else "inadmissible_root",
                IdentificationWarning,
                f"the {'chosen root has' if admissible_roots.any() else 'roots all have'} {limits} "
                f"({_show(inputs, own)}). The moments do not identify this production function "
                "here: check the timing assumed for the inputs and the proxy",
            )
        )
    rivals = solution.choice.rivals
    if rivals:
        listed = "; ".join(
            f"{_show(inputs, elasticities[i])} (persistence {solution.persistence[i]:.3f})"
            for i in (index, *rivals)
        )
        found.append(
            Notice(
                "several_roots",
                IdentificationWarning,
                f"{several_roots(len(rivals) + 1, bool(solution.admissible[index]))}: {listed}. "
                "The data do not choose between them; root= does",
            )
        )
    total = own.sum()
    if solution.admissible[index] and abs(total - 1.0) > FAR_FROM_ONE:
        others = int(solution.is_root.sum()) - 1
        found.append(
            Notice(
                "returns_to_scale",
                IdentificationWarning,
                f"an exact root with returns to scale {total:.3f} ({_show(inputs, own)}; "
                f"{others} other root(s), {int((~solution.is_root).sum())} stationary point(s) "
                "that are none): the instruments may be weak in these data. Compare with least "
                "squares and with other degrees before using it",
            )
        )
    return found


def several_roots(count: int, admissible: bool) -> str:
    """Say how roots that the data do not tell apart are alike.

    Examples
    --------
    >>> several_roots(2, False)
    '2 roots are alike in the persistence of productivity, none of them admissible'
    """
    if admissible:
        return f"{count} roots are admissible and alike in the persistence of productivity"
    return f"{count} roots are alike in the persistence of productivity, none of them admissible"


def _no_root(problem: Problem, solution: Solution, inputs: Sequence[str], own: Floats) -> Notice:
    g, _, variance = moments(solution.second, problem.design, solution.delta[None])
    z = problem.design.instruments
    correlations = g[0] / np.sqrt(np.diagonal(solution.second.gram)[z] * variance[0])
    worst = int(np.abs(correlations).argmax())
    place = f"{worst + 1} of {z.size}"
    if worst < own.size:
        place = f"{inputs[worst]} (its instrument)"
    return Notice(
        "not_a_root",
        ConvergenceWarning,
        f"this point is no solution ({_show(inputs, own)}): with as many moments as coefficients "
        "all of them should be zero, but instruments and innovations are correlated by "
        f"{solution.correlation[solution.choice.index]:.3g} ({correlations[worst]:.3g} at moment "
        f"{place}). No standard errors are given. Look at result.roots; try another basis_degree, "
        "law_degree, proxy, or root=None",
    )


def _of_minima(problem: Problem, solution: Solution, inputs: Sequence[str]) -> list[Notice]:
    index, v = solution.choice.index, problem.origin.size
    elasticities = coefficients(problem, solution.found.points)[:, :v]
    found = []
    if not solution.is_root[index]:
        found.append(
            Notice(
                "not_a_minimum",
                ConvergenceWarning,
                f"the search ended at no minimum ({_show(inputs, elasticities[index])}). Try other "
                "degrees or a wider search=",
            )
        )
    low, high = problem.search
    if (elasticities[index] < low).any() or (elasticities[index] > high).any():
        found.append(
            Notice(
                "outside_search",
                ConvergenceWarning,
                f"the lowest minimum lies outside the region of starts {problem.search} "
                f"({_show(inputs, elasticities[index])}): others may lie there too. Widen search=",
            )
        )
    if solution.choice.rivals:
        listed = "; ".join(
            f"{_show(inputs, elasticities[i])} (objective {solution.found.values[i]:.6g})"
            for i in (index, *solution.choice.rivals)
        )
        found.append(
            Notice(
                "several_minima",
                IdentificationWarning,
                f"the sum of squares has {len(solution.choice.rivals) + 1} minima: {listed}. The "
                "lowest is the estimate",
            )
        )
    return found


def of_draws(draws: Draws, names: Sequence[str]) -> list[Notice]:
    """Say when many repetitions have no solution, or a few far ones make the standard error."""
    found = []
    reps, failures = draws.values.shape[0], len(draws.failures)
    if failures > FAILED_DRAWS * reps:
        found.append(
            Notice(
                "failed_draws",
                IdentificationWarning,
                f"{failures} of {reps} bootstrap repetitions have no solution "
                f"({draws.failures[0][1]}) and are left out of the standard errors, which are too "
                "small for it",
            )
        )
    values = draws.complete
    spread = values.std(axis=0, ddof=1)
    middle = (np.quantile(values, 0.75, axis=0) - np.quantile(values, 0.25, axis=0)) / 1.349
    far = np.flatnonzero(spread > HEAVY * middle) if len(values) >= FEW_DRAWS else np.zeros(0, int)
    if far.size:
        j = int(far[np.argmax(spread[far] / np.maximum(middle[far], 1e-300))])
        found.append(
            Notice(
                "heavy_tails",
                IdentificationWarning,
                f"a few far repetitions make the bootstrap error of {names[j]}: standard deviation "
                f"{spread[j]:.3g}, but {middle[j]:.3g} from the quartiles. Some repetitions end at "
                "other roots: the estimate is weakly identified. result.draws has all of them",
            )
        )
    return found


def gathered(
    said: Sequence[tuple[Any, Notice]],
    groups: int,
    failed: Sequence[tuple[Any, int, int, str, str]],
) -> list[Notice]:
    """Say once what holds in several groups."""
    found = [notice for label, notice in said if label is None]
    codes = dict.fromkeys(notice.code for label, notice in said if label is not None)
    for code in codes:
        at = [(label, n) for label, n in said if label is not None and n.code == code]
        found.append(
            Notice(
                code,
                at[0][1].category,
                f"{code} in {len(at)} of {groups} groups, first {at[0][0]!r}: {at[0][1].text}",
            )
        )
    if failed:
        label, rows, firms, _, reason = failed[0]
        found.append(
            Notice(
                "failed_groups",
                DataWarning,
                f"{len(failed)} of {groups} groups have no estimate (result.failed), first "
                f"{label!r} with {rows} rows of {firms} firms: {reason}",
            )
        )
    return found
