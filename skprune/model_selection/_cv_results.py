"""The one reader of `cv_results_`, for rules and displays."""

import re

import numpy as np

from skprune.exceptions import InputError


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
        # PruningSearchCV measures sizes by itself; elsewhere a size_scorer, which negates.
        if f"mean_{size}" in self.columns:
            return np.asarray(self.columns[f"mean_{size}"], dtype=float)
        return np.abs(self._read("mean_test_", size, "size"))

    def combinations(self):
        """Return the combination of the other parameters of each row; one for all if unknown."""
        return np.asarray(self.columns.get("combination", np.zeros(len(self))))

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
