"""What a report states: the models, the table of them, and what to beware of."""

from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skprune.exceptions import InputError
from skprune.inspection._baselines import Baselines, class_change
from skprune.inspection._compare import compare
from skprune.inspection._page import number
from skprune.inspection._plot_words import in_words
from skprune.inspection._search_levels import read_levels
from skprune.inspection._steps import find_steps, named_report
from skprune.model_selection._cv_results import CVResults
from skprune.model_selection._named_rules import rule_of
from skprune.size import SIZES, size_or_nan
from skprune.surgery.narrowing import Narrowing


class Facts:
    """What is known of a fitted search or pruner.

    Parameters
    ----------
    fitted : estimator
        As `report` takes it.
    test : tuple of (X, y), or None
        Test samples.
    train : tuple of (X, y), or None
        Training samples.
    scoring, n_repeats : object
        As `compare` takes them.
    """

    def __init__(self, fitted, test, train, scoring, n_repeats):
        check_is_fitted(fitted)
        self.fitted, self.test, self.train = fitted, test, train
        self.scoring, self.n_repeats = scoring, n_repeats
        self.search: Any = fitted if hasattr(fitted, "cv_results_") else None
        if self.search is not None and not hasattr(fitted, "best_estimator_"):
            msg = (
                f"This {type(fitted).__name__} has chosen nothing, as refit={fitted.refit!r}. "
                "Give a search that refits."
            )
            raise InputError(msg)
        self.chosen = fitted if self.search is None else fitted.best_estimator_
        self.steps = find_steps(self.chosen)
        if not self.steps:
            msg = (
                f"{type(self.chosen).__name__} holds no pruner and no selector. Give a fitted "
                "pruner, or a pipeline or a search that holds one."
            )
            raise InputError(msg)

    @property
    def main(self):
        """The step that a search has levels of: the last one."""
        return self.steps[-1]

    @cached_property
    def searched(self):
        """Names of the steps whose level was searched."""
        rows = [] if self.search is None else self.search.cv_results_["params"]
        names = {name for row in rows for name in row}
        known = {"keep", "threshold", *getattr(self.main.step, "_level_names", tuple)()}
        return {name.rpartition("__")[0] for name in names if name.rpartition("__")[2] in known}

    @property
    def prunes_model(self):
        """Whether the main step prunes a model, rather than features."""
        return not isinstance(self.main.step, SelectorMixin)

    @property
    def title(self):
        """Title of the page."""
        step = self.main.step
        if not self.prunes_model:
            return f"Features, pruned by {type(step).__name__}"
        inner = getattr(step, "estimator", step.estimator_)
        inner = inner.estimator if isinstance(inner, FrozenEstimator) else inner
        return f"{type(inner).__name__}, pruned by {type(step).__name__}"

    @cached_property
    def metric(self):
        """Name of the metric that has chosen, as a column of the results is called."""
        refit = self.search.refit
        named = getattr(refit, "metric", refit if isinstance(refit, str) else "score")
        known = f"mean_test_{named}" in self.search.cv_results_
        return named if known else "score"

    @cached_property
    def metric_words(self):
        """The metric as it is written."""
        name = self.metric
        if name == "score":
            scoring = getattr(self.search, "scoring", None)
            usual = "accuracy" if is_classifier(self.chosen) else "r2"
            name = scoring if isinstance(scoring, str) else usual if scoring is None else "score"
        return in_words(name)

    @cached_property
    def size(self):
        """The size by which a search has chosen, or one that it knows; None if it knows none."""
        results = CVResults(self.search.cv_results_)
        asked = results.size_name(getattr(rule_of(self.search.refit), "size", None))
        for size in dict.fromkeys([asked, *SIZES]):
            try:
                if not np.isnan(results.sizes(size)).all():
                    return size
            except InputError:
                continue
        return None

    @cached_property
    def levels(self):
        """The levels of a search; see `read_levels`. None if no size is known."""
        return self.size and read_levels(self.search, self.metric, self.size)[0]

    @cached_property
    def predicts(self):
        """Whether the chosen estimator is a classifier or a regressor."""
        return is_classifier(self.chosen) or is_regressor(self.chosen)

    @cached_property
    def baselines(self):
        """The models that are compared."""
        return Baselines(self.chosen, self.main, self.train)

    @cached_property
    def table(self):
        """The table of models, or None without test samples or predictions."""
        if self.test is None or not self.predicts:
            return None
        options = {"scoring": self.scoring, "n_repeats": self.n_repeats}
        table = compare(self.baselines.models, *self.test, **options)
        spread = [name for name in table if name.endswith("_iqr")]
        table = table.drop(columns=spread).dropna(axis="columns", how="all")
        whole = "whole" in table.index
        return table if whole else table.drop(columns="agreement")

    @cached_property
    def sizes(self):
        """Sizes before and after, by name; NaN where they are not known."""
        models = self.baselines.models
        before = size_or_nan(models["whole"]) if "whole" in models else {}
        return before, size_or_nan(self.chosen)

    @cached_property
    def reports(self):
        """The reports of all steps, with traced names: pairs of a step and a frame."""
        return [(found, named_report(found)) for found in self.steps]

    @cached_property
    def unread(self):
        """Names of features that the whole model reads and the pruned one does not."""
        if not self.prunes_model or not hasattr(self.main.step, "path_"):
            return []
        pruner = self.main.step
        read = [self._read(model) for model in (pruner.path_.model, pruner.estimator_)]
        if any(each is None for each in read):
            return []
        places = np.setdiff1d(*read)
        names = self.main.names
        return [f"x{i}" if names is None else str(names[i]) for i in places]

    @staticmethod
    def _read(model):
        narrowing = Narrowing()
        inputs = narrowing.of(model, None, None).inputs
        return None if narrowing.complaints else inputs

    @cached_property
    def caveats(self):
        """What a reader should beware of, as sentences."""
        found = []
        if self.search is not None:
            found.append(
                "Scores marked with † have selected the model. The best of many noisy scores is "
                "optimistic: report a score on test data instead."
            )
        if self.test is None:
            found.append(
                "No test data were given, so nothing on this page is a score on unseen data."
            )
        found.extend(self._chance())
        found.extend(self.baselines.missing)
        if self.prunes_model and (change := class_change(self.main.step)):
            found.append(change)
        if self.table is not None and "batch_us" in self.table:
            found.append(
                "Latency was measured once, on the machine that made this page: compare it within "
                "the table only."
            )
        if self.table is not None:
            found.append("Test data are honest only if they were used for nothing before.")
        found.extend(self._seeds())
        return found

    def _chance(self):
        """Yield how far chance may explain the difference between chosen and whole model."""
        if self.table is None or "whole" not in self.table.index:
            return
        X, y = self.test
        y = np.asarray(y)
        whole, chosen = (
            np.asarray(self.baselines.models[name].predict(X)) for name in ("whole", "chosen")
        )
        if y.ndim != 1 or len(y) < 2:
            return
        if is_classifier(self.chosen):
            loss, what = (chosen != y) * 1.0 - (whole != y), "error rate"
        else:
            loss, what = np.abs(chosen - y) - np.abs(whole - y), "mean absolute error"
        error = 2 * loss.std(ddof=1) / np.sqrt(len(loss))
        yield (
            f"On the {len(y):,} test samples the {what} of the chosen model is "
            f"{number(abs(loss.mean()))} {'lower' if loss.mean() < 0 else 'higher'} than that of "
            f"the whole one, ± {number(error)} (two standard errors of the paired differences)."
        )

    def _seeds(self):
        params = self.fitted.get_params()
        open_ended = [k for k, v in params.items() if k.endswith("random_state") and v is None]
        if open_ended:
            yield (
                f"{', '.join(open_ended)} is None: where it is used, another run draws other "
                "numbers, and may choose another model."
            )
