"""The non-inferiority rule: a test of paired losses instead of a comparison of means."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import gammaincc, ndtr

from skprune.exceptions import InputError, PruningWarning
from skprune.model_selection._cv_results import CVResults
from skprune.model_selection._rules import BaseRule


class NonInferior(BaseRule):
    """Choose the smallest model that a test finds not worse than the whole beyond a margin.

    The guarantee: with probability at least `confidence`, over the test samples of the folds,
    the models at the chosen level are on average not worse than the whole models they were
    cut from by more than `margin`. It holds however many levels are tested.

    Parameters
    ----------
    margin : float, default=0.005
        Largest acceptable loss of score, in the unit of the metric; 0.005 is half a percentage
        point of accuracy, or of R2.
    confidence : float, default=0.95
        Probability with which the guarantee holds, in [0.5, 1).
    metric : str, default="score"
        Name of the metric.
    size : str, default=None
        The size that is minimized: "units", "parameters" or "bytes". None is "units", or
        "bytes" where the rows count different units.

    See Also
    --------
    WithinTolerance : Compares means only, on any results.
    OneStandardError : The tolerance is the standard error of the best score.
    PruningSearchCV : Writes the columns that this rule reads.

    Notes
    -----
    The rule reads `mean_loss_increase`, `se_loss_increase` and `row_loss_increase`, which only
    a `PruningSearchCV` over a pruner of models writes: the mean of the paired loss differences,
    its standard error, and the size of one loss event in the mean. Level and whole model predict
    the same out-of-fold samples, and the differences of their losses vary much less than the
    scores of the folds do.

    The test is Tango's score test for paired proportions: the standard error is the one under the
    null hypothesis that the loss increase equals `margin`, not the observed one. The null
    distribution is approximated by a Poisson distribution with the same first three moments, which
    is exact where a level corrects no error of the whole model. So a level that predicts every
    sample as the whole model does need not pass: `n` samples without a difference only show that
    the increase is below about ``3 / n`` at 95 %. Half a percentage point of accuracy takes at
    least 740 samples where many levels are tested; of balanced accuracy, that many divided by the
    number of classes, in the rarest of them. For errors, which all have the same size, the test is
    accurate; for other losses the differences are summarised by their moments, and the test is an
    approximation: where a few samples in a hundred differ, by amounts with heavy tails, it errs
    more often than stated, though less often than the usual paired test.

    Multiple testing is controlled by the fallback procedure: levels are tested from the largest
    to the smallest, an order that does not depend on the losses; the first is tested at half of
    ``1 - confidence``, the others share the rest, and the significance level of a test that
    passes is carried over to the next. If none passes, the largest level is chosen, with a
    warning. Of several combinations of other parameters, the one with the best largest level is
    tested.

    The guarantee is about the metrics named in the user guide (others are replaced by the error
    rate or the squared error), and about the models of the folds, which are fitted to fewer
    samples than the final one.

    References
    ----------
    B. L. Wiens, "A fixed sequence Bonferroni procedure for testing multiple endpoints",
    Pharmaceutical Statistics 2, 2003.

    T. Tango, "Equivalence test and confidence interval for the difference in proportions
    for the paired-sample design", Statistics in Medicine 17, 1998.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import NonInferior, PruningSearchCV
    >>> X, y = make_classification(2000, flip_y=0.2, random_state=0)
    >>> model = DecisionTreeClassifier(max_depth=8, random_state=0)
    >>> search = PruningSearchCV(model, refit=NonInferior(0.01)).fit(X, y)
    >>> search.best_estimator_.path_
    <TreePath: 22 levels, 41 to 1 leaves>
    >>> search.best_estimator_.estimator_.get_n_leaves()
    np.int64(2)
    """

    def __init__(
        self,
        margin: float = 0.005,
        *,
        confidence: float = 0.95,
        metric: str = "score",
        size: str | None = None,
    ) -> None:
        self.margin = margin
        self.confidence = confidence
        self.metric = metric
        self.size = size

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Choose a row; as the other rules do, from results with paired losses.

        Parameters
        ----------
        cv_results : dict of str to ndarray
            The `cv_results_` of a `PruningSearchCV`.

        Returns
        -------
        int
            The chosen row.

        Raises
        ------
        InputError
            If a column is missing, or no loss increase is known.
        """
        CVResults(cv_results, type(self).__name__).loss_increases()  # no other column would help
        return super().__call__(cv_results)

    def _check_parameters(self):
        self._check_number("margin", 0)
        self._check_confidence()

    def _eligible(self, results, score, size, rows):
        mean, error, step = (column[rows] for column in results.loss_increases())
        known = ~np.isnan(mean)
        if not known.any():
            msg = (
                "NonInferior finds no row whose loss increase is known: the fits failed, sample "
                "weights were routed, or the target has no loss per sample (several outputs of a "
                "classifier, a fold whose target is constant). Use WithinTolerance there."
            )
            raise InputError(msg)
        fits = results.combinations()[rows]
        order = np.argsort(-size, kind="stable")  # not by score, not even among equals
        order = order[known[order]]
        # The largest level represents its combination.
        _, first = np.unique(fits[order], return_index=True)
        best = max(order[first], key=lambda row: score[row])
        order = order[fits[order] == fits[best]]
        passes = np.zeros(len(rows), dtype=bool)
        passes[order] = self._test(mean[order], error[order], step[order])
        tested = order[step[order] > 0]
        if len(tested) and not passes[tested].any():
            self._warn(mean[tested], error[tested])
            passes[best] = True
        return passes

    def _test(self, mean, error, step):
        """Test levels from the largest to the smallest; return the mask of those that pass."""
        passes = step == 0  # the whole model itself
        p_value = _p_values(mean, error, np.where(passes, 1.0, step), self.margin)
        alpha, tested, carried = 1 - self.confidence, np.flatnonzero(step > 0), 0.0
        for place, level in enumerate(tested):
            share = 1.0 if len(tested) == 1 else 0.5 if place == 0 else 0.5 / (len(tested) - 1)
            significance = alpha * share + carried
            passes[level] = p_value[level] <= significance
            carried = significance if passes[level] else 0.0
        return passes

    def _warn(self, mean, error):
        nearest = np.argmin(mean + error)
        warnings.warn(
            f"No level could be shown to lose at most margin={self.margin} at "
            f"confidence={self.confidence}; the largest is taken. The nearest loses "
            f"{mean[nearest]:.2g}, with a standard error of {error[nearest]:.2g}. Give a larger "
            "margin, a lower confidence, or more samples.",
            PruningWarning,
            stacklevel=5,
        )


