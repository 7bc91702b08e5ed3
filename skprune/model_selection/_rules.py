"""Rules: which row of cross-validated results is chosen.

A rule is a callable from `cv_results_` to a row, so it serves as the `refit` of
`PruningSearchCV` and of `GridSearchCV` alike. All rules trade one metric against one
size; ties go to the smaller model, then to the better score.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from skprune.exceptions import InputError
from skprune.model_selection._cv_results import CVResults


class BaseRule(BaseEstimator):
    """Base class of the rules; a subclass finds the rows that may be chosen (`_eligible`)."""

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Choose a row.

        Parameters
        ----------
        cv_results : dict of str to ndarray
            The `cv_results_` of a search.

        Returns
        -------
        int
            The chosen row.

        Raises
        ------
        InputError
            If a column is missing, all scores are NaN, or no row may be chosen.
        """
        self.check()
        results = CVResults(cv_results, type(self).__name__)
        name = results.size_name(self._size_that_ranks())
        score, size = results.scores(self.metric), results.sizes(name)
        usable = ~np.isnan(score) & ~np.isnan(size)
        if not usable.any():
            raise InputError(self._why_none(score, size, name))
        rows = np.flatnonzero(usable)
        eligible = self._eligible(results, score[rows], size[rows], rows)
        return int(self._first(rows[eligible], score, size))

    def sizes_asked(self) -> list[str]:
        """Return the names of the sizes that this rule reads; empty if that depends on the rows.

        Returns
        -------
        list of str
            Names.
        """
        return [] if self.size is None else [self.size]

    def _size_that_ranks(self):
        """Return the size by which models of equal score are ranked; None for the default."""
        return self.size

    def _why_none(self, score, size, name):
        """Return the message for results without a row that has both score and size."""
        if np.isnan(score).all():
            cause = (
                "no score is known, for each has a fold in which the fit or the scorer failed or "
                "gave NaN. Search with error_score='raise' to see why."
            )
        elif np.isnan(size).all():
            cause = (
                "the size of these models is not known. Give the rule another size, such as "
                'size="units", or search by the score alone: refit=True, or GridSearchCV.'
            )
        else:
            cause = "each lacks one of them. Search with error_score='raise' to see why."
        return f"No row has both a score ({self.metric!r}) and a size ({name!r}): {cause}"

    def check(
        self, metrics: Sequence[str] | None = None, sizes: Sequence[str] | None = None
    ) -> None:
        """Refuse parameters with which the rule could not choose.

        Parameters
        ----------
        metrics : list of str, default=None
            Names of the metrics that will be scored; not checked if None.
        sizes : list of str, default=None
            Names of the sizes that will be measured; metrics may be sizes too. Not
            checked if None.

        Raises
        ------
        InputError
            If a parameter is malformed, or names what will not be there.
        """
        self._check_parameters()
        if metrics is None:
            return
        for parameter, names in {"metric": metrics, "size": [*(sizes or ()), *metrics]}.items():
            name = getattr(self, parameter)
            if name is not None and name not in names:
                msg = (
                    f"{type(self).__name__}({parameter}={name!r}) names nothing that is "
                    f"measured here. Allowed are {names}: give "
                    f"refit={type(self).__name__}({parameter}={names[0]!r})."
                )
                raise InputError(msg)

    def _check_parameters(self):
        """Refuse malformed parameters of a subclass."""

    def _check_number(self, parameter, least):
        value = getattr(self, parameter)
        if isinstance(value, bool) or not isinstance(value, Real) or not value >= least:
            msg = (
                f"{parameter}={value!r} was given to {type(self).__name__}; it must be a "
                f"number of at least {least}."
            )
            raise InputError(msg)

    def _check_confidence(self):
        self._check_number("confidence", 0.5)
        if not self.confidence < 1:
            msg = (
                f"confidence={self.confidence!r} was given to {type(self).__name__}; it must be "
                "below 1, which no number of samples reaches. Give 0.95, for example."
            )
            raise InputError(msg)

    @abstractmethod
    def _eligible(self, results, score, size, rows):
        """Return the mask of the rows that may be chosen, of those with score and size."""

    def _first(self, rows, score, size):
        """Return the smallest of some rows; of equal sizes the best."""
        return rows[np.lexsort((-score[rows], size[rows]))[0]]


