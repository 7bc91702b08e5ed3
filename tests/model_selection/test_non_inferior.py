"""The non-inferiority rule: what it chooses, and how often it errs."""

import warnings

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from skprune import CorrelationPruner, NonInferior, PruningSearchCV, TreePruner
from skprune.exceptions import InputError, PruningWarning
from skprune.model_selection._non_inferior import _p_values

MARGIN = 0.01


def results(mean, error, step, units, **more):
    table = {"mean_test_score": 0.9 - np.array(mean, float), "mean_units": np.array(units)}
    names = ("mean_loss_increase", "se_loss_increase", "row_loss_increase")
    table |= {k: np.array(v, float) for k, v in zip(names, (mean, error, step), strict=True)}
    return table | more


def of_counts(lost, gained, n_rows):
    """Results of levels from large to small, by rows that are lost and gained; first the whole."""
    lost, gained = np.append(0, lost), np.append(0, gained)
    mean = (lost - gained) / n_rows
    error = np.sqrt(((lost + gained) / n_rows - mean**2) / (n_rows - 1))
    step = np.where(np.arange(len(lost)) > 0, 1 / n_rows, 0.0)
    return results(mean, error, step, np.arange(len(lost), 0, -1))


def choose(rule, table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PruningWarning)
        return rule(table)


def test_the_smallest_level_that_passes_is_chosen():
    table = of_counts([0, 5, 30, 200], [0, 5, 20, 40], 5000)
    assert NonInferior(MARGIN)(table) == 3
    assert NonInferior(0.1)(table) == 4
    assert NonInferior(MARGIN, confidence=1 - 1e-9)(table) == 2


def test_a_level_in_the_middle_may_fail():
    lost, gained = np.array([0, 5, 200, 5, 5, 8]), np.array([0, 5, 40, 5, 5, 8])
    assert NonInferior(MARGIN)(of_counts(lost, gained, 5000)) == 6


def test_scores_do_not_order_the_tests():
    # Of equal sizes the first row has half of the error, and no more than its share the other.
    table = of_counts([12, 0, 12], [0, 0, 0], 400) | {"mean_units": np.array([9, 5, 5, 1])}
    assert choose(NonInferior(MARGIN), table) == 0
    swapped = {key: column[[0, 2, 1, 3]] for key, column in table.items()}
    assert choose(NonInferior(MARGIN), swapped) == 1


def test_none_that_passes_leaves_the_largest_with_a_warning():
    table = of_counts([100, 200], [0, 0], 5000)
    with pytest.warns(
        PruningWarning, match=r"margin=0.01 at confidence=0.95; the largest is taken"
    ):
        assert NonInferior(MARGIN)(table) == 0
    table = {key: column[1:] for key, column in table.items()}  # the whole is not in the grid
    with pytest.warns(PruningWarning, match="more samples"):
        assert NonInferior(MARGIN)(table) == 0
    # Only the whole: there was nothing to show.
    assert NonInferior(MARGIN)(results([0, 0], [0, 0], [0, 0], [9, 9])) == 0


def test_nothing_seen_in_few_rows_shows_little():
    """One level that differs in no row passes from the exact number of rows on."""
    for margin, confidence in [(0.005, 0.95), (0.01, 0.9), (0.02, 0.99)]:
        least = -np.log(1 - confidence) / margin  # of a Poisson law: no event
        rule = NonInferior(margin, confidence=confidence)
        assert choose(rule, of_counts([0], [0], int(least))) == 0
        assert choose(rule, of_counts([0], [0], int(least) + 2)) == 1


def test_a_margin_of_zero_asks_for_a_gain():
    rule = NonInferior(0)
    assert choose(rule, of_counts([5], [5], 5000)) == 0
    assert choose(rule, of_counts([5], [40], 5000)) == 1
    assert choose(rule, of_counts([0], [0], 5000)) == 0


