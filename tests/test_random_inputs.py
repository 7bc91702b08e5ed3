"""Every public estimator on random small inputs: a right answer or a clear error, never else.

The slow test runs 5,000 trials: ``python -m pytest -m slow tests/test_random_inputs.py
--hypothesis-show-statistics`` counts what came of them.
"""

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests._random_inputs import EVERY, OUTCOMES, outcome, trials

pytestmark = pytest.mark.untraced

N_PARTS = 5
SETTINGS = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
    "print_blob": False,
}


@settings(max_examples=200, **SETTINGS)
@given(trials())
def test_some_random_inputs(trial):
    event(found := outcome(trial))
    assert found in OUTCOMES


@pytest.mark.slow
@pytest.mark.parametrize("part", range(N_PARTS))
@settings(max_examples=1000, **SETTINGS)
@given(data=st.data())
def test_many_random_inputs(part, data):
    event(found := outcome(data.draw(trials(EVERY[part::N_PARTS]))))
    assert found in OUTCOMES
