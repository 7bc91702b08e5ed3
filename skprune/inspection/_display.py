"""Plots of pruning: score against size."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skprune._compat import import_extra
from skprune.arrays.annotations import MatrixLike
from skprune.base import BaseModelPruner
from skprune.base._levels import geometric_levels
from skprune.exceptions import InputError
from skprune.inspection._plot_words import (
    dress_axes,
    formatter,
    label,
    number,
    score_name_of,
    scoring_of,
    with_both,
)
from skprune.inspection._search_levels import read_levels
from skprune.inspection._test_scores import score_on_test_data
from skprune.size import SIZES

# Up to this many levels a line has a dot for each.
FEW = 20
TEST = "C3"


class PruningPathDisplay:
    """Plot score against size, for all levels of pruning.

    Create one with `from_search` (cross-validated scores, with their standard errors) or
    with `from_estimator` (scores on given samples). The chosen level and the whole model are
    marked.

    Parameters
    ----------
    levels : DataFrame
        A row per level, as `frame` returns it.
    metric : str
        Column of the scores.
    size : str
        Column of the sizes.
    score_name : str, default=None
        Name of the score in the plot; `metric` if None.
    unit : str, default=None
        What the size counts, in the plural, as "leaves"; `size` if None.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot; set by `plot`.
    figure_ : matplotlib Figure
        Figure of the plot; set by `plot`.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels.
    compare : A table of a few models.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import PruningPathDisplay, TreePruner
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> pruner = TreePruner(DecisionTreeClassifier(random_state=0), keep=4).fit(X, y)
    >>> display = PruningPathDisplay.from_estimator(pruner, X_test, y_test)
    >>> display.frame()[["units", "score", "chosen"]].tail(4).round(2)
        units  score  chosen
    9       4   0.92    True
    10      3   0.92   False
    11      2   0.88   False
    12      1   0.63   False
    """

    def __init__(
        self,
        levels: pd.DataFrame,
        *,
        metric: str,
        size: str,
        score_name: str | None = None,
        unit: str | None = None,
    ) -> None:
        self.levels = levels
        self.metric = metric
        self.size = size
        self.score_name = score_name
        self.unit = unit

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        ax: Any = None,
        metric: str = "score",
        size: str = "units",
        X_test: MatrixLike | None = None,
        y_test: ArrayLike | None = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the results of a fitted search.

        Parameters
        ----------
        search : PruningSearchCV or GridSearchCV
            Fitted. A `GridSearchCV` needs a `size_scorer` among its scorers.
        ax : matplotlib Axes, default=None
            Axes to plot on; a new figure if None.
        metric : str, default="score"
            Name of the metric: `mean_test_<metric>` is plotted.
        size : str, default="units"
            "units", "parameters" or "bytes", the mean over the folds; for a
            `GridSearchCV` the name of a `size_scorer`.
        X_test : array-like of shape (n_samples, n_features), default=None
            Test samples; use data seen neither in fitting nor in selection. The levels of the
            refitted model are scored on them, as a second line beside the cross-validated one.
            For pruners of models, alone or at the end of a pipeline.
        y_test : array-like of shape (n_samples,), default=None
            True targets of the test samples.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        PruningPathDisplay
            The display, plotted.

        Raises
        ------
        InputError
            If the search is not fitted, there is no such metric or size, or no path that can be
            scored on the test samples.

        Notes
        -----
        Each combination of the other parameters has a line; that of the chosen row is
        emphasised. The level was selected by these scores: scores on new data tend to be a
        little lower.
        """
        levels, path = read_levels(search, metric, size)
        scoring = scoring_of(search, metric)
        if (X_test is None) != (y_test is None):
            msg = "X_test and y_test were not given together. Give both, or none of them."
            raise InputError(msg)
        if X_test is not None:
            levels["test_score"] = score_on_test_data(search, levels, X_test, y_test, scoring)
        display = cls(
            levels,
            metric=metric,
            size=size,
            score_name=score_name_of(scoring, path, metric),
            unit=path.unit if path is not None and size == "units" else size,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: ArrayLike,
        *,
        scoring: Any = None,
        sample_weight: ArrayLike | None = None,
        size: str = "units",
        max_levels: int = 100,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the path of a fitted pruner, scored on given samples.

        Parameters
        ----------
        estimator : pruner, search or pipeline
            A fitted pruner with `path_`; or a pipeline that ends in one, or a search
            whose best estimator is one of these.
        X : array-like of shape (n_samples, n_features)
            Test samples; use data seen neither in fitting nor in selection.
        y : array-like of shape (n_samples,)
            True targets.
        scoring : str or callable, default=None
            Scorer; None is the model's own score.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        size : str, default="units"
            "units" or a column of ``path_.levels``: "parameters", "bytes".
        max_levels : int, default=100
            Largest number of levels to score, spread evenly in the logarithm of the
            units. The ends and the chosen level are always among them. Where the
            metric allows all levels of a single tree to be scored at once, all are.
        ax : matplotlib Axes, default=None
            Axes to plot on; a new figure if None.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        PruningPathDisplay
            The display, plotted.

        Raises
        ------
        InputError
            If there is no path that can be scored, or no such size.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        pruner, X = _pruner_and_samples(estimator, X)
        path = pruner.path_
        sizes = path.levels.rename(columns={path.unit: "units"})
        if size not in sizes:
            msg = f"size={size!r} is not known. Allowed are {', '.join(map(repr, SIZES))}."
            raise InputError(msg)
        chosen = pruner._row_of_level(path, pruner._level_params())
        index, score = np.arange(len(path)), path.free_scores(scoring, X, y, sample_weight)
        if score is None:
            index = np.union1d(geometric_levels(path.units, max_levels), chosen)
            score = path.score(X, y, scoring=scoring, sample_weight=sample_weight, index=index)
        metric = scoring if isinstance(scoring, str) else "score"
        levels = pd.DataFrame({"line": "", size: sizes[size].iloc[index], metric: score})
        levels = levels.assign(chosen=index == chosen, whole=index == 0)
        display = cls(
            levels,
            metric=metric,
            size=size,
            score_name=score_name_of(scoring, path, metric),
            unit=path.unit if size == "units" else size,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, ax: Any = None, *, name: str | None = None, marks: bool = True, **kwargs: Any
    ) -> Self:
        """Plot the levels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; a new figure if None. Several displays may share one.
        name : str, default=None
            Name of the line in the legend.
        marks : bool, default=True
            Whether to mark the chosen level and the whole model.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot` for the line, as `color`.

        Returns
        -------
        PruningPathDisplay
            This object, with `ax_` and `figure_` set.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        plt = import_extra("matplotlib.pyplot", "plot", "A plot")
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        amount = formatter(self.unit or self.size)
        main, others = self._lines()
        for _, line in others:
            ax.plot(line[self.size], line[self.metric], color="0.7", linewidth=1, zorder=1)
        if others:
            # One entry in the legend represents all.
            ax.lines[-1].set_label(f"other settings ({len(others)})")
            name = name or main["line"].iloc[0]
        if "test_score" in main:
            name = name or "cross-validated"
        colour = self._draw_line(ax, main, name, kwargs)
        if "test_score" in main:
            style = {"color": TEST, "linestyle": "--", "linewidth": 1.6, "zorder": 3}
            ax.plot(main[self.size], main["test_score"], label="on test data", **style)
        if marks:
            self._draw_marks(ax, main, colour, amount)
        self._dress(ax, amount)
        return self

    def frame(self) -> pd.DataFrame:
        """Return the numbers in the plot.

        Returns
        -------
        DataFrame
            A row per level; the index is the row of `cv_results_` or of ``path_.levels``.
            Columns: `line` (the values of the other parameters), the size, the score,
            `standard_error` (of a search only), `chosen` and `whole` (bool), `test_score` (if test
            samples were given).
        """
        return self.levels.copy()

    def _lines(self):
        """Return the emphasised line, that of the chosen level, and all others."""
        usable = with_both(self.levels, self.metric, self.size, "level")
        best = usable.loc[usable[self.metric].idxmax()]
        chosen = usable[usable["chosen"]]
        main = best["line"] if chosen.empty else chosen["line"].iloc[0]
        lines = dict(iter(usable.groupby("line", sort=False)))
        return lines.pop(main), lines.items()

    def _draw_line(self, ax, line, name, kwargs):
        """Plot the emphasised line, with its band; return its colour."""
        style = {"linewidth": 1.8, "zorder": 3, "label": name}
        if len(line) <= FEW:
            style |= {"marker": "o", "markersize": 3.5}
        size, score = line[self.size], line[self.metric]
        (drawn,) = ax.plot(size, score, **(style | kwargs))
        colour = drawn.get_color()
        if "standard_error" in line:
            error, label = line["standard_error"], "± one standard error"
            style = {"color": colour, "alpha": 0.18, "linewidth": 0, "zorder": 2}
            ax.fill_between(size, score - error, score + error, label=label, **style)
        return colour

    def _draw_marks(self, ax, line, colour, amount):
        style = {"linestyle": "none", "markersize": 8, "markeredgewidth": 1.5, "zorder": 4}
        unit = "" if self.size == "bytes" else f" {self.unit or self.size}"
        known = line["whole"].any()
        whole = line[line["whole"]] if known else line.tail(1)
        for kind, rows, marker, face, edge in (
            ("whole model" if known else "largest", whole, "s", "white", colour),
            ("chosen", line[line["chosen"]], "o", colour, "white"),
        ):
            for size, score in zip(rows[self.size], rows[self.metric], strict=True):
                text = f"{kind}: {number(score)} at {amount(size)}{unit}"
                style |= {"marker": marker, "markerfacecolor": face, "markeredgecolor": edge}
                ax.plot(size, score, label=text, **style)

    def _dress(self, ax, amount):
        before, after = "", ""
        if "standard_error" in self.levels:
            before, after = "cross-validated ", " (mean over folds)"
        if "test_score" in self.levels:
            before = ""  # the legend distinguishes the two
        dress_axes(
            ax,
            amount,
            label(self.unit or self.size, after=after),
            label(self.score_name or self.metric, before=before),
        )


def _pruner_and_samples(estimator, X):
    """Return the pruner of a fitted estimator, and the samples as they enter the pruner."""
    check_is_fitted(estimator)
    if hasattr(estimator, "best_estimator_"):
        return _pruner_and_samples(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline):
        X = estimator[:-1].transform(X) if len(estimator) > 1 else X
        return _pruner_and_samples(estimator[-1], X)
    if not isinstance(estimator, BaseModelPruner):
        msg = (
            f"{type(estimator).__name__} has no path of models. Give a fitted pruner of a "
            "model, a pipeline that ends in one, or a search over one. A search over a "
            "pruner of features can be given to from_search."
        )
        raise InputError(msg)
    return estimator, X
