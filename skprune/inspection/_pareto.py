"""Plots of families of models: score against size, and the front of both."""

from typing import Any, Self

import numpy as np
import pandas as pd

from skprune._compat import import_extra
from skprune.inspection._plot_words import (
    dress_axes,
    formatter,
    label,
    number,
    plain,
    score_name_of,
    scoring_of,
    with_both,
)
from skprune.inspection._search_levels import read_levels
from skprune.model_selection._cv_results import CVResults

MARKERS = "osD^vP*Xph"


class ParetoDisplay:
    """Plot score against size for all models of a search, by family, with their front.

    A model is on the front if no other one is both at most as large and better, or smaller and
    as good. Create one with `from_search`.

    Parameters
    ----------
    models : DataFrame
        A row per model, as `frame` returns it.
    metric : str
        Column of the scores.
    size : str
        Column of the sizes.
    score_name : str, default=None
        Name of the score in the plot; `metric` if None.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot; set by `plot`.
    figure_ : matplotlib Figure
        Figure of the plot; set by `plot`.

    See Also
    --------
    PruningPathDisplay : One family, with standard errors.
    PruningSearchCV : Searches over a list of grids with different models.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import ParetoDisplay, PruningSearchCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> search = PruningSearchCV(DecisionTreeClassifier(random_state=0)).fit(X, y)
    >>> models = ParetoDisplay.from_search(search).frame()
    >>> models.loc[models["front"], "bytes"].is_unique
    True
    """

    def __init__(
        self,
        models: pd.DataFrame,
        *,
        metric: str,
        size: str,
        score_name: str | None = None,
    ) -> None:
        self.models = models
        self.metric = metric
        self.size = size
        self.score_name = score_name

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        ax: Any = None,
        metric: str = "score",
        size: str = "bytes",
        **kwargs: Any,
    ) -> Self:
        """Plot the models of a fitted search.

        Parameters
        ----------
        search : PruningSearchCV or GridSearchCV
            Fitted. The families are those of its `cv_results_`; without that column these
            are the models that the grids swap. A `GridSearchCV` needs a
            `size_scorer` among its scorers.
        ax : matplotlib Axes, default=None
            Axes to plot on; a new figure if None.
        metric : str, default="score"
            Name of the metric: `mean_test_<metric>` is plotted.
        size : str, default="bytes"
            "units", "parameters" or "bytes", the mean over the folds; for a `GridSearchCV`
            the name of a `size_scorer`. Units of different families do not compare.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        ParetoDisplay
            The display, plotted.

        Raises
        ------
        InputError
            If the search is not fitted, there is no such metric or size, or no model has both.

        Notes
        -----
        The model was selected by these scores: scores on new data tend to be a little lower.
        """
        levels, path = read_levels(search, metric, size)
        levels.insert(0, "family", _families_of(search))
        results = CVResults(search.cv_results_)
        levels["front"] = False
        levels.loc[results.front(metric, size), "front"] = True
        if len(set(levels["family"])) > 1:  # each names its levels in its own way
            levels.loc[results.largest(size), "whole"] = True
        name = score_name_of(scoring_of(search, metric), path, metric)
        return cls(levels, metric=metric, size=size, score_name=name).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Plot the models.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; a new figure if None.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.plot` for the models, as `markersize`.

        Returns
        -------
        ParetoDisplay
            This object, with `ax_` and `figure_` set.

        Raises
        ------
        InputError
            If no model has both a score and a size.
        MissingExtraError
            If matplotlib is not installed.
        """
        plt = import_extra("matplotlib.pyplot", "plot", "A plot")
        usable = with_both(self.models, self.metric, self.size, "model")
        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        on_front = usable[usable["front"]]
        steps = {"drawstyle": "steps-post", "color": "0.45", "linewidth": 1.2, "zorder": 2}
        ax.plot(on_front[self.size], on_front[self.metric], label="front", **steps)
        colours = self._draw_families(ax, usable, kwargs)
        amount = formatter(self.size)
        self._draw_chosen(ax, usable, colours, amount)
        cross = "cross-validated " if "standard_error" in self.models else ""
        xlabel = label(self.size, after=" (mean over folds)" if cross else "")
        dress_axes(ax, amount, xlabel, label(self.score_name or self.metric, before=cross))
        return self

    def frame(self) -> pd.DataFrame:
        """Return the numbers in the plot.

        Returns
        -------
        DataFrame
            A row per model; the index is the row of `cv_results_`. Columns: `family`, `line`
            (the values of the parameters beside the level), the size, the score,
            `standard_error`, `chosen`, `whole` and `front` (bool).
        """
        return self.models.copy()

    def _draw_families(self, ax, usable, kwargs):
        """Plot the models of each family; return its colour."""
        colours = {}
        for i, (family, rows) in enumerate(usable.groupby("family", sort=True)):
            style = {"linestyle": "none", "marker": MARKERS[i % len(MARKERS)], "markersize": 4}
            style |= {"color": f"C{i % 10}", "alpha": 0.65, "zorder": 3, "label": plain(family)}
            (drawn,) = ax.plot(rows[self.size], rows[self.metric], **(style | kwargs))
            colours[family] = drawn.get_color()
        return colours

    def _draw_chosen(self, ax, usable, colours, amount):
        """Mark the whole models, and the chosen one."""
        whole = usable[usable["whole"]]
        style = {"linestyle": "none", "markersize": 9, "markerfacecolor": "none", "zorder": 4}
        if len(whole):
            text = "whole models" if len(whole) > 1 else "whole model"
            ax.plot([], [], label=text, **style, marker="s", markeredgecolor="0.45")
        for _, row in whole.iterrows():
            mark = style | {"marker": "s", "markeredgecolor": colours[row["family"]]}
            ax.plot(row[self.size], row[self.metric], **mark)
        for _, row in usable[usable["chosen"]].iterrows():
            mark = style | {"marker": "o", "markersize": 12, "markeredgewidth": 2, "zorder": 5}
            text = f"chosen: {number(row[self.metric])} at {amount(row[self.size])}"
            text += "" if self.size == "bytes" else f" {self.size}"
            mark["markeredgecolor"] = colours[row["family"]]
            ax.plot(row[self.size], row[self.metric], label=text, **mark)


def _families_of(search):
    """Return the family of each model of a search: as it states it, or by what its grids swap."""
    results = search.cv_results_
    if "family" in results:
        return np.asarray(results["family"], dtype=object)
    names = []
    for row in results["params"]:
        swapped = [value for value in row.values() if hasattr(value, "get_params")]
        names.append(_family_of(swapped[-1] if swapped else getattr(search, "estimator", None)))
    return np.array(names, dtype=object)


def _family_of(model):
    model = model.steps[-1][1] if hasattr(model, "steps") else model
    inner = getattr(model, "estimator", None)
    names = [type(each).__name__ for each in (inner, model) if each is not None]
    return "/".join(names) or "models"
