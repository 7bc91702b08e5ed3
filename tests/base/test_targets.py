"""Targets in the terms of a model, and the errors of those that do not suit it."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

from skprune.base._targets import samples_missing, single_target, targets_for_model
from skprune.exceptions import InputError

X = np.arange(8.0)[:, np.newaxis]
Y = np.array([3, 5, 9, 5, 3, 5, 9, 9])


def read(model, y, sample_weight=None, **params):
    X = np.zeros((len(y), 1)) if y is not None else np.zeros((2, 1))
    return targets_for_model(model, X, y, sample_weight, "criterion='some'", **params)


@pytest.mark.parametrize(
    ("labels", "given", "codes"),
    [
        ([3, 5, 9], [9, 3, 4, 5], [2, 0, -1, 1]),
        (["a", "b", "c"], ["c", "x", "a", "b"], [2, -1, 0, 1]),
        ([False, True, True], [True, False, True, True], [1, 0, 1, 1]),
    ],
    ids=["numbers", "strings", "booleans"],
)
def test_labels_are_encoded_as_the_model_orders_them(labels, given, codes):
    model = DecisionTreeClassifier().fit(X[:3], labels)
    for y in (given, np.array(given)[:, np.newaxis]):
        values, known, weight = read(model, y)
        assert_array_equal(values[:, 0], codes)
        assert_array_equal(known[:, 0], np.array(codes) >= 0)
        assert_array_equal(weight, np.ones(4))


def test_labels_of_several_outputs_are_encoded_each():
    model = DecisionTreeClassifier().fit(X[:3], np.array([[1, 7], [2, 8], [2, 9]]))
    values, known, _ = read(model, np.array([[2, 9], [3, 7]]))
    assert_array_equal(values, [[1, 2], [-1, 0]])
    assert_array_equal(known, [[True, True], [False, True]])


def test_numbers_become_floats_with_a_column_per_output():
    model = LinearRegression().fit(X, Y)
    values, known, weight = read(model, [1, 2], [3, 0], n_outputs=1)
    assert_array_equal(values, [[1.0], [2.0]])
    assert values.dtype == np.float64
    assert known.all()
    assert_array_equal(weight, [3.0, 0.0])
    assert read(model, np.ones((4, 3))).values.shape == (4, 3)


def test_indicators_of_labels_stay_numbers():
    Y2 = np.c_[Y == 3, Y == 5]
    model = MLPClassifier(2, max_iter=300, tol=1, random_state=0).fit(X, Y2)
    for y in (Y2, csr_array(Y2.astype(int))):
        values = targets_for_model(model, X, y, None, "it", n_outputs=2, multilabel=True).values
        assert_array_equal(values, Y2.astype(float))


def test_targets_that_do_not_suit_the_model_are_refused():
    classifier, regressor = DecisionTreeClassifier().fit(X, Y), LinearRegression().fit(X, Y)
    for model in (classifier, regressor):
        # The words that scikit-learn's own checks look for.
        missing = "criterion='some' requires y to be passed, but the target y is None"
        with pytest.raises(InputError, match=missing):
            read(model, None)
        with pytest.raises(InputError, match="y has 2 outputs, but the model has 1"):
            read(model, np.c_[Y, Y], n_outputs=1)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            targets_for_model(model, X, Y[:3], None, "it")
        with pytest.raises(ValueError, match="Negative values"):
            read(model, Y, -np.ones(8), non_negative=True)
        assert (read(model, Y, -np.ones(8)).weight == -1).all()
    with pytest.raises(InputError, match=re.escape("know: ['b', 'a']; it knows [3, 5, 9]. Leave")):
        read(classifier, ["b", "a", "b"])
    with pytest.raises(InputError, match=re.escape("no numbers: ['b', 'a'], but the model predi")):
        read(regressor, ["b", "a", "b"])
    with pytest.raises(InputError, match=r"y has values beyond 1e[+]100.* Scale the target"):
        read(regressor, 1e300 * X[:, 0])


def test_a_single_target_is_returned_as_given():
    assert single_target(Y, "it") is Y
    with pytest.warns(DataConversionWarning):
        assert_array_equal(single_target(Y[:, np.newaxis], "it"), Y)
    with pytest.raises(InputError, match="it requires y"):
        single_target(None, "it")
    with pytest.raises(InputError, match="y has 2 outputs, but it allows one only"):
        single_target(np.c_[Y, Y], "it")


def test_the_error_of_no_sample_names_what_each_lacks():
    assert "of the n_samples=7 samples has a positive weight. Give" in str(samples_missing(7))
    both = str(samples_missing(7, labels=True, out_of_bag=True))
    assert "weight and a label that the model knows and a tree or member that was not" in both
    assert "validation='train'" in both
