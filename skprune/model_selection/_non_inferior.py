"""The non-inferiority rule: a test of row-paired losses instead of a comparison of means."""

import warnings

import numpy as np
from scipy.special import gammaincc, ndtr

from skprune.exceptions import InputError, PruningWarning
from skprune.model_selection._rules import BaseRule

__all__ = ["NonInferior"]


class NonInferior(BaseRule):
    """Take the smallest model that a test finds not worse than the whole by more than a margin.

    The guarantee: with probability at least `confidence`, over the rows that were held out,
    the models at the chosen level are on average not worse than the whole models they were
    cut from by more than `margin`. Looking at many levels costs nothing of it.

    Parameters
    ----------
    margin : float, default=0.005
        Largest loss that is acceptable, in the unit of the metric; 0.005 is half a point of
        accuracy, or of R2.
    confidence : float, default=0.95
        Probability with which the guarantee holds, in [0.5, 1).
    metric : str, default="score"
        Name of the metric.
    size : str, default="units"
        What is to be small: "units", "parameters" or "bytes".

    See Also
    --------
    WithinTolerance : Compares means only, on any results.
    OneStandardError : The tolerance is what the data cannot tell apart.
    PruningSearchCV : Writes the columns that this rule reads.

    Notes
    -----
    Read are `mean_loss_increase`, `se_loss_increase` and `row_loss_increase`, which only a
    `PruningSearchCV` over a pruner of models writes: level and whole model predict the same
    out-of-fold rows, so that the differences of their row losses tell much more than the
    scores of the folds do.

    The test is Tango's score test for paired proportions: the standard error is the one that
    a loss of the margin would have, not the one seen, for the rows that it takes may be those
    that were not lost by chance. Its law is a Poisson law with the same first three moments,
    which is exact where no row was gained. So a level that differs from the whole in no row
    need not pass: nothing seen in `n` rows only shows that the error is below about ``3 / n``
    at 95 %. Half a point of accuracy takes 740 rows at least where many levels are tested;
    of balanced accuracy, that many divided by the number of classes, in the rarest of them.
    Errors are steps that all weigh the same; for other losses the steps of the rows that
    differ are summed up by their moments, and the test is an approximation: where a few rows
    in a hundred differ, by steps of heavy tails, it errs more often than stated, though less
    often than the usual paired test.

    The error is spent by the fallback procedure: levels are tested from the largest to the
    smallest, an order that no loss has chosen; the first has half of ``1 - confidence``, the
    others share the rest, and what a level was tested with is carried to the next one if it
    passes. If none passes, the largest level is taken, with a warning. Of several
    combinations of other parameters, that with the best largest level is tested.

    What the guarantee is about: the metrics named in the user guide (others are replaced
    by the error or the squared error), and the models of the folds, which have fewer
    rows than the final one.

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

    def __init__(self, margin=0.005, *, confidence=0.95, metric="score", size="units"):
        self.margin = margin
        self.confidence = confidence
        self.metric = metric
        self.size = size

    def __call__(self, cv_results):
        """Choose a row; as the other rules do, from results that hold paired losses.

        Parameters
        ----------
        cv_results : dict of str to ndarray
            The `cv_results_` of a `PruningSearchCV`.

        Returns
        -------
        int
            The row that is chosen.

        Raises
        ------
        InputError
            If a column is missing, or nothing is known of any row.
        """
        self._paired(cv_results, "mean")  # no other column would help
        return super().__call__(cv_results)

    def _check_parameters(self):
        self._check_number("margin", 0)
        self._check_number("confidence", 0.5)
        if not self.confidence < 1:
            msg = (
                f"confidence={self.confidence!r} was given to NonInferior; it must be below 1, "
                "for no number of rows makes certain."
            )
            raise InputError(msg)

    def _eligible(self, cv_results, score, size, rows):
        mean, error, step = (self._paired(cv_results, part)[rows] for part in ("mean", "se", "row"))
        known = ~np.isnan(mean)
        if not known.any():
            msg = (
                "NonInferior finds no row whose loss increase is known: the fits failed, weights "
                "of rows were routed, or the target has no row losses (several outputs of a "
                "classifier, a fold whose target is constant). Take WithinTolerance there."
            )
            raise InputError(msg)
        fits = np.asarray(cv_results.get("combination", np.zeros(len(score))))[rows]
        order = np.argsort(-size, kind="stable")  # not by score, not even among equals
        order = order[known[order]]
        # The largest level of each combination speaks for it.
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
        """Test levels in their order, the largest first; a mask of those that pass."""
        passes = step == 0  # the whole model itself
        chance = _chance_of_less(mean, error, np.where(passes, 1.0, step), self.margin)
        alpha, tested, carried = 1 - self.confidence, np.flatnonzero(step > 0), 0.0
        for place, level in enumerate(tested):
            share = 1.0 if len(tested) == 1 else 0.5 if place == 0 else 0.5 / (len(tested) - 1)
            spent = alpha * share + carried
            passes[level] = chance[level] <= spent
            carried = spent if passes[level] else 0.0
        return passes

    def _paired(self, cv_results, part):
        name = f"{part}_loss_increase"
        if name not in cv_results:
            msg = (
                f"NonInferior finds no column {name!r} in the results: only a PruningSearchCV "
                "over a pruner of models writes it. Search with one, or take WithinTolerance "
                "or OneStandardError."
            )
            raise InputError(msg)
        return np.asarray(cv_results[name], dtype=float)

    def _warn(self, mean, error):
        nearest = np.argmin(mean + error)
        warnings.warn(
            f"No level could be shown to lose at most margin={self.margin} at "
            f"confidence={self.confidence}; the largest is taken. The nearest loses "
            f"{mean[nearest]:.2g}, with a standard error of {error[nearest]:.2g}. Allow a larger "
            "margin, ask for less confidence, or bring more rows.",
            PruningWarning,
            stacklevel=5,
        )


def _chance_of_less(mean, error, step, margin):
    """Return the probability of a mean as low as this one if the true loss is the margin.

    Parameters
    ----------
    mean, error, step : ndarray of shape (n_levels,)
        Mean increase, its standard error, and what one row more adds to the mean.
    margin : float
        The true increase under the hypothesis.

    Returns
    -------
    ndarray of shape (n_levels,)
        P-values of the hypothesis that the increase is at least the margin.

    Notes
    -----
    In steps: `margin` steps more are lost than gained; of the rows that differ (variance
    over squared step) those gained are estimated under the hypothesis (Tango 1998, for
    rows that seldom differ). The number lost less gained is then, up to scale and shift, a
    Poisson variable with the same mean, variance and third moment.
    """
    differ, seen, expected = (error / step) ** 2, mean / step, margin / step
    gained = ((differ - seen) / 2).clip(min=0)
    slope = 2 * expected - differ
    gained = (np.sqrt(slope**2 + 8 * gained * expected) - slope) / 4
    variance = 2 * gained + expected
    excess = seen + 0.5 - expected  # half a step: steps are whole numbers
    # Where the skewness vanishes the law is normal.
    spread = np.sqrt(np.where(variance > 0, variance, 1.0))
    normal = np.where(variance > 0, ndtr(excess / spread), (excess > 0).astype(float))
    scale = expected / np.where(variance > 0, variance, 1.0)
    skewed = scale > 1e-4 * spread
    scale = np.where(skewed, scale, 1.0)
    rate = variance / scale**2
    count = excess / scale + rate + 0.5
    poisson = np.where(count > 0, gammaincc(count.clip(min=1e-12), rate), 0.0)
    return np.where(skewed, poisson, normal)
