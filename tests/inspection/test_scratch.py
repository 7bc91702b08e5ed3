"""Networks from scratch beside pruned ones."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skprune import MLPPruner, PruningSearchCV, compare, model_size
from skprune.exceptions import InputError
from skprune.inspection._scratch import with_scratch

X, y = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
NETWORK = MLPClassifier((9, 6), solver="lbfgs", max_iter=30, random_state=0)


def test_networks_are_followed_by_small_ones():
    models = {
        "whole": clone(NETWORK).fit(X, y),
        "units": MLPPruner(NETWORK, unit="neuron", keep=6).fit(X, y),
        "weights": make_pipeline(StandardScaler(), MLPPruner(NETWORK, keep=0.3)).fit(X, y),
        "search": PruningSearchCV(NETWORK, {"keep": [0.5]}, cv=2).fit(X, y),
        "linear": LogisticRegression().fit(X, y),
    }
    found = with_scratch(models, (X, y))
    assert list(found) == [
        *("whole", "whole from scratch", "units", "units from scratch"),
        *("weights", "weights from scratch", "search", "search from scratch", "linear"),
    ]
    units = found["units from scratch"]
    assert units.hidden_layer_sizes == models["units"].estimator_.hidden_layer_sizes
    small, pruned = (model_size(found[f"weights{end}"]).units for end in (" from scratch", ""))
    assert 0.6 * pruned < small <= pruned
    assert found["weights from scratch"][0].mean_ is not None
    table = compare(models, X, y, scratch=(X, y), n_repeats=0)
    assert table.index.tolist() == list(found)
    assert table.accuracy["units from scratch"] == units.score(X, y)


def test_smallest_network_has_a_unit_per_layer():
    tiny = MLPPruner(NETWORK, criterion="magnitude", keep=1e-9).fit(X, y)
    small = with_scratch({"tiny": tiny}, (X, y))["tiny from scratch"]
    assert np.min(small.hidden_layer_sizes) == 1
    flat = MLPPruner(clone(NETWORK).set_params(hidden_layer_sizes=()), keep=0.5).fit(X, y)
    assert with_scratch({"flat": flat}, (X, y))["flat from scratch"].hidden_layer_sizes == ()


def test_what_is_no_network_or_no_rows_is_refused():
    model = LogisticRegression().fit(X, y)
    with pytest.raises(InputError, match=r"none of \['model'\] is a network"):
        with_scratch({"model": model}, (X, y))
    with pytest.raises(InputError, match="give a pair"):
        with_scratch({"model": model}, X)
