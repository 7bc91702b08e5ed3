"""The fits of a search: one to all samples for the levels, and one per fold for their scores."""

import warnings
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.parallel import delayed

from skprune.base import PruningPath
from skprune.base._levels import geometric_levels
from skprune.exceptions import PruningWarning
from skprune.model_selection._candidates import PATH
from skprune.model_selection._fit_once import reaches
from skprune.model_selection._fit_wrapped import FittedPlainly
from skprune.model_selection._groups import by_number, fit_group, groups_of, score_group
from skprune.model_selection._rows import WholeFit

# Of a group of more families, the progress tells their number only.
MOST_NAMED = 2
# Levels of a path of which each takes a fit of its own.
MOST_PLAIN = 10


class Run(NamedTuple):
    """What all fits of a search have in common.

    Attributes
    ----------
    search : PruningSearchCV
        Its parameters are read.
    plan : list of Combination
        What is fitted.
    scoring : Scoring
        How levels are scored.
    X, y : array-like
        All samples and targets.
    routed : Bunch
        Parameters of the estimator and of the scorer.
    splits : list of tuple of ndarray
        Indices of training and test samples of each fold.
    parallel : Parallel
        Runs the fits.
    progress : Progress
        Reports them.
    """

    search: Any
    plan: Any
    scoring: Any
    X: Any
    y: Any
    routed: Any
    splits: Any
    parallel: Any
    progress: Any

    def _groups(self):
        """Return the groups that are fitted to all samples, and those fitted once per fold."""
        asked = {
            number: combination
            for number, combination in enumerate(self.plan)
            if any(PATH in named.values() for _, named in combination.entries)
        }
        n_jobs = self.search.n_jobs
        folds = groups_of(dict(enumerate(self.plan)), len(self.splits), n_jobs)
        return groups_of(asked, 1, n_jobs), folds

    def announce(self):
        """Print what will be fitted, before anything is, and warn of what will take long."""
        slow = [each for each in self.plan if not reaches(each.estimator, each.route)]
        if slow:
            families = ", ".join(dict.fromkeys(each.family for each in slow))
            warnings.warn(
                f"{families}: every level is fitted by itself, as in GridSearchCV, for what is "
                "around the pruner depends on the level. The search is correct, but not fast; "
                f"'path' is replaced by at most {MOST_PLAIN} levels.",
                PruningWarning,
                stacklevel=5,
            )
        wholes, folds = self._groups()
        self.progress.n_fits = len(wholes) + len(folds) * len(self.splits)
        n_folds, n_plans = len(self.splits), len(self.plan)
        self.progress.say(
            f"Fitting {n_folds} folds for each of {n_plans} combinations, totalling "
            f"{n_folds * n_plans} fits, in {self.progress.n_fits} tasks of combinations that "
            "share fits"
        )

    def fit_whole(self):
        """Fit to all samples where the grid asks for the path; dict of int to WholeFit."""
        groups, catch = self._groups()[0], self.search.error_score != "raise"
        tasks = [
            delayed(fit_group)(
                [self.plan[number].unfitted() for number in group],
                self.X,
                self.y,
                self.routed.estimator.fit,
                catch=catch,
                with_path=True,
            )
            for group in groups
        ]
        labels = [f"{self._label(group)} on all samples, for the path" for group in groups]
        done = self.progress.run(self.parallel, "paths", tasks, labels)
        fits = by_number(groups, done)
        failed = [fit.seconds for fit in fits.values() if fit.fitted is None]
        if failed and len(failed) == len(self.plan):
            raise failed[0]  # no combination has levels
        return {
            number: WholeFit(fit.fitted, fit.seconds, fit.path, self._levels(fit))
            for number, fit in fits.items()
        }

    def _levels(self, fit):
        """Choose the rows of a path that are scored; None for a fit that failed."""
        fitted, path, most = fit.fitted, fit.path, self.search.max_levels
        if fitted is None:
            return None
        if isinstance(fitted, FittedPlainly):
            most = min(most, MOST_PLAIN)
        if len(path) > most and isinstance(fitted.path, PruningPath):
            transformed = fitted.transform(self.X)
            specs = self.scoring.specs.values()
            if all(path.free_scores(spec, transformed, self.y) is not None for spec in specs):
                return np.arange(len(path))
        return geometric_levels(path.units, most)

    def score_rows(self, rows):
        """Score all rows on all folds; a list of dict, ordered by row."""
        mine: list[list[int]] = [[] for _ in self.plan]
        for at, row in enumerate(rows):
            mine[row.combination].append(at)
        pairs = list(product(self._groups()[1], range(len(self.splits))))
        tasks, labels = [], []
        for group, fold in pairs:
            levels = [[rows[at].level for at in mine[number]] for number in group]
            tasks.append(self._score_task(group, fold, levels))
            where = f"fold {fold + 1} of {len(self.splits)}"
            labels.append(f"{self._label(group)} on {where}, {sum(map(len, levels))} levels")
        done = self.progress.run(self.parallel, "folds", tasks, labels)
        out = np.empty((len(rows), len(self.splits)), dtype=object)
        for (group, fold), each in zip(pairs, done, strict=True):
            for number, results in zip(group, each, strict=True):
                out[mine[number], fold] = results
        return list(out.ravel())

    def _score_task(self, group, fold, levels):
        return delayed(score_group)(
            [self.plan[number].unfitted() for number in group],
            levels,
            self.X,
            self.y,
            split=self.splits[fold],
            scoring=self.scoring,
            fit_params=self.routed.estimator.fit,
            score_params=self.routed.scorer.score,
            train_too=self.search.return_train_score,
        )

    def _label(self, group):
        """Return the families of a group of combinations, and how many these are."""
        families = dict.fromkeys(self.plan[number].family for number in group)
        names = ", ".join(families) if len(families) <= MOST_NAMED else f"{len(families)} families"
        several = f" ({len(group)} combinations)" if len(group) > len(families) else ""
        return names + several

    def fit_again(self, whole, number):
        """Return a fit of a combination to all samples that can be cut, and its seconds."""
        found = whole.get(number)
        # From another process a path may come back without data that its levels need.
        if found is None or found.fitted is None or found.fitted.path.lost_rows:
            own, params = [self.plan[number].unfitted()], self.routed.estimator.fit
            found = fit_group(own, self.X, self.y, params, catch=False, with_path=False)[0]
        return found.fitted, found.seconds
