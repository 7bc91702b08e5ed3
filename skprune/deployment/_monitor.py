"""Watching a pruned model against the whole one over a stream of samples."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError

from skprune.arrays.annotations import MatrixLike
from skprune.deployment._agreement import Tally, compare_predictions
from skprune.deployment._column_drift import ColumnDrift
from skprune.deployment._monitor_checks import (
    PARAMETERS,
    check_length,
    check_level,
    check_models,
    check_params,
)
from skprune.deployment._monitor_plot import draw_batches
from skprune.deployment._stream import Stream, read_json, write_json
from skprune.exceptions import InputError


class AgreementMonitor:
    """Watch a pruned model against the whole model over a stream of samples.

    Counts how often the two models agree, batch by batch, and raises an alarm if they agree
    less often than at the beginning, by a test that may be read after every sample without
    losing its guarantee. Where true targets are known, the scores are compared as well; where the
    samples are given, the distribution of each feature is compared with that of the table
    given to `fit`.

    Parameters
    ----------
    reference, pruned : fitted estimators, default=None
        The whole model and the pruned one; anything with `predict`. Not needed if predictions
        are given. Neither is changed, or stored by `to_json`.
    level : float, default=None
        The agreement that is tested, in (0, 1): the alarm rejects that the models agree in at
        least this share of the samples. None: the agreement in `fit` minus `tolerance`.
    tolerance : float, default=0.01
        By how much the agreement may be lower than in `fit`, in [0, 1). Not used if `level` is
        given.
    confidence : float, default=0.95
        Coverage of the intervals; the probability of a false alarm over the whole life of a
        stream is at most ``1 - confidence``.
    atol : float, default=None
        Predictions of regressors agree if they differ by at most this, in the unit of the
        target. None is for labels, which agree if they are equal.
    drift : bool, default=True
        Whether to count the values of each feature, which takes about 4 kB per feature. Turn it
        off for wide tables, and for input that is no table, such as text.

    Attributes
    ----------
    level_ : float
        The agreement that is tested.
    baseline_ : Series
        Of the samples given to `fit`: `n_samples`, `agreement` and `score_difference`.
    n_samples_seen_ : int
        Number of samples of the stream so far.
    agreement_ : float
        Share of them with the same prediction; with several outputs, with all of them the same.
    interval_ : tuple of float
        The exact interval (Clopper-Pearson) of the agreement, at this number of samples.
    alarm_ : bool
        Whether there has been an alarm. It remains.
    alarm_at_ : int or None
        The number of samples at which the alarm came.
    evidence_ : float
        The e-value against the hypothesis that the agreement has always been at least
        `level_`. It begins at 1 and is small while the hypothesis is true.
    score_difference_ : float
        Score of the pruned model minus that of the reference, over samples with known targets:
        of the accuracy, or of the mean absolute error with a negative sign, so that a negative
        difference is a loss. NaN without targets.
    score_interval_ : tuple of float
        Interval of the score difference: exact for labels, from a normal approximation for
        regressors.
    drift_ : DataFrame
        A row per feature: `psi` (population stability index) and `ks` (Kolmogorov-Smirnov
        statistic) of all samples of the stream against those given to `fit`, and `psi_last`
        and `ks_last` of the last batch.

    Raises
    ------
    InputError
        If a parameter is out of range, or a model predicts numbers and `atol` is None.

    See Also
    --------
    compare : Models side by side, on one set of test samples.
    RulePruner : Removes features that drift.

    Notes
    -----
    The test is an e-process, a betting martingale [1]_: a capital of 1 is bet against the
    hypothesis, at odds that are fair or unfavourable if it is true, so that with probability at
    most alpha the capital ever reaches ``1 / alpha`` (Ville's inequality). Ten fixed bets share the
    capital, for drops of a half to a thousandth of the level, and each is divided over the
    times at which the drop may begin [2]_, with a stake of about ``1 / (t log(t) ** 2)`` at
    sample t. So a drop is found also after a long time without one, somewhat later. Batches of any
    sizes give the same result; samples should be given in their order of time.

    The agreement in `fit` is an estimate. Half of ``1 - confidence`` is spent on its lower bound,
    from which `tolerance` is subtracted, and the test has the other half. If `level` is given,
    the test has all.

    The guarantee needs one thing of the stream: given the past, a sample disagrees with
    probability at most ``1 - level_``. Independent samples of one distribution fulfil it. A stream
    that shifts to samples on which the models disagree more does not, and an alarm is
    then no false one, although neither model has changed; `drift_` shows such shifts.

    `interval_` and `score_interval_` hold at a number of samples that is fixed in advance, not
    at all times at once. `ks` is computed from a hundred bins of about equal weight in the samples
    given to `fit`, and so up to about 0.01 too small. Of few samples, both statistics are large
    by chance: without a shift, `psi_last` is about 9 / n for n samples.

    References
    ----------
    .. [1] I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by
       betting", Journal of the Royal Statistical Society B, 2024.

    .. [2] J. Shin, A. Ramdas and A. Rinaldo, "E-detectors: a nonparametric framework for
       sequential change detection", New England Journal of Statistics in Data Science, 2023.

    C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika, 1934.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skprune import AgreementMonitor, TreePruner
    >>> X, y = make_classification(6000, random_state=0)
    >>> forest = RandomForestClassifier(20, random_state=0).fit(X[:1000], y[:1000])
    >>> pruner = TreePruner(RandomForestClassifier(20, random_state=0), keep=0.2)
    >>> pruner = pruner.fit(X[:1000], y[:1000])
    >>> monitor = AgreementMonitor(forest, pruner).fit(X[1000:3000], y[1000:3000])
    >>> for start in range(3000, 6000, 500):
    ...     monitor = monitor.update(X[start : start + 500], y[start : start + 500])
    >>> monitor.n_samples_seen_, round(monitor.agreement_, 3), monitor.alarm_
    (3000, 0.984, False)
    >>> restored = AgreementMonitor.from_json(monitor.to_json(), forest, pruner)
    >>> restored.evidence_ == monitor.evidence_
    True
    """

    def __init__(
        self,
        reference: Any = None,
        pruned: Any = None,
        *,
        level: float | None = None,
        tolerance: float = 0.01,
        confidence: float = 0.95,
        atol: float | None = None,
        drift: bool = True,
    ) -> None:
        self._reference, self._pruned = reference, pruned
        check_models((reference, pruned), atol)
        self._params = check_params(level, tolerance, confidence, atol, drift)
        self._begin(self._params["level"], Tally(), None)

    def _begin(self, level, baseline, drift):
        """Set the state before the first sample of the stream."""
        self._level, self._baseline, self._drift = level, baseline, drift
        self._stream = Stream()

    def fit(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Set the baseline by held-out samples, and begin a new stream.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Held-out samples of the time before the stream.
        y : array-like of shape (n_samples,), default=None
            True targets.

        Returns
        -------
        self : object
            The monitor.

        Raises
        ------
        InputError
            If there are no models, or the models agree too seldom to test anything.
        """
        predictions = self._predict(X, "fit")
        table = X if self._params["drift"] else None
        return self.fit_predictions(predictions[0], predictions[1], y, table)

    def fit_predictions(
        self,
        reference_predictions: ArrayLike,
        predictions: ArrayLike,
        y: ArrayLike | None = None,
        X: MatrixLike | None = None,
    ) -> Self:
        """Set the baseline by stored predictions of held-out samples, and begin a new stream.

        Parameters
        ----------
        reference_predictions, predictions : array-like of shape (n_samples,)
            Predictions of the whole model and of the pruned one.
        y : array-like of shape (n_samples,), default=None
            True targets; missing values where they are not known.
        X : array-like of shape (n_samples, n_features), default=None
            The samples, for `drift_`.

        Returns
        -------
        self : object
            The monitor.

        Raises
        ------
        InputError
            If the columns do not match, or agree too seldom to test anything.
        """
        params = self._params
        _, tally = compare_predictions(reference_predictions, predictions, y, params["atol"])
        check_length(X, tally.n_samples)
        level = params["level"]
        if level is None:
            low = tally.agreement_interval(params["confidence"])[0]
            level = low - params["tolerance"]
            if level <= 0:
                msg = (
                    f"The models agree in {tally.n_agree} of {tally.n_samples} sample(s), and the "
                    f"lower bound of the agreement, {low:.3g}, is not above tolerance="
                    f"{params['tolerance']:.3g}. Give more samples, or a smaller tolerance."
                )
                raise InputError(msg)
        drift = None if X is None or not params["drift"] else ColumnDrift.of(X)
        self._begin(level, tally, drift)
        return self

    def update(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Add a batch of samples of the stream.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples, in their order of time.
        y : array-like of shape (n_samples,), default=None
            True targets; missing values where they are not known yet.

        Returns
        -------
        self : object
            The monitor.

        Raises
        ------
        InputError
            If there are no models, or the samples do not match those of `fit`.
        sklearn.exceptions.NotFittedError
            If there is no level to test: neither `fit` was called nor `level` given.
        """
        self._check_level()
        predictions = self._predict(X, "update")
        table = None if self._drift is None else X
        return self.update_predictions(predictions[0], predictions[1], y, table)

    def update_predictions(
        self,
        reference_predictions: ArrayLike,
        predictions: ArrayLike,
        y: ArrayLike | None = None,
        X: MatrixLike | None = None,
    ) -> Self:
        """Add a batch of stored predictions.

        Parameters
        ----------
        reference_predictions, predictions : array-like of shape (n_samples,)
            Predictions of the whole model and of the pruned one, in their order of time.
        y : array-like of shape (n_samples,), default=None
            True targets; missing values where they are not known yet.
        X : array-like of shape (n_samples, n_features), default=None
            The samples, for `drift_`; only if they were given to `fit`.

        Returns
        -------
        self : object
            The monitor.

        Raises
        ------
        InputError
            If the columns do not match each other, or the samples those of `fit`.
        sklearn.exceptions.NotFittedError
            If there is no level to test.
        """
        level = self._check_level()
        agrees, tally = compare_predictions(
            reference_predictions, predictions, y, self._params["atol"]
        )
        check_length(X, tally.n_samples)
        if X is not None and self._drift is None:
            msg = (
                "X was given, but there is no table to compare it with. Give X to fit as well, "
                "with drift=True, or leave it out."
            )
            raise InputError(msg)
        counts = None if X is None else self._drift.count(X)
        # All was read without an error: from here on the state changes.
        if counts is not None:
            self._drift.add(counts)
        self._stream.add(agrees, tally, level, self._log_limit())
        return self

    def _predict(self, X, method):
        if self._reference is None or self._pruned is None:
            msg = (
                f"{method} was called, but the monitor does not have both models. Give reference "
                f"and pruned, or stored predictions to {method}_predictions."
            )
            raise InputError(msg)
        return self._reference.predict(X), self._pruned.predict(X)

    def _check_level(self):
        if self._level is None:
            msg = (
                "There is no agreement to test yet. Call fit with held-out samples before update, "
                "or give level."
            )
            raise NotFittedError(msg)
        return self._level

    def _log_limit(self):
        """Return the logarithm of the evidence that raises the alarm."""
        alpha = 1.0 - self._params["confidence"]
        return -np.log(alpha if self._params["level"] is not None else alpha / 2)

    # What was found.

    @property
    def level_(self) -> float:
        """The agreement that is tested."""
        return self._check_level()

    @property
    def baseline_(self) -> pd.Series:
        """Number of samples, agreement and score difference of the samples given to `fit`."""
        found = self._baseline
        values = [found.n_samples, found.agreement, found.score_difference]
        return pd.Series(values, ["n_samples", "agreement", "score_difference"], name="baseline")

    @property
    def n_samples_seen_(self) -> int:
        """Number of samples of the stream so far."""
        return self._stream.total.n_samples

    @property
    def agreement_(self) -> float:
        """Share of the samples with the same prediction."""
        return self._stream.total.agreement

    @property
    def interval_(self) -> tuple[float, float]:
        """Exact interval of the agreement."""
        return self._stream.total.agreement_interval(self._params["confidence"])

    @property
    def alarm_(self) -> bool:
        """Whether there has been an alarm."""
        return self._stream.alarm_at is not None

    @property
    def alarm_at_(self) -> int | None:
        """Number of samples at which the alarm came."""
        return self._stream.alarm_at

    @property
    def evidence_(self) -> float:
        """The e-value against an agreement of at least `level_`."""
        return self._stream.evidence

    @property
    def score_difference_(self) -> float:
        """Mean score of the pruned model minus that of the reference."""
        return self._stream.total.score_difference

    @property
    def score_interval_(self) -> tuple[float, float]:
        """Interval of the score difference."""
        exact = self._params["atol"] is None
        return self._stream.total.score_interval(self._params["confidence"], exact=exact)

    @property
    def drift_(self) -> pd.DataFrame:
        """Drift of each feature."""
        if self._drift is None:
            msg = "There is no drift to measure: the samples were not given to fit, or drift=False."
            raise AttributeError(msg)
        return self._drift.frame()

    def frame(self) -> pd.DataFrame:
        """Return the batches as a table.

        Returns
        -------
        DataFrame
            A row per batch: `n_samples`, `agreement` with its exact interval from `low` to
            `high`, `n_labelled`, `score_difference`, and after the batch `evidence` and `alarm`.
            When there are more than 1,000 batches, each two are put together.
        """
        return self._stream.frame(self._params["confidence"])

    def plot(self, ax: Any = None) -> Any:
        """Plot the agreement of the batches, with their intervals.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; a new figure if None.

        Returns
        -------
        matplotlib Axes
            The axes, with the tested level, the baseline and the alarm.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        InputError
            If there is no batch yet.
        """
        if not self.n_samples_seen_:
            msg = "There is no batch to plot yet. Call update first."
            raise InputError(msg)
        lines = {"at fit": self._baseline.agreement, "tested level": self._level}
        return draw_batches(ax, self.frame(), lines, self._stream.alarm_at)

    # As JSON.

    def to_json(self) -> str:
        """Return the whole state but the models as JSON.

        Returns
        -------
        str
            The text; see `from_json`. It holds counts, bin edges and the most frequent
            categories as hashes, but no samples.
        """
        return write_json(
            {
                "parameters": self._params,
                "level": self._level,
                "baseline": self._baseline.values(),
                "stream": self._stream.to_dict(),
                "drift": None if self._drift is None else self._drift.to_dict(),
            }
        )

    @classmethod
    def from_json(cls, text: str, reference: Any = None, pruned: Any = None) -> Self:
        """Return the monitor that `to_json` wrote; it continues where that one was.

        Parameters
        ----------
        text : str
            The text. Nothing in it is executed.
        reference, pruned : fitted estimators, default=None
            The models, which are not part of the text.

        Returns
        -------
        AgreementMonitor
            The monitor.

        Raises
        ------
        InputError
            If the text is malformed, or of a newer version.
        """
        state = read_json(text)
        try:
            params = {name: state["parameters"][name] for name in PARAMETERS}
            monitor = cls(reference, pruned, **params)
            baseline, stream = Tally.read(state["baseline"]), Stream.from_dict(state["stream"])
            drift = None if state["drift"] is None else ColumnDrift.from_dict(state["drift"])
            n_seen, stated = stream.total.n_samples, monitor._params["level"]
            monitor._begin(check_level(state["level"], baseline, n_seen, stated), baseline, drift)
            monitor._stream = stream
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            msg = f"text does not hold a whole monitor: {error or 'a value is out of range'}."
            raise InputError(msg) from error
        return monitor
