"""The Technology Achievement Index of the OECD/JRC Handbook: 23 countries, 8 indicators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tfp_index.composite.index import CompositeIndex
from tfp_index.composite.weights import factor_loadings, principal_components
from tfp_index.kernels.normalize import column_moments, column_range, linear_scores, rank_units
from tfp_index.kernels.scoring import (
    condorcet_wins,
    copeland,
    cronbach,
    kemeny,
    outranking,
    pairwise_covariance,
    penalized_mean,
    power_mean,
    preferences,
)
from tfp_index.kernels.weights import benefit_of_doubt, pairwise_weights

PRINTED_12 = 1e-10  # the reference document prints twelve significant digits
BOD_PUBLISHED = 0.007  # the Handbook prints two decimals of scores from unrounded data
LOADINGS_PUBLISHED = 0.02  # two decimals, from unrounded data

# Handbook (2008), table of pairwise comparisons of the eight indicators
COMPARISONS = np.array(
    [
        [1, 2, 3, 2, 5, 5, 1, 3],
        [1 / 2, 1, 2, 1 / 2, 4, 4, 1 / 2, 3],
        [1 / 3, 1 / 2, 1, 1 / 4, 2, 2, 1 / 5, 1 / 2],
        [1 / 2, 2, 4, 1, 4, 4, 1 / 2, 3],
        [1 / 5, 1 / 4, 1 / 2, 1 / 4, 1, 1, 1 / 5, 1 / 2],
        [1 / 5, 1 / 4, 1 / 2, 1 / 4, 1, 1, 1 / 5, 1 / 2],
        [1, 2, 5, 2, 5, 5, 1, 4],
        [1 / 3, 1 / 3, 2, 1 / 3, 2, 2, 1 / 4, 1],
    ]
)


@pytest.fixture(scope="module")
def tai(reference: Callable[[str], Any]) -> Any:
    return reference("aggregation")["composite_tai"]


@pytest.fixture(scope="module")
def data(tai: Any) -> np.ndarray:
    order = tai["published"]["weight_order"]
    return np.column_stack([np.array(tai["inputs"][name], float) for name in order])


def by_goalposts(tai: Any, data: np.ndarray) -> np.ndarray:
    posts = np.array([tai["computed"]["goalposts"][n] for n in tai["published"]["weight_order"]])
    return linear_scores(data, posts[:, 0], posts[:, 1], clip=True)


@pytest.mark.parametrize("scheme", ["EW", "BAP"])
def test_published_rankings(tai: Any, data: np.ndarray, scheme: str) -> None:
    weights = np.array(tai["published"]["weights"][scheme])
    ranks = rank_units(power_mean(by_goalposts(tai, data), weights))
    published = dict(
        zip(tai["published"]["ranks"]["order"], tai["published"]["ranks"][scheme], strict=True)
    )
    assert [published[c] for c in tai["inputs"]["country"]] == ranks.tolist()


def test_goalpost_scores(tai: Any, data: np.ndarray) -> None:
    scores = power_mean(by_goalposts(tai, data), np.ones(8))
    expected = [tai["computed"]["tai_from_goalposts"][c] for c in tai["inputs"]["country"]]
    np.testing.assert_allclose(scores, expected, rtol=PRINTED_12)


def test_sample_min_max_gives_other_ranks(tai: Any, data: np.ndarray) -> None:
    # the trap: the published ranks need the goalposts, not the extremes of the 23 countries
    ranks = rank_units(power_mean(linear_scores(data, *column_range(data)), np.ones(8)))
    assert ranks.tolist() != tai["published"]["ranks"]["EW"]


def test_eigenvalues(tai: Any, data: np.ndarray) -> None:
    correlation = np.corrcoef(data, rowvar=False)
    values = np.sort(np.linalg.eigvalsh(correlation))[::-1]
    np.testing.assert_allclose(values, tai["computed"]["eigenvalues"], rtol=PRINTED_12)
    np.testing.assert_allclose(values, tai["published"]["eigenvalues"], atol=0.06)


def test_cronbach(tai: Any, data: np.ndarray) -> None:
    expected = tai["computed"]["cronbach_alpha_standardised"]
    assert cronbach(data, standardized=True) == pytest.approx(expected, rel=PRINTED_12)


def test_pairwise_covariance_is_the_covariance_without_gaps(data: np.ndarray) -> None:
    np.testing.assert_allclose(
        pairwise_covariance(data), np.cov(data, rowvar=False), rtol=1e-12, atol=1e-9
    )


def test_benefit_of_the_doubt(tai: Any, data: np.ndarray) -> None:
    z = linear_scores(data, *column_range(data))
    bounded = benefit_of_doubt(z, low=np.full(8, 0.10), high=np.full(8, 0.15))
    countries = tai["inputs"]["country"]
    published = [tai["published"]["bod_scores"][c] for c in countries]
    np.testing.assert_allclose(bounded.scores, published, rtol=0, atol=BOD_PUBLISHED)
    computed = [tai["computed"]["bod_10_15"][c] for c in countries]
    np.testing.assert_allclose(bounded.scores, computed, rtol=1e-9)
    shares = bounded.weights / bounded.weights.sum(axis=1, keepdims=True)
    assert shares.min() > 0.10 - 1e-9
    assert shares.max() < 0.15 + 1e-9
    free = benefit_of_doubt(z)
    unrestricted = [tai["computed"]["bod_unrestricted"][c] for c in countries]
    np.testing.assert_allclose(free.scores, unrestricted, rtol=1e-9)


def test_analytic_hierarchy(tai: Any) -> None:
    answer = pairwise_weights(COMPARISONS)
    expected = tai["computed"]["ahp_single_matrix"]
    np.testing.assert_allclose(answer.weights, expected["weights"], rtol=PRINTED_12)
    assert answer.largest_eigenvalue == pytest.approx(expected["lambda_max"], rel=PRINTED_12)
    assert answer.consistency_index == pytest.approx(expected["CI"], rel=1e-9)
    assert answer.consistency_ratio == pytest.approx(0.0214, abs=5e-5)  # note, section 5.4


def test_outranking_and_kemeny(tai: Any, data: np.ndarray) -> None:
    example = tai["published"]["outranking_5"]
    rows = [tai["inputs"]["country"].index(c) for c in example["order"]]
    five = data[rows].copy()
    for name, values in example["values_3_decimals"].items():
        five[:, tai["published"]["weight_order"].index(name)] = values
    matrix = outranking(five, np.ones(8))
    np.testing.assert_allclose(matrix, example["matrix"], rtol=0, atol=1e-12)
    best, orders = kemeny(matrix)
    assert best == pytest.approx(example["kemeny_best_score"], rel=1e-12)
    winners = {tuple(example["order"][i] for i in order) for order in orders}
    assert winners == {tuple(order) for order in example["kemeny_winners"]}


def test_borda_and_condorcet_toy(tai: Any) -> None:
    example = tai["published"]["borda_example"]
    votes = np.array([count for count, _ in example["profile"]], float)
    orders = np.array([["abcd".index(c) for c in order] for _, order in example["profile"]])
    matrix = preferences(orders, votes)
    assert dict(zip("abcd", matrix.sum(axis=1), strict=True)) == example["borda"]
    ranking = [str(c) for c in np.array(list("abcd"))[np.argsort(-copeland(matrix))]]
    assert ">".join(ranking) == example["condorcet_ranking"]
    assert (np.abs(condorcet_wins(matrix)) == 1 - np.eye(4)).all()
    _, best = kemeny(matrix)
    assert best == [tuple("abcd".index(c) for c in ranking)]


def test_compensation_toy(tai: Any) -> None:
    example = tai["published"]["geometric_example"]
    scores = np.array([example["scores"]], float)
    weights = np.ones(4)
    assert power_mean(scores, weights)[0] == example["arithmetic"]
    assert round(float(power_mean(scores, weights, 0.0)[0]), 2) == example["geometric"]


def test_penalized_mean_is_that_of_compind(
    reference: Callable[[str], Any], data: np.ndarray
) -> None:
    expected = reference("aggregation")["composite_tai"]["mpi_compind"]
    mean, deviation = column_moments(data)
    z = linear_scores(data, mean, mean + deviation, lower=100.0, upper=110.0)
    np.testing.assert_allclose(
        penalized_mean(z, np.ones(8)), expected["mpi_minus"], rtol=PRINTED_12
    )
    np.testing.assert_allclose(
        penalized_mean(z, np.ones(8), sign=1.0), expected["mpi_plus"], rtol=PRINTED_12
    )


def engine(tai: Any, data: np.ndarray, **options: Any) -> Any:
    codes = tai["published"]["weight_order"]
    rows = [
        {"code": code, "parent": "tai", "goalposts": tuple(tai["computed"]["goalposts"][code])}
        for code in codes
    ]
    frame = {"country": tai["inputs"]["country"], **dict(zip(codes, data.T, strict=True))}
    spec = CompositeIndex(structure=[*rows, {"code": "tai"}], **options)
    return spec.fit(frame, unit="country")


def test_the_whole_index_by_the_engine(tai: Any, data: np.ndarray) -> None:
    budget = tai["published"]["weights"]["BAP"]
    for options, published in (
        ({"weights": "equal"}, "EW"),
        ({"weights": "budget", "judgments": {"tai": [budget]}}, "BAP"),
    ):
        result = engine(tai, data, normalize="goalposts", scale=(0, 1), **options)
        frame = result.to_frame()
        order = tai["published"]["ranks"]["order"]
        expected = dict(zip(order, tai["published"]["ranks"][published], strict=True))
        assert [expected[c] for c in frame["country"]] == frame["rank"].tolist()


def test_factor_weights_and_loadings(tai: Any, data: np.ndarray) -> None:
    codes = tai["published"]["weight_order"]
    loadings = factor_loadings(data)
    published = np.array([tai["published"]["varimax_loadings"][code] for code in codes])
    np.testing.assert_allclose(loadings, published, rtol=0, atol=LOADINGS_PUBLISHED)
    explained = (loadings**2).sum(axis=0)
    np.testing.assert_allclose(explained, tai["published"]["explained_variance"], atol=0.03)
    weights = engine(tai, data, normalize="zscore", weights="factor").computed.weights["tai"]
    computed = [tai["computed"]["fa_weights_kaiser_varimax"][code] for code in codes]
    np.testing.assert_allclose(weights, computed, rtol=0, atol=5e-4)  # printed with three decimals
    np.testing.assert_allclose(
        weights, tai["published"]["weights"]["PC_table18"], rtol=0, atol=0.0055
    )
    values, _ = principal_components(data)
    np.testing.assert_allclose(values, tai["computed"]["eigenvalues"], rtol=PRINTED_12)
    share = 100 * values / values.sum()
    np.testing.assert_allclose(share, tai["published"]["variance_pct"], atol=0.15)


def test_benefit_of_the_doubt_by_the_engine(tai: Any, data: np.ndarray) -> None:
    result = engine(tai, data, weights="benefit_of_doubt", bounds=(0.10, 0.15))
    expected = [tai["computed"]["bod_10_15"][c] for c in result.to_frame()["country"]]
    np.testing.assert_allclose(result.to_frame()["tai"] / 100, expected, rtol=1e-9)


def test_mazziotta_pareto_by_the_engine(tai: Any, data: np.ndarray) -> None:
    for method, name in (("mpi", "mpi_minus"), ("mpi_plus", "mpi_plus")):
        result = engine(tai, data, normalize="zscore", scale=(100, 110), aggregate=method)
        expected = tai_mpi(tai, name)
        np.testing.assert_allclose(
            result.to_frame()["tai"],
            [expected[c] for c in result.to_frame()["country"]],
            rtol=1e-10,
        )


def tai_mpi(tai: Any, name: str) -> dict[str, float]:
    return dict(zip(tai["mpi_compind"]["country"], tai["mpi_compind"][name], strict=True))
