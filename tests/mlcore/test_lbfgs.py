"""Minimising: as far, and with about as many evaluations, as scipy's L-BFGS."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize as scipys
from scipy.optimize import rosen, rosen_der

from mlcore.families.lbfgs import minimize


def rosenbrock(place):
    return float(rosen(place)), rosen_der(place)


def counted(function):
    """Return the function, and a list that grows with each call of it."""
    calls = []

    def counting(place):
        calls.append(place)
        return function(place)

    return counting, calls


@pytest.mark.parametrize("n", [2, 10, 50])
def test_a_curved_valley_is_followed_to_its_end(n):
    function, calls = counted(rosenbrock)
    found = minimize(function, np.zeros(n), 1_000, 1e-6)
    np.testing.assert_allclose(found, 1, atol=1e-3)
    options = {"maxiter": 1_000, "gtol": 1e-6}
    expected = scipys(rosenbrock, np.zeros(n), jac=True, method="L-BFGS-B", options=options)
    assert len(calls) < 1.5 * expected.nfev


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_a_bowl_s_bottom_is_found_whatever_its_shape(seed, n):
    random = np.random.default_rng(seed)
    bowl = random.normal(size=(n, n))
    bowl = bowl @ bowl.T + 0.1 * np.eye(n)
    bottom, scale = random.normal(size=n), 10.0 ** random.integers(-3, 4)

    def function(place):
        gradient = scale * bowl @ (place - bottom)
        return float((place - bottom) @ gradient / 2), gradient

    found = minimize(function, random.normal(size=n), 500, 1e-9)
    start = function(np.zeros(n))[0]
    assert function(found)[0] <= 1e-5 * max(start, scale)


def test_it_stops_when_told_to():
    function, calls = counted(rosenbrock)
    minimize(function, np.zeros(10), 5, 0.0)
    assert 6 <= len(calls) <= 15
    place = np.full(10, 1.0)
    assert minimize(rosenbrock, place, 100, 1e-9) is place


def test_a_step_into_what_is_no_number_is_taken_back():
    def barrier(place):
        with np.errstate(all="ignore"):
            return float(np.sum(place - np.log(place))), 1 - 1 / place

    function, calls = counted(barrier)
    found = minimize(function, np.array([1e-3, 50.0]), 200, 1e-8)
    assert any((place < 0).any() for place in calls)
    np.testing.assert_allclose(found, 1, atol=1e-2)


@pytest.mark.parametrize("gradient", [np.ones(3), np.full(3, np.nan)])
def test_a_gradient_that_leads_nowhere_ends_the_search(gradient):
    """As when rounding in float32 hides what could still be gained."""
    function, calls = counted(lambda place: (1.0, gradient.copy()))
    assert (minimize(function, np.zeros(3), 100, 1e-4) == 0).all()
    assert len(calls) <= 21