@pytest.mark.parametrize("gained", [0.0, 0.0005, 0.005, 0.05])
@pytest.mark.parametrize("n_rows", [300, 1000, 5000, 40000])
def test_a_single_test_errs_as_often_as_stated(n_rows, gained):
    """At the margin itself, exactly for rows only lost, by simulation otherwise."""
    rng = np.random.default_rng(0)
    chances = [gained + MARGIN, gained, 1 - 2 * gained - MARGIN]
    lost, won, _ = rng.multinomial(n_rows, chances, size=100_000).T
    mean = (lost - won) / n_rows
    error = np.sqrt(((lost + won) / n_rows - mean**2) / (n_rows - 1))
    p_value = _p_values(mean, error, np.full(len(lost), 1 / n_rows), MARGIN)
    for alpha in (0.2, 0.05, 0.025, 0.002):
        noise = 3 * np.sqrt(alpha / len(lost))
        assert (p_value <= alpha).mean() <= alpha + noise
    if gained == 0:
        # Sharp as well: the next count would break the bound.
        counts = np.arange(n_rows // 10)
        p_value = _p_values(
            counts / n_rows,
            np.sqrt(counts) / n_rows,
            np.full(len(counts), 1 / n_rows),
            MARGIN,
        )
        exact, tail = binom.cdf(counts, n_rows, MARGIN), (p_value > 1e-3) & (p_value < 0.4)
        assert (p_value[tail] >= exact[tail]).all()
        assert (p_value[tail] < 1.2 * exact[tail]).all()
    elif n_rows * MARGIN > 40:
        assert (p_value <= 0.05).mean() > 0.03


def simulate(rate, n_rows, n_runs, seed):
    """Draw counts of lost and gained rows at levels that lose at some rates; nested or not."""
    rng = np.random.default_rng(seed)
    gained = 0.01
    return rng.binomial(n_rows, rate + gained, (n_runs, len(rate))), rng.binomial(
        n_rows, gained, (n_runs, len(rate))
    )


@pytest.mark.parametrize("good", [0, 2, 10])
def test_the_chosen_level_is_seldom_too_bad_and_no_spending_would_break_that(good):
    """Many levels lose just the margin: the worst case for whoever tests all of them."""
    n_rows, n_runs, n_bad = 3000, 2000, 20
    rate = np.append(np.zeros(good), np.full(n_bad, MARGIN))
    lost, gained = simulate(rate, n_rows, n_runs, seed=good)
    rule, errs, careless = NonInferior(MARGIN), 0, 0
    for run in range(n_runs):
        table = of_counts(lost[run], gained[run], n_rows)
        errs += choose(rule, table) > good
        alone = _p_values(
            *(table[f"{part}_loss_increase"][1:] for part in ("mean", "se", "row")), MARGIN
        )
        careless += (alone[good:] <= 0.05).any()
    noise = 3 * np.sqrt(0.05 * 0.95 / n_runs)
    assert errs / n_runs <= 0.05 + noise
    assert careless / n_runs > 0.3
    if good:  # and the level spent is used, not only kept
        assert errs / n_runs > 0.01


def test_power_is_that_of_a_single_test():
    """Levels that lose nothing are found, however many there are."""
    n_rows, n_runs = 3000, 300
    for n_good in (1, 10, 60):
        rate = np.append(np.zeros(n_good), np.full(20, 3 * MARGIN))
        lost, gained = simulate(rate, n_rows, n_runs, seed=n_good)
        chosen = [
            choose(NonInferior(MARGIN), of_counts(*pair, n_rows))
            for pair in zip(lost, gained, strict=True)
        ]
        assert np.mean(np.array(chosen) >= 0.9 * n_good) > 0.9
        assert np.mean(np.array(chosen) > n_good) < 0.05


def test_of_several_combinations_that_with_the_best_whole_is_tested():
    # A poor model loses nothing when it is cut: that is no reason to take it.
    table = results(
        [0, 0.0, 0, 0.001],
        [0, 0.0, 0, 1e-4],
        [0, 1e-4, 0, 1e-4],
        [50, 2, 90, 30],
        mean_test_score=np.array([0.6, 0.6, 0.9, 0.899]),
        combination=np.array([0, 0, 1, 1]),
    )
    assert NonInferior(MARGIN)(table) == 3


def test_rows_that_are_not_known_are_left_out():
    table = of_counts([0, 5, 0], [0, 5, 0], 5000)
    table["mean_loss_increase"][3] = np.nan
    assert NonInferior(MARGIN)(table) == 2
    table["mean_loss_increase"][:] = np.nan
    with pytest.raises(InputError, match="no row whose loss increase is known"):
        NonInferior(MARGIN)(table)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (NonInferior(-0.1), "margin=-0.1 .* at least 0"),
        (NonInferior(confidence=1), "confidence=1 .* below 1"),
        (NonInferior(confidence=0.2), "confidence=0.2 .* at least 0.5"),
        (NonInferior(metric="f1"), "finds no column 'mean_test_f1'"),
        (NonInferior(size="leaves"), "finds no column 'mean_test_leaves'"),
    ],
    ids=str,
)
def test_what_cannot_be_read_or_met_is_explained(rule, words):
    with pytest.raises(InputError, match=words):
        rule(of_counts([0], [0], 100))


