"""Relief, compared with loops over all pairs of samples and with skrebate."""

from itertools import starmap

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skprune.criteria import relief
from skprune.criteria.relief import relief_scores
from skprune.criteria.row_differences import encode_samples
from tests.criteria.test_row_differences import all_differences

CRITERIA = ["relieff", "surf", "multisurf"]


def near_rows(distance, members, i, criterion, k):
    """The neighbours of sample `i` among `members`."""
    others = [j for j in range(len(distance)) if j != i]
    if criterion == "relieff":
        return sorted((j for j in members if j != i), key=lambda j: (distance[i, j], j))[:k]
    if criterion == "surf":
        n = len(distance)
        radius = distance[~np.eye(n, dtype=bool)].mean()
    else:
        radius = distance[i, others].mean() - distance[i, others].std() / 2
    return [j for j in members if j != i and distance[i, j] < radius - 1e-12 * abs(radius)]


def slow_scores(differences, label, criterion, k=10, target=None):
    """The scores, sample by sample and class by class."""
    distance, n = differences.sum(axis=2), len(label)
    classes = np.unique(label)
    score = changed = both = total = moved = 0.0
    for i in range(n):
        near = {
            c: near_rows(distance, np.flatnonzero(label == c), i, criterion, k) for c in classes
        }
        if target is not None:
            if near[0]:
                steps = np.abs(target[i] - target[near[0]])
                changed += differences[i, near[0]].mean(axis=0)
                both += (differences[i, near[0]] * steps[:, None]).mean(axis=0)
                total, moved = total + 1, moved + steps.mean()
            continue
        misses = [c for c in classes if c != label[i] and near[c]]
        share = sum(np.mean(label == c) for c in misses)
        for c in misses:
            score += np.mean(label == c) / share * differences[i, near[c]].mean(axis=0) / n
        if near[label[i]]:
            score -= differences[i, near[label[i]]].mean(axis=0) / n
    if target is None:
        return score
    return both / moved - (changed - both) / (total - moved)


def pairwise_differences(X, nominal):
    """The differences of samples without missing values."""
    gaps = np.abs(X[:, None] - X[None])
    return np.where(nominal, gaps > 0, gaps / np.where(np.ptp(X, axis=0) > 0, np.ptp(X, axis=0), 1))


def scores(X, label, criterion, k=10, *, nominal=None, weight=None, target=None, run=starmap):
    nominal = np.zeros(X.shape[1], dtype=bool) if nominal is None else nominal
    weight = np.ones(len(X)) if weight is None else weight.astype(float)
    rows = encode_samples(X, nominal, label, weight)
    return relief_scores(rows, criterion, k, target, run)