def _p_values(mean, error, step, margin):
    """Return the probability of a mean as low as this one if the true increase is the margin.

    Parameters
    ----------
    mean, error, step : ndarray of shape (n_levels,)
        Mean increase, its standard error, and the size of one loss event in the mean.
    margin : float
        The true increase under the null hypothesis.

    Returns
    -------
    ndarray of shape (n_levels,)
        P-values of the null hypothesis that the increase is at least the margin.

    Notes
    -----
    In steps: the expected number of losses less gains is ``margin / step``; of the samples that
    differ (variance over squared step) the number of gains is estimated under the null
    hypothesis (Tango 1998, for rare differences). Losses less gains are then, up to scale and
    shift, a Poisson variable with the same mean, variance and third moment.
    """
    differ, seen, expected = (error / step) ** 2, mean / step, margin / step
    gained = ((differ - seen) / 2).clip(min=0)
    slope = 2 * expected - differ
    gained = (np.sqrt(slope**2 + 8 * gained * expected) - slope) / 4
    variance = 2 * gained + expected
    excess = seen + 0.5 - expected  # continuity correction: steps are whole numbers
    # Where the skewness vanishes the distribution is normal.
    spread = np.sqrt(np.where(variance > 0, variance, 1.0))
    normal = np.where(variance > 0, ndtr(excess / spread), (excess > 0).astype(float))
    scale = expected / np.where(variance > 0, variance, 1.0)
    skewed = scale > 1e-4 * spread
    scale = np.where(skewed, scale, 1.0)
    rate = variance / scale**2
    count = excess / scale + rate + 0.5
    poisson = np.where(count > 0, gammaincc(count.clip(min=1e-12), rate), 0.0)
    return np.where(skewed, poisson, normal)
