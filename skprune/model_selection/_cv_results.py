"""The one reader of `cv_results_`, for rules and displays."""

import re

import numpy as np

from skprune.exceptions import InputError
from skprune.model_selection._paired import UNKNOWN, over_folds
from skprune.size import SIZES


def extend_columns(columns, rows, plan, out):
    """Add to the columns of scikit-learn what a `PruningSearchCV` measures besides; in place.

    Parameters
    ----------
    columns : dict of str to ndarray
        The `cv_results_`.
    rows : list of Row
        Its rows.
    plan : list of Combination
        Their combinations.
    out : list of dict
        The results of each row and fold.
    """
    shape = len(rows), len(out) // len(rows), -1
    means = np.array([result["sizes"] for result in out], dtype=float).reshape(shape).mean(axis=1)
    columns |= {f"mean_{size}": column for size, column in zip(SIZES, means.T, strict=True)}
    columns["combination"] = np.array([row.combination for row in rows])
    families = [each.family for each in plan]
    units = [each.pruner._unit_name for each in plan]
    for name, known in {"family": families, "unit": units}.items():
        columns[name] = np.array([known[row.combination] for row in rows], dtype=object)
    increases = [result["increase"] for result in out]
    if any(increases):
        paired = np.array([found or UNKNOWN for found in increases])
        columns |= over_folds(paired.reshape(shape))


class CVResults:
    """The columns of `cv_results_` by what they hold.

    Parameters
    ----------
    columns : dict of str to array-like
        The `cv_results_` of a `PruningSearchCV` or a `GridSearchCV`.
    reader : str, default=None
        Name of the class that has the parameters `metric` and `size`; for messages.
    """

    def __init__(self, columns, reader=None):
        self.columns = columns
        self.reader = reader

    def __len__(self):
        return len(next(iter(self.columns.values()), ()))

    def scores(self, metric):
        """Return the mean test scores."""
        return self._read("mean_test_", metric, "metric")

    def standard_errors(self, metric):
        """Return the standard errors of the mean test scores over the splits."""
        pattern = re.compile(rf"split\d+_test_{re.escape(metric)}")
        n_splits = sum(bool(pattern.fullmatch(key)) for key in self.columns)
        return self._read("std_test_", metric, "metric") / np.sqrt(n_splits)

    def sizes(self, size):
        """Return the mean sizes over the splits."""
        if size in self.columns:  # the latency, which is measured once
            return np.asarray(self.columns[size], dtype=float)
        # PruningSearchCV measures sizes by itself; elsewhere a size_scorer, which negates.
        if f"mean_{size}" in self.columns:
            return np.asarray(self.columns[f"mean_{size}"], dtype=float)
        return np.abs(self._read("mean_test_", size, "size"))

    def size_name(self, size=None):
        """Return the name of a size; None is units, or bytes where these do not compare."""
        if size is not None:
            return size
        return "units" if len(set(self.columns.get("unit", ()))) < 2 else "bytes"

    def front(self, metric, size):
        """Return the rows on the Pareto front: no other is smaller and scores as high.

        Parameters
        ----------
        metric, size : str
            What is compared.

        Returns
        -------
        ndarray of int
            The rows, the smallest first.
        """
        score, sizes = self.scores(metric), self.sizes(size)
        rows = np.flatnonzero(~np.isnan(score) & ~np.isnan(sizes))
        rows = rows[np.lexsort((-score[rows], sizes[rows]))]
        best = np.maximum.accumulate(np.concatenate([[-np.inf], score[rows]]))
        return rows[score[rows] > best[:-1]]

    def combinations(self):
        """Return the combination of the other parameters of each row; one for all if unknown."""
        return np.asarray(self.columns.get("combination", np.zeros(len(self))))

    def largest(self, size):
        """Return the row of the largest model of each combination; ndarray of int."""
        sizes = np.nan_to_num(self.sizes(size), nan=-np.inf)
        order = np.lexsort((-sizes, self.combinations()))
        return order[np.unique(self.combinations()[order], return_index=True)[1]]

    def loss_increases(self):
        """Return mean, standard error and step of the loss increases, which are paired."""
        names = [f"{part}_loss_increase" for part in ("mean", "se", "row")]
        for name in names:
            if name not in self.columns:
                msg = (
                    f"{self.reader} finds no column {name!r} in the results: only a "
                    "PruningSearchCV over a pruner of models writes it. Search with one, or take "
                    "WithinTolerance or OneStandardError."
                )
                raise InputError(msg)
        return tuple(np.asarray(self.columns[name], dtype=float) for name in names)

    def _read(self, prefix, name, parameter):
        if f"{prefix}{name}" in self.columns:
            return np.asarray(self.columns[f"{prefix}{name}"], dtype=float)
        known = sorted(k.removeprefix(prefix) for k in self.columns if k.startswith(prefix))
        given = f"{parameter}={name!r}"
        msg = (
            f"{given if self.reader is None else f'{self.reader}({given})'} finds no column "
            f"{prefix + name!r} in cv_results_, which holds {known}. Name one of these as "
            f"{parameter}"
        )
        if parameter == "size":
            msg += f', or add a size_scorer to the scoring: {{"{name}": size_scorer(...)}}'
        raise InputError(msg + ".")