X, y = make_classification(1500, 8, n_informative=5, flip_y=0.2, random_state=0)


def test_searches_without_paired_losses_say_so():
    words = "only a PruningSearchCV over a pruner of models writes it"
    pruner = TreePruner(DecisionTreeClassifier(random_state=0))
    with pytest.raises(InputError, match=words):
        GridSearchCV(pruner, {"keep": [1.0, 0.5]}, refit=NonInferior(), cv=2).fit(X, y)
    columns = make_pipeline(CorrelationPruner(), LogisticRegression())
    with pytest.raises(InputError, match=words):
        PruningSearchCV(columns, refit=NonInferior(), cv=2).fit(X, y)


@pytest.mark.parametrize(
    "model",
    [DecisionTreeClassifier(random_state=0), RandomForestClassifier(5, random_state=0)],
    ids=["tree", "forest"],
)
def test_it_chooses_in_a_search(model):
    rule = NonInferior(0.02, metric="balanced_accuracy", size="bytes")
    scoring = ["accuracy", "balanced_accuracy"]
    search = PruningSearchCV(model, scoring=scoring, refit=rule, max_levels=20).fit(X, y)
    found = search.cv_results_
    at = search.best_index_
    assert found["mean_bytes"][at] < found["mean_bytes"][0]
    assert found["mean_loss_increase"][at] + 1.6 * found["se_loss_increase"][at] < 0.02
    assert search.best_score_ == found["mean_test_balanced_accuracy"][at]
    assert clone(search).set_params(refit__margin=0.1).refit.margin == 0.1
    assert repr(NonInferior(0.02)) == "NonInferior(margin=0.02)"


@pytest.mark.untraced
def test_the_guarantee_holds_in_a_search():
    """A model that is there already, rows drawn anew each time, and what is true of each level."""
    rows, labels = make_classification(
        60_000, 6, n_informative=4, flip_y=0.1, class_sep=0.7, random_state=0
    )
    tree = DecisionTreeClassifier(max_depth=7, random_state=0).fit(rows[:2000], labels[:2000])
    pruner, margin, n_runs = TreePruner(FrozenEstimator(tree)), 0.02, 60
    path = clone(pruner).fit(rows[:10], labels[:10]).path_
    truth = path.score(rows[2000:], labels[2000:], scoring="accuracy")
    rng, errs, leaves = np.random.default_rng(0), 0, []
    for _ in range(n_runs):
        own = rng.choice(np.arange(2000, len(labels)), 1500, replace=False)
        search = PruningSearchCV(pruner, refit=NonInferior(margin), cv=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PruningWarning)
            level = path.locate(**search.fit(rows[own], labels[own]).best_params_)
        errs += truth[0] - truth[level] > margin
        leaves.append(path.units[level])
    assert errs / n_runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_runs)
    assert (truth[0] - truth > margin).any()
    assert np.median(leaves) < 0.7 * path.units[0]
