from __future__ import annotations

import numpy as np
import pytest

from tfp_index.errors import EstimationError
from tfp_index.kernels.resampling import firm_weights, resample, seed_sequence


@pytest.mark.parametrize("scheme", ["multinomial", "exponential"])
def test_weights_average_one_with_the_variance_of_resampling(scheme):
    weights = np.array([firm_weights(np.random.default_rng(i), 200, scheme) for i in range(300)])
    assert np.allclose(weights.sum(axis=1), 200)
    # Var = 1 − 1/n for counts; a little less for scaled Exp(1)
    assert weights.var() == pytest.approx(1.0, abs=0.05)
    if scheme == "multinomial":
        assert np.array_equal(weights, np.round(weights))
    else:
        assert weights.min() > 0


def _draws(workers=1, seed=7, scheme="multinomial"):
    x = np.random.default_rng(0).normal(size=100)
    return resample(
        lambda w: np.array([w @ x / w.sum(), w @ x**2 / w.sum()]),
        firms=100,
        reps=400,
        width=2,
        seed=seed_sequence(seed),
        scheme=scheme,
        workers=workers,
    )


def test_draws_are_the_same_for_any_number_of_workers():
    assert np.array_equal(_draws(1).values, _draws(3).values)
    assert not np.array_equal(_draws(1).values, _draws(1, seed=8).values)


@pytest.mark.parametrize("scheme", ["multinomial", "exponential"])
def test_the_spread_of_a_mean_is_its_standard_error(scheme):
    x = np.random.default_rng(0).normal(size=100)
    error = np.sqrt(_draws(scheme=scheme).covariance()[0, 0])
    assert error == pytest.approx(x.std() / 10, rel=0.12)  # 400 draws: 3.5 % per sd


def test_the_first_draws_do_not_depend_on_how_many_follow():
    seed = seed_sequence(3)
    short = resample(lambda w: w[:1], firms=5, reps=3, width=1, seed=seed)
    long = resample(lambda w: w[:1], firms=5, reps=9, width=1, seed=seed)
    assert np.array_equal(long.values[:3], short.values)


def test_failed_draws_are_counted_with_their_reason_and_left_out():
    def estimate(weights):
        if weights[0] == 0:
            raise EstimationError("the first firm is needed")
        if weights[1] == 0:
            return np.array([np.nan])
        return weights[:1]

    seen = []
    draws = resample(
        estimate,
        firms=4,
        reps=100,
        width=1,
        seed=seed_sequence(1),
        on_progress=lambda done, total: seen.append((done, total)),
    )
    reasons = {why for _, why in draws.failures}
    assert reasons == {"the first firm is needed", "not finite"}
    assert draws.complete.shape[0] == 100 - len(draws.failures)
    assert np.isfinite(draws.complete).all()
    assert np.isnan(draws.values[[i for i, _ in draws.failures]]).all()
    assert seen == [(i + 1, 100) for i in range(100)]


def test_other_errors_are_not_swallowed():
    def estimate(weights):
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        resample(estimate, firms=2, reps=2, width=1, seed=seed_sequence(1))


def test_no_covariance_from_one_draw():
    draws = resample(lambda w: w[:2], firms=3, reps=1, width=2, seed=seed_sequence(1))
    assert np.isnan(draws.covariance()).all()


def test_seeds_come_from_numbers_generators_and_sequences():
    assert seed_sequence(5).entropy == 5
    given = np.random.SeedSequence(9)
    assert seed_sequence(given) is given
    generator = np.random.default_rng(2)
    first, second = seed_sequence(generator), seed_sequence(generator)
    assert first.entropy != second.entropy
    assert seed_sequence().entropy != seed_sequence().entropy
