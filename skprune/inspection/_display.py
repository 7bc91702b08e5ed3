"""Pictures of pruning: score against size."""

import re
import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skprune._compat import import_extra
from skprune.base import BaseModelPruner
from skprune.base._levels import geometric_levels
from skprune.exceptions import InputError
from skprune.size import SIZES, model_size

__all__ = ["PruningPathDisplay"]

LEVELS = ("keep", "threshold")
# Up to this many levels a line has a dot for each.
FEW = 20
# Axes up to this ratio have ticks at 1, 2, 5, 10, 20, ...; wider ones at powers of ten.
WIDE = 2e3
WRAP = 38
SMALL = 100
SPELLED = {"r2": "R²", "f1": "F1", "roc_auc": "ROC AUC"}


class PruningPathDisplay:
    """Draw score against size, for all levels of pruning.

    Make one with `from_search` (cross-validated scores, with their standard errors) or
    with `from_estimator` (scores of rows that you give). The chosen level and the whole
    model are marked.

    Parameters
    ----------
    levels : DataFrame
        A row per level, as `frame` returns it.
    metric : str
        Column of the scores.
    size : str
        Column of the sizes.
    score_name : str, default=None
        What the score is called in the picture; `metric` if None.
    unit : str, default=None
        What the size counts, in the plural, as "leaves"; `size` if None.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn; set by `plot`.
    figure_ : matplotlib Figure
        The figure around `ax_`; set by `plot`.

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

    def __init__(self, levels, *, metric, size, score_name=None, unit=None):
        self.levels = levels
        self.metric = metric
        self.size = size
        self.score_name = score_name
        self.unit = unit

    @classmethod
    def from_search(cls, search, *, ax=None, metric="score", size="units", **kwargs):
        """Draw the results of a fitted search.

        Parameters
        ----------
        search : PruningSearchCV or GridSearchCV
            Fitted. A `GridSearchCV` needs a `size_scorer` among its scorers.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        metric : str, default="score"
            Name of the metric: `mean_test_<metric>` is drawn.
        size : str, default="units"
            "units", "parameters" or "bytes", the mean over the folds; for a
            `GridSearchCV` the name of a `size_scorer`.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        PruningPathDisplay
            The drawn display.

        Raises
        ------
        InputError
            If the search is not fitted, or there is no such metric or size.

        Notes
        -----
        Settings of the other parameters have a line each; that of the chosen row stands
        out. These scores chose the level: those of fresh rows tend to be a little lower.
        """
        results = getattr(search, "cv_results_", None)
        if results is None:
            msg = (
                f"{type(search).__name__} has no cv_results_. Give a fitted search; for a "
                "fitted pruner there is from_estimator."
            )
            raise InputError(msg)
        path = _path_of(getattr(search, "best_estimator_", None))
        levels = pd.DataFrame(
            {
                "line": _lines(results["params"]),
                size: _sizes(results, size),
                metric: _column(results, "mean_test_", metric, "metric"),
                "standard_error": _standard_error(results, metric),
                "chosen": np.arange(len(results["params"])) == getattr(search, "best_index_", -1),
                "whole": [_is_whole(params, path) for params in results["params"]],
            }
        )
        scoring = getattr(search, "scoring", None)
        if isinstance(scoring, Mapping):
            scoring = scoring.get(metric)
        display = cls(
            levels,
            metric=metric,
            size=size,
            score_name=_score_name(scoring, path, metric),
            unit=path.unit if path is not None and size == "units" else size,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        scoring=None,
        sample_weight=None,
        size="units",
        max_levels=100,
        ax=None,
        **kwargs,
    ):
        """Draw the path of a fitted pruner, scored on given rows.

        Parameters
        ----------
        estimator : pruner, search or pipeline
            A fitted pruner with `path_`; or a pipeline that ends in one, or a search
            whose best estimator is one of these.
        X : array-like of shape (n_rows, n_features)
            Rows, best those that chose nothing.
        y : array-like of shape (n_rows,)
            Their targets.
        scoring : str or callable, default=None
            Scorer; None is the model's own score.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        size : str, default="units"
            "units" or a column of ``path_.levels``: "parameters", "bytes".
        max_levels : int, default=100
            Largest number of levels to score, spread evenly in the logarithm of the
            units. The ends and the chosen level are always among them. Where the
            metric allows all levels of a single tree to be scored at once, all are.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        PruningPathDisplay
            The drawn display.

        Raises
        ------
        InputError
            If there is no path that can be scored, or no such size.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        path, n_units, X = _path_and_rows(estimator, X)
        sizes = path.levels.rename(columns={path.unit: "units"})
        if size not in sizes:
            msg = f"size={size!r} is not known. Allowed are {', '.join(map(repr, SIZES))}."
            raise InputError(msg)
        chosen = int(np.argmin(np.abs(path.units - n_units)))
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
            score_name=_score_name(scoring, path, metric),
            unit=path.unit if size == "units" else size,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, name=None, marks=True, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None. Several displays may share one.
        name : str, default=None
            What the legend calls the line.
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
        plt = import_extra("matplotlib.pyplot", "plot", "A picture")
        ticker = import_extra("matplotlib.ticker", "plot", "A picture")
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        amount = _formatter(self.unit or self.size, ticker)
        main, others = self._lines()
        for _, line in others:
            ax.plot(line[self.size], line[self.metric], color="0.7", linewidth=1, zorder=1)
        if others:
            # One entry in the legend speaks for all.
            ax.lines[-1].set_label(f"other settings ({len(others)})")
            name = name or main["line"].iloc[0]
        colour = self._draw_line(ax, main, name, kwargs)
        if marks:
            self._draw_marks(ax, main, colour, amount)
        self._dress(ax, ticker, amount)
        return self

    def frame(self):
        """Return the numbers behind the picture.

        Returns
        -------
        DataFrame
            A row per level; the index is the row of `cv_results_` or of ``path_.levels``.
            Columns: `line` (the setting of the other parameters), the size, the score,
            `standard_error` (of a search only), `chosen` and `whole` (bool).
        """
        return self.levels.copy()

    def _lines(self):
        """Return the line that stands out, that of the chosen level, and all others."""
        usable = self.levels.dropna(subset=[self.size, self.metric])
        usable = usable[usable[self.size] > 0].sort_values(self.size, kind="stable")
        if usable.empty:
            msg = f"No level has both a score ({self.metric!r}) and a size ({self.size!r})."
            raise InputError(msg)
        best = usable.loc[usable[self.metric].idxmax()]
        chosen = usable[usable["chosen"]]
        main = best["line"] if chosen.empty else chosen["line"].iloc[0]
        lines = dict(iter(usable.groupby("line", sort=False)))
        return lines.pop(main), lines.items()

    def _draw_line(self, ax, line, name, kwargs):
        """Draw the line that stands out, with its band; return its colour."""
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
        for label, rows, marker, face, edge in (
            ("whole model" if known else "largest", whole, "s", "white", colour),
            ("chosen", line[line["chosen"]], "o", colour, "white"),
        ):
            for size, score in zip(rows[self.size], rows[self.metric], strict=True):
                text = f"{label}: {_number(score)} at {amount(size)}{unit}"
                style |= {"marker": marker, "markerfacecolor": face, "markeredgecolor": edge}
                ax.plot(size, score, label=text, **style)

    def _dress(self, ax, ticker, amount):
        """Set the axes: a logarithmic size with ticks that can be read, and no clutter."""
        ax.set_xscale("log")
        ax.margins(x=0.03)
        low, high = ax.get_xlim()
        steps = (1, 2, 5) if high < WIDE * low else (1,)
        ax.xaxis.set_major_locator(ticker.LogLocator(subs=steps, numticks=20))
        ax.xaxis.set_minor_locator(ticker.NullLocator())
        ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: amount(value)))
        before, after = "", ""
        if "standard_error" in self.levels:
            before, after = "cross-validated ", " (mean over folds)"
        ax.set_xlabel(_label(self.unit or self.size, after=after))
        ax.set_ylabel(_label(self.score_name or self.metric, before=before))
        ax.grid(axis="y", color="0.92", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(frameon=False, fontsize="small")


# Reading the results of a search


def _lines(params):
    """Say for each row what the parameters are that are not its level."""
    level = _level_names(params)
    return [
        ", ".join(
            # An estimator may print over several lines.
            f"{name}={' '.join(str(value).split())}"
            for name, value in row.items()
            if name not in level
        )
        for row in params
    ]


def _level_names(params):
    """Return the names of the parameters that move along a line.

    These are the `keep` and `threshold` of one pruner, or, where the search is not over
    levels, the parameter with the most values.
    """
    values: dict[str, set[str]] = {}
    for row in params:
        for name, value in row.items():
            values.setdefault(name, set()).add(repr(value))
    pruners: dict[str, list[str]] = {}
    for name in values:
        prefix, _, last = name.rpartition("__")
        if last in LEVELS:
            pruners.setdefault(prefix, []).append(name)
    groups = list(pruners.values()) or [[name] for name in values]
    return max(groups, key=lambda names: sum(len(values[name]) for name in names), default=[])


def _is_whole(params, path):
    """Say whether a row is known to keep everything."""
    level = {name.rpartition("__")[2]: value for name, value in params.items()}
    keep, threshold = (level.get(name) for name in LEVELS)
    if threshold is not None and path is not None:
        return bool(threshold == path.levels["threshold"].iloc[0])
    return isinstance(keep, float) and keep == 1.0


def _sizes(results, size):
    # PruningSearchCV measures sizes by itself; elsewhere a size_scorer, which negates.
    if f"mean_{size}" in results:
        return np.asarray(results[f"mean_{size}"], dtype=float)
    return np.abs(_column(results, "mean_test_", size, "size"))


def _column(results, prefix, name, parameter):
    if f"{prefix}{name}" in results:
        return np.asarray(results[f"{prefix}{name}"], dtype=float)
    known = sorted(key.removeprefix(prefix) for key in results if key.startswith(prefix))
    msg = (
        f"{parameter}={name!r} finds no column {prefix + name!r} in cv_results_; scored were "
        f"{known}. Name one of these as {parameter}"
    )
    if parameter == "size":
        msg += f', or add a size_scorer to the scoring: {{"{name}": size_scorer(...)}}'
    raise InputError(msg + ".")


def _standard_error(results, metric):
    pattern = re.compile(rf"split\d+_test_{re.escape(metric)}")
    n_splits = sum(bool(pattern.fullmatch(key)) for key in results)
    return _column(results, "std_test_", metric, "metric") / np.sqrt(n_splits)


# Reading a fitted pruner


def _path_of(model):
    """Return the path of the last pruner in a model; None if there is none."""
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    paths = [step.path_ for step in steps if hasattr(step, "path_")]
    return paths[-1] if paths else None


def _path_and_rows(estimator, X):
    """Return a path, the units of the chosen level, and the rows as the pruner sees them."""
    check_is_fitted(estimator)
    if hasattr(estimator, "best_estimator_"):
        return _path_and_rows(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline):
        X = estimator[:-1].transform(X) if len(estimator) > 1 else X
        return _path_and_rows(estimator[-1], X)
    if not isinstance(estimator, BaseModelPruner):
        msg = (
            f"{type(estimator).__name__} has no path of models. Give a fitted pruner of a "
            "model, a pipeline that ends in one, or a search over one. A search over a "
            "pruner of columns can be given to from_search."
        )
        raise InputError(msg)
    return estimator.path_, model_size(estimator).units, X


# Words and numbers


def _score_name(scoring, path, metric):
    """Return the name of the metric behind a column of scores."""
    if metric != "score":
        return metric
    if scoring is None and hasattr(path, "resolve_scoring"):
        scoring = path.resolve_scoring(None)
    return scoring if isinstance(scoring, str) else metric


def _label(name, before="", after=""):
    """Turn the name of a column into the label of an axis."""
    words = SPELLED.get(name) or name.replace("neg_", "negative ").replace("_", " ")
    words = f"{before}{words}{after}"
    return textwrap.fill(words[0].upper() + words[1:], WRAP)


def _number(score):
    """Write a score with three decimals, fewer where it is large."""
    digits = int(np.log10(max(abs(score), 1.0)))
    return f"{score:,.{max(0, 3 - digits)}f}".replace("-", "\N{MINUS SIGN}")


def _formatter(unit, ticker):
    """Return what writes a size."""
    if unit == "bytes":
        return ticker.EngFormatter(unit="B")

    def count(value):
        # Means over folds are broken numbers, which matters while they are small.
        return f"{value:.1f}".removesuffix(".0") if value < SMALL else f"{value:,.0f}"

    return count