def table(n_rows, sizes, seed=0):
    """Four numeric and two nominal features, and classes of the given sizes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6))
    X[:, 4:] = rng.integers(0, 3, (n_rows, 2))
    return X, np.arange(6) > 3, np.repeat(np.arange(len(sizes)), sizes)


@pytest.fixture(params=["whole", "blocked"])
def blocks(request, monkeypatch):
    """Small tables in one block and in many."""
    if request.param == "blocked":
        for name, size in {
            "SQUARE": 7,
            "STRIPE": 200,
            "PAIRS": 50,
            "CHUNK": 2,
            "BATCH": 3,
            "CANDIDATES": 9,
        }.items():
            monkeypatch.setattr(relief, name, size)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("k", [1, 4, 30])
@pytest.mark.parametrize("sizes", [(31, 29), (40, 17, 3), (1, 58, 1)])
def test_classification_scores_match_loops(criterion, sizes, k):
    X, nominal, label = table(60, sizes)
    expected = slow_scores(pairwise_differences(X, nominal), label, criterion, k)
    found = scores(X, label, criterion, k, nominal=nominal)
    assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("criterion", CRITERIA)
def test_regression_scores_match_loops(criterion):
    X, nominal, label = table(60, [60])
    target = X[:, 0] + X[:, 1] * X[:, 2]
    target = (target - target.min()) / np.ptp(target)
    expected = slow_scores(pairwise_differences(X, nominal), label, criterion, 7, target)
    found = scores(X, label, criterion, 7, nominal=nominal, target=target)
    assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("sizes", [(14, 12, 4), (30,)])
def test_scores_with_missing_values_match_loops(criterion, sizes):
    X, nominal, label = table(30, sizes)
    X[np.random.default_rng(3).random(X.shape) < 0.2] = np.nan
    target = np.linspace(0, 1, 30) ** 2 if len(sizes) == 1 else None
    expected = slow_scores(all_differences(X, nominal, label), label, criterion, 4, target)
    found = scores(X, label, criterion, 4, nominal=nominal, target=target)
    assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("sizes", [(30, 30), (60,)])
def test_ties_go_to_the_first_sample(sizes):
    X, _, label = table(60, sizes)
    X, nominal = np.trunc(X), np.ones(6, dtype=bool)  # many ties
    target = np.random.default_rng(4).random(60) if len(sizes) == 1 else None
    expected = slow_scores(pairwise_differences(X, nominal), label, "relieff", 5, target)
    found = scores(X, label, "relieff", 5, nominal=nominal, target=target)
    assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (
            "relieff",
            [
                0.22611128406868142,
                0.027215470654510965,
                0.017309648314971244,
                0.03185058869290486,
            ],
        ),
        (
            "multisurf",
            [
                0.16039915865629215,
                -0.031475976815046734,
                -0.035032489143668494,
                -0.07554006664165702,
            ],
        ),
    ],
)
def test_scores_match_skrebate(criterion, expected):
    # made by skrebate 0.8.4: ReliefF(n_neighbors=5), MultiSURF()
    X = np.random.default_rng(7).random((40, 4))
    label = (X[:, 0] + X[:, 1] * X[:, 2] > 0.7).astype(int)
    order = np.argsort(label, kind="stable")
    assert_allclose(scores(X[order], label[order], criterion, 5), expected, rtol=0, atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    criterion=st.sampled_from(CRITERIA),
    holes=st.sampled_from([0.0, 0.2]),
    discrete=st.booleans(),
    n_classes=st.integers(1, 3),
    k=st.integers(1, 12),
)
def test_weights_mean_repetition(seed, criterion, holes, discrete, n_classes, k):
    assume(not (holes and discrete))  # expectations of missing values are tied up to rounding
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(25, 4))
    X = np.round(X) if discrete else X
    X[rng.random(X.shape) < holes] = np.nan
    label = np.sort(np.append(np.arange(n_classes), rng.integers(0, n_classes, 25))[:25])
    target = rng.random(25) if n_classes == 1 else None
    weight = rng.integers(1, 5, 25)
    weighted = scores(X, label, criterion, k, weight=weight, target=target)
    repeated = scores(
        X.repeat(weight, axis=0),
        label.repeat(weight),
        criterion,
        k,
        target=None if target is None else target.repeat(weight),
    )
    assert_allclose(weighted, repeated, rtol=0, atol=1e-10)


@pytest.mark.parametrize("k", [1, 3, 9])
def test_the_last_neighbour_may_have_a_partial_weight(k):
    X, _, label = table(40, (25, 15))
    weight = np.random.default_rng(5).choice([0.25, 0.5, 1.5], 40)
    found = scores(X, label, "relieff", k, weight=weight)
    # The definition, pair by pair: take the nearest samples until k are used.
    differences = pairwise_differences(X, np.zeros(6, dtype=bool))
    distance, expected = differences.sum(axis=2), 0.0
    for i in range(40):
        for c in (0, 1):
            members = np.flatnonzero(label == c)
            members = members[np.argsort(distance[i, members], kind="stable")]
            amount = np.where(members == i, np.maximum(weight[i] - 1, 0), weight[members])
            used = np.clip(k - (np.cumsum(amount) - amount), 0, amount)
            sign = -1 if c == label[i] else 1
            mean = used @ differences[i, members] / used.sum()
            expected += sign * weight[i] / weight.sum() * mean
    assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_samples_whose_neighbours_are_copies_score_zero(criterion):
    X = np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 5.0]] * 4)
    label = np.repeat([0, 1], 4)
    found = scores(X, label, criterion, 1)
    assert_allclose(found[:2], 0.0, atol=1e-15)
    assert np.isnan(found[2])  # it never wins
    target = np.array([0.0, 1.0] * 4)  # all neighbours have the same target: N_dC = 0
    found = scores(X, np.zeros(8, dtype=int), criterion, 1, target=target)
    assert_allclose(found[:2], 0.0, atol=1e-15)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_target_that_always_differs_by_its_range_gives_finite_scores(criterion):
    X, target = np.array([[0.0, 0.1], [1.0, 0.7]]), np.array([0.0, 1.0])
    found = scores(X, np.zeros(2, dtype=int), criterion, 1, target=target)
    assert_allclose(found, 1.0 if criterion == "relieff" else 0.0)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_scores_do_not_depend_on_the_order_of_tasks(criterion, monkeypatch):
    monkeypatch.setattr(relief, "SQUARE", 9)
    monkeypatch.setattr(relief, "STRIPE", 300)
    X, nominal, label = table(60, (35, 25))

    def backwards(function, tasks):
        return [function(*task) for task in list(tasks)[::-1]][::-1]

    forwards = scores(X, label, criterion, 4, nominal=nominal)
    assert_array_equal(scores(X, label, criterion, 4, nominal=nominal, run=backwards), forwards)


def test_blocks_are_no_larger_than_specified(monkeypatch):
    sizes = []
    original = relief.distances

    def watched(rows, left, right):
        sizes.append((left.stop - left.start, right.stop - right.start))
        return original(rows, left, right)

    monkeypatch.setattr(relief, "distances", watched)
    X = np.random.default_rng(0).random((2500, 3))
    scores(X, np.repeat([0, 1], [1500, 1000]), "relieff")
    assert max(map(max, sizes)) <= relief.SQUARE
    assert (
        sum(a * b for a, b in sizes) < 0.65 * len(X) ** 2
    )  # each pair once, except in diagonal blocks
