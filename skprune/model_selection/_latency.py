"""The latency of fitted models: one call of `predict`, on one thread, warm, many times."""

import time
from contextlib import contextmanager, suppress
from typing import Any

import joblib
import numpy as np

from skprune._compat import n_rows_of, one_thread, rows_of
from skprune.exceptions import UnsupportedModelError
from skprune.size import plain_model

# Calls that warm up a model; then at least so many are timed, for at least so many seconds.
N_WARM, N_TIMED, SECONDS, SECONDS_OF_CHOSEN = 3, 15, 0.03, 0.5
MOST_CALLS = 2_000


def latency_of(model, X, batch_size, seconds=SECONDS):
    """Time the calls of `predict` of a fitted model.

    Parameters
    ----------
    model : fitted estimator
        The model, with all steps around it.
    X : array-like of shape (n_samples, n_features)
        Samples, of which each call takes the next ones.
    batch_size : int
        Number of samples of a call.
    seconds : float, default=0.03
        How long to measure at least.

    Returns
    -------
    median, iqr : float
        Median and interquartile range of the times, in seconds.
    """
    n_rows = n_rows_of(X)
    # Samples take different paths through a tree; indices beyond the end start again.
    starts = np.arange(0, max(n_rows, 1), batch_size)[:20]
    batches = [rows_of(X, (start + np.arange(batch_size)) % n_rows) for start in starts]
    with one_thread(), joblib.parallel_config("sequential"), _one_job(model):
        for call in range(N_WARM):
            model.predict(batches[call % len(batches)])
        times: list[float] = []
        while len(times) < N_TIMED or (sum(times) < seconds and len(times) < MOST_CALLS):
            batch = batches[len(times) % len(batches)]
            started = time.perf_counter()
            model.predict(batch)
            times.append(time.perf_counter() - started)
    low, median, high = np.percentile(times, [25, 50, 75])
    return float(median), float(high - low)


@contextmanager
def _one_job(model):
    """Let the innermost model predict by one job; libraries of their own read its `n_jobs`."""
    inner: Any = None
    with suppress(UnsupportedModelError):
        inner = plain_model(model)
    jobs = getattr(inner, "n_jobs", None)
    if jobs is None:
        yield
        return
    inner.set_params(n_jobs=1)
    try:
        yield
    finally:
        inner.set_params(n_jobs=jobs)


class Latencies:
    """The latencies of the rows of a search: measured where asked, and longer where chosen.

    Parameters
    ----------
    run : Run
        The search.
    whole : dict of int to WholeFit
        The fits to all samples.
    rows : list of Row
        The rows of the results.
    rule : WithinBudget
        Which limits the latency.
    """

    def __init__(self, run, whole, rows, rule):
        self.run, self.whole, self.rows, self.rule = run, whole, rows, rule
        self.columns = {name: np.full(len(rows), np.nan) for name in ("latency", "latency_iqr")}
        self._fits = {}

    def measure(self, rows):
        """Measure some rows, one after the other."""
        for row in rows:
            self._measure(row)
        return self.columns

    def choose(self, choose):
        """Choose a row that keeps the budget also when it is timed for longer.

        Parameters
        ----------
        choose : callable
            Chooses a row by the columns as they are.

        Returns
        -------
        int
            The row.
        """
        confirmed: set[int] = set()
        while (row := choose()) not in confirmed:
            confirmed.add(row)
            self._measure(row, SECONDS_OF_CHOSEN)
        return row

    def _measure(self, number, seconds=SECONDS):
        row = self.rows[number]
        if row.combination not in self._fits:
            self._fits[row.combination], _ = self.run.fit_again(self.whole, row.combination)
        fitted = self._fits[row.combination]
        model = fitted.at(fitted.locate(row.level), row.level)
        found = latency_of(model, self.run.X, self.rule.batch_size, seconds)
        self.columns["latency"][number], self.columns["latency_iqr"][number] = found