class OneStandardError(BaseRule):
    """Choose the smallest model whose score is within one standard error of the best.

    Parameters
    ----------
    metric : str, default="score"
        Name of the metric: the rule reads `mean_test_<metric>`.
    size : str, default=None
        The size that is minimized: "units", "parameters" or "bytes" in the results of a
        `PruningSearchCV`, the name of a `size_scorer` in those of a `GridSearchCV`. None is
        "units", or "bytes" where the rows count different units.

    See Also
    --------
    WithinTolerance : The smallest model within a given loss of score.
    WithinBudget : The best model within a given size.

    Notes
    -----
    The standard error is that of the best row over the splits, ``std_test / sqrt(K)``
    (Breiman et al., *Classification and Regression Trees*, 1984, section 3.4.3). It assumes
    independent folds, which holds approximately.

    Examples
    --------
    >>> from skprune import OneStandardError
    >>> OneStandardError()(
    ...     {
    ...         "mean_test_score": [0.90, 0.89, 0.80],
    ...         "std_test_score": [0.04, 0.04, 0.04],
    ...         "split0_test_score": [0.94, 0.93, 0.84],
    ...         "split1_test_score": [0.86, 0.85, 0.76],
    ...         "mean_units": [100, 10, 1],
    ...     }
    ... )
    1
    """

    def __init__(self, *, metric: str = "score", size: str | None = None) -> None:
        self.metric = metric
        self.size = size

    def _eligible(self, results, score, size, rows):
        best = self._first(np.flatnonzero(score == score.max()), score, size)
        return score >= score[best] - results.standard_errors(self.metric)[rows][best]


class WithinTolerance(BaseRule):
    """Choose the smallest model whose score is within a given tolerance of another's.

    Parameters
    ----------
    tolerance : float, default=0.01
        Largest loss of score, in the unit of the metric.
    reference : {"best", "whole"}, default="best"
        The model whose score is compared: the best one, or the largest one that was scored (of
        several combinations of other parameters the best of their largest).
    confidence : float, default=None
        In [0.5, 1). The loss plus what its uncertainty may add at this confidence has to be
        within the tolerance. None compares the means alone: of many levels the smallest one
        that passes is often one that was lucky on these test samples.
    metric : str, default="score"
        Name of the metric: the rule reads `mean_test_<metric>`.
    size : str, default=None
        The size that is minimized: "units", "parameters" or "bytes" in the results of a
        `PruningSearchCV`, the name of a `size_scorer` in those of a `GridSearchCV`. None is
        "units", or "bytes" where the rows count different units.

    See Also
    --------
    OneStandardError : The tolerance is the standard error of the best score.
    NonInferior : A guarantee however many levels are compared; it needs many more samples.
    WithinBudget : The best model within a given size.

    Notes
    -----
    With a `confidence` the rule reads what `NonInferior` reads: the mean of the paired loss
    differences between a level and its whole model, and its standard error, which only a
    `PruningSearchCV` over a pruner of models writes. The upper end of a one-sided normal
    confidence interval of the loss has to be within the tolerance, for each level by itself: a
    compromise between the means alone and a test of all levels together.

    Examples
    --------
    >>> from skprune import WithinTolerance
    >>> WithinTolerance(0.02)(
    ...     {"mean_test_score": [0.90, 0.89, 0.80], "mean_units": [100, 10, 1]}
    ... )
    1
    """

    def __init__(
        self,
        tolerance: float = 0.01,
        *,
        reference: str = "best",
        confidence: float | None = None,
        metric: str = "score",
        size: str | None = None,
    ) -> None:
        self.tolerance = tolerance
        self.reference = reference
        self.confidence = confidence
        self.metric = metric
        self.size = size

    def _check_parameters(self):
        self._check_number("tolerance", 0)
        if self.confidence is not None:
            self._check_confidence()
        if self.reference not in {"best", "whole"}:
            msg = (
                f"reference={self.reference!r} was given to WithinTolerance. Allowed are 'best' "
                "and 'whole'."
            )
            raise InputError(msg)

    def _eligible(self, results, score, size, rows):
        fits = results.combinations()[rows]
        first = np.lexsort((-score, -size, fits))  # of each combination the largest
        _, at, own = np.unique(fits[first], return_index=True, return_inverse=True)
        wholes = first[at]
        row = score.argmax() if self.reference == "best" else wholes[score[wholes].argmax()]
        close = score >= score[row] - self.tolerance
        if self.confidence is None:
            return close
        mean, error, _ = (column[rows] for column in results.loss_increases())
        whole = np.empty(len(rows))
        whole[first] = score[wholes][own]
        loss = score[row] - whole + mean + ndtri(self.confidence) * error
        close &= loss <= self.tolerance  # not where the increase is unknown
        close[row] = True
        return close
