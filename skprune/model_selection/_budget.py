"""The rule of budgets: the best model that is small enough, and fast enough."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skprune.exceptions import InputError
from skprune.model_selection._cv_results import CVResults
from skprune.model_selection._rules import BaseRule
from skprune.size import SIZES


class WithinBudget(BaseRule):
    """Choose the best model within budgets of size and of latency.

    Parameters
    ----------
    budget : float, default=None
        Largest size allowed, in the unit of `size`.
    bytes : float, default=None
        Largest number of bytes allowed, on average over the folds.
    parameters : float, default=None
        Largest number of parameters allowed, likewise.
    units : float, default=None
        Largest number of units allowed, likewise: leaves, members, weights.
    latency : float, default=None
        Largest time allowed for one call of `predict`, in seconds, of the model that would be
        refitted with all steps around it. A `PruningSearchCV` measures it; see Notes.
    batch_size : int, default=1
        Number of samples of such a call.
    metric : str, default="score"
        Name of the metric: the rule reads `mean_test_<metric>`.
    size : str, default=None
        The size that `budget` limits: "units", "parameters" or "bytes" in the results of a
        `PruningSearchCV`, the name of a `size_scorer` in those of a `GridSearchCV`. None is
        "units".

    See Also
    --------
    OneStandardError : The smallest model within one standard error of the best.
    WithinTolerance : The smallest model within a given loss of score.
    compare : Measures the latency of fitted models side by side.

    Notes
    -----
    Of equal scores the smaller model is chosen, by the first budget that is given.

    Sizes are means over the folds. The model that is refitted to all samples may be larger
    than the budget; `PruningSearchCV` then warns.

    With `latency`, the search cuts the models of all candidates within the other budgets, fitted to
    all samples, and times each one by itself: on one thread, after calls that warm it up, as the
    median over many calls. The chosen one is timed again, for longer, and another is chosen where
    that exceeds the budget. `cv_results_` then has `latency` and `latency_iqr`, the interquartile
    range over the calls, both in seconds. Times are those of the machine that searches.

    Examples
    --------
    >>> from skprune import WithinBudget
    >>> results = {
    ...     "mean_test_score": [0.90, 0.89, 0.80],
    ...     "mean_units": [100, 10, 1],
    ...     "mean_bytes": [9000, 900, 90],
    ... }
    >>> WithinBudget(50)(results), WithinBudget(units=50, bytes=500)(results)
    (1, 2)
    """

    def __init__(
        self,
        budget: float | None = None,
        *,
        bytes: float | None = None,  # noqa: A002 - the name of the size
        parameters: float | None = None,
        units: float | None = None,
        latency: float | None = None,
        batch_size: int = 1,
        metric: str = "score",
        size: str | None = None,
    ) -> None:
        self.budget = budget
        self.bytes = bytes
        self.parameters = parameters
        self.units = units
        self.latency = latency
        self.batch_size = batch_size
        self.metric = metric
        self.size = size

    def limits(self, *, without_latency: bool = False) -> dict[str, float]:
        """Return the budgets by the names of what they limit.

        Parameters
        ----------
        without_latency : bool, default=False
            Whether to leave the latency out, which is measured last.

        Returns
        -------
        dict of str to float
            The budgets that are given.
        """
        own = {name: getattr(self, name) for name in (*SIZES, "latency")}
        found = {name: limit for name, limit in own.items() if limit is not None}
        if self.budget is not None:
            name = self.size or "units"
            found = {name: min(self.budget, found.get(name, self.budget)), **found}
        if without_latency:
            found.pop("latency", None)
        return found

    def rows_to_time(self, columns: Mapping[str, Any]) -> NDArray[np.intp]:
        """Return the rows whose latency decides: those within all other budgets.

        Parameters
        ----------
        columns : dict of str to ndarray
            The `cv_results_` of a search, without latencies.

        Returns
        -------
        ndarray of int
            Rows.
        """
        results = CVResults(columns, type(self).__name__)
        known = ~np.isnan(results.scores(self.metric))
        limits = self.limits(without_latency=True)
        return np.flatnonzero(known & self._affordable(results, limits) if limits else known)

    def sizes_asked(self) -> list[str]:
        """Return the names of the sizes that are limited.

        Returns
        -------
        list of str
            Names.
        """
        return list(self.limits())

    def _size_that_ranks(self):
        return next(iter(self.limits()))

    def _check_parameters(self):
        given = [n for n in ("budget", *SIZES, "latency") if getattr(self, n) is not None]
        if not given:
            msg = (
                "WithinBudget was given no budget. Give one or several of units, parameters, "
                "bytes and latency, such as WithinBudget(bytes=100_000)."
            )
            raise InputError(msg)
        for name in given:
            self._check_number(name, 0)
        if isinstance(self.batch_size, bool) or not isinstance(self.batch_size, Integral):
            self._refuse_batch_size()
        if self.batch_size < 1:
            self._refuse_batch_size()

    def _refuse_batch_size(self):
        msg = (
            f"batch_size={self.batch_size!r} was given to WithinBudget; it must be an int of at "
            "least 1."
        )
        raise InputError(msg)

    def parameter_of(self, name: str) -> str:
        """Return the parameter that limits a size.

        Parameters
        ----------
        name : str
            Name of the size.

        Returns
        -------
        str
            "budget", or the name itself.
        """
        return "budget" if self.limits()[name] == self.budget else name

    def _affordable(self, results, limits):
        """Return the mask of the rows that keep some budgets; unknown sizes do not."""
        return np.all([results.sizes(n) <= limit for n, limit in limits.items()], axis=0)

    def _eligible(self, results, score, size, rows):  # noqa: ARG002 - the base's hook
        limits = self.limits()
        affordable = self._affordable(results, limits)[rows]
        if not affordable.any():
            raise InputError(self._why_nothing_fits(results, limits, rows))
        return affordable & (score == score[affordable].max())

    def _why_nothing_fits(self, results, limits, rows):
        """Return the message that names the row that is closest to all budgets."""
        sizes = {name: results.sizes(name)[rows] for name in limits}
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.max([sizes[name] / limit for name, limit in limits.items()], axis=0)
        excess[np.isnan(excess)] = np.inf
        closest = int(np.argmin(excess))
        params = results.columns.get("params")
        which = f"row {rows[closest]}" if params is None else str(params[rows[closest]])
        has = " and ".join(_amount(name, column[closest]) for name, column in sizes.items())
        given = ", ".join(f"{self.parameter_of(n)}={limit!r}" for n, limit in limits.items())
        return (
            f"No model fits {given}: the closest has {has} ({which}). Raise the budget, or search "
            "smaller levels."
        )


def _amount(name, value):
    return f"a latency of {value:.3g} s" if name == "latency" else f"{value:g} {name}"
