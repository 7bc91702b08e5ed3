"""Plots of what was removed: features by importance, trees by leaves, layers by weights."""

from typing import Any, Self

import numpy as np
import pandas as pd

from skprune._compat import import_extra
from skprune.exceptions import InputError
from skprune.inspection._plot_words import label, strip_axes
from skprune.inspection._report_of import report_of

# Up to so many rows have a bar with their name each; more are drawn by rank.
MOST_NAMES = 30
LONGEST = 32
# Ratio of the largest to the median importance from which the scale is logarithmic.
SKEWED = 20
# Pairs of columns that state an amount before and after, by what they count.
AMOUNTS = ("leaves", "weights", "samples", "bytes")
KEPT, REMOVED, BEFORE = "C0", "0.78", "0.85"


class ReportDisplay:
    """Plot what a pruner removed.

    Features, members of ensembles and support vectors are drawn by their importance, with the
    cut; trees, layers, classes of samples and quantized arrays by their leaves, weights, samples
    or bytes, before and after. Create one with `from_estimator`.

    Parameters
    ----------
    parts : DataFrame
        A row per part, as `frame` returns it.
    kind : str
        Name of a part, in the singular, as "feature".
    amount : str
        What the numbers count or measure, as "leaves" or "score".

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the plot; set by `plot`.
    figure_ : matplotlib Figure
        Figure of the plot; set by `plot`.

    See Also
    --------
    report_of : The frame behind it.
    report : A page with such plots.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skprune import InformationPruner, ReportDisplay
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> pruner = InformationPruner(keep=2)
    >>> model = make_pipeline(StandardScaler(), pruner, LogisticRegression()).fit(X, y)
    >>> ReportDisplay.from_estimator(model).frame()["name"].head(2).tolist()
    ['flavanoids', 'magnesium']
    """

    def __init__(self, parts: pd.DataFrame, *, kind: str, amount: str) -> None:
        self.parts = parts
        self.kind = kind
        self.amount = amount

    @classmethod
    def from_estimator(
        cls, fitted: Any, *, step: str | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Plot what a fitted pruner removed.

        Parameters
        ----------
        fitted : estimator
            A fitted pruner or a selector of scikit-learn, or what holds one; see `report_of`.
        step : str, default=None
            The pruner that is meant, by the name of its step; None is the last one.
        ax : matplotlib Axes, default=None
            Axes to plot on; a new figure if None.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        ReportDisplay
            The display, plotted.

        Raises
        ------
        InputError
            If there is no pruner or no such step, or nothing in its report can be drawn.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        return cls(**parts_of(report_of(fitted, step))).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Plot the parts.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot on; a new figure if None.
        **kwargs : dict
            Passed to `matplotlib.axes.Axes.bar` or `barh` for the bars of what is kept, as
            `color`.

        Returns
        -------
        ReportDisplay
            This object, with `ax_` and `figure_` set.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        plt = import_extra("matplotlib.pyplot", "plot", "A plot")
        named = len(self.parts) <= MOST_NAMES
        if ax is None:
            height = 1.4 + 0.22 * len(self.parts) if named else 4.0
            _, ax = plt.subplots(figsize=(6.4, max(2.4, height)), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        place = np.arange(len(self.parts))
        bars, at = (ax.barh, "height") if named else (ax.bar, "width")
        if "kept" in self.parts:
            self._draw_units(ax, bars, place, {at: 0.75 if named else 1.0}, kwargs)
        else:
            before, after = ({at: 0.85}, {at: 0.5}) if named else ({at: 1.0}, {at: 1.0})
            bars(place, self.parts["before"], color=BEFORE, label="before", **before)
            bars(place, self.parts["after"], **({"color": KEPT, "label": "after"} | after | kwargs))
        self._dress(ax, place, named=named)
        return self

    def frame(self) -> pd.DataFrame:
        """Return the numbers in the plot.

        Returns
        -------
        DataFrame
            A row per part in the order of the plot; the index is the row of the report. Columns:
            `name`, and either `value` (the importance) and `kept` (bool), or `before` and
            `after`.
        """
        return self.parts.copy()

    def _draw_units(self, ax, bars, place, size, kwargs):
        """Draw units by their importance, and the cut if it separates them."""
        value, kept = self.parts["value"].to_numpy(), self.parts["kept"].to_numpy(dtype=bool)
        for mask, colour, name, given in (
            (kept, KEPT, "kept", kwargs),
            (~kept, REMOVED, "removed", {}),
        ):
            if mask.any():
                style = {"color": colour, "label": f"{name} ({mask.sum():,})"}
                bars(place[mask], value[mask], **(style | size | given))
        n_kept = kept.sum()
        if 0 < n_kept < len(kept) and kept[:n_kept].all():
            line = ax.axhline if bars == ax.barh else ax.axvline
            line(n_kept - 0.5, color="0.45", linestyle="--", linewidth=1.2, label="cut")

    def _dress(self, ax, place, *, named):
        if named:
            names = [_short(name) for name in self.parts["name"]]
            ax.set_yticks(place, names, parse_math=False)
            ax.set_ylim(len(place) - 0.4, -0.6)
            ax.tick_params(axis="y", length=0)
            ax.set_xlabel(label(self.amount))
            if not set(self.parts["name"].map(type)) <= {str}:
                ax.set_ylabel(label(self.kind))
        else:
            plural = {"class": "classes"}.get(self.kind, f"{self.kind}s")
            ax.set_xlabel(label(f"{plural}, the largest first"))
            ax.set_ylabel(label(self.amount))
            ax.margins(x=0.01)
        self._stretch(ax, named=named)
        strip_axes(ax, axis="x" if named else "y")
        # Above the bars, which may fill the axes.
        where = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
        ax.legend(frameon=False, fontsize="small", ncols=3, **where)

    def _stretch(self, ax, *, named):
        """Make the scale logarithmic where one importance would hide all others."""
        value = self.parts.get("value")
        if value is None or value.min() < 0 or value.max() < SKEWED * value.median():
            return
        words = label(self.amount, after=" (logarithmic)")
        # Linear near zero, which some importance is.
        scale = {"value": "symlog", "linthresh": max(value.median(), value.max() / 1e6)}
        if named:
            ax.set_xscale(**scale)
            ax.set_xlabel(words)
        else:
            ax.set_yscale(**scale)
            ax.set_ylabel(words)


def parts_of(report):
    """Return what a display takes, from the report of a pruner.

    Parameters
    ----------
    report : DataFrame
        As `report_of` returns it.

    Returns
    -------
    dict
        The arguments of `ReportDisplay`.

    Raises
    ------
    InputError
        If the report has neither importance nor amounts.
    """
    score = next((name for name in ("score", "rank_share") if name in report), None)
    if "kept" in report and score is not None:
        by_column = "feature" in report
        names = report["feature"] if by_column else report.index
        parts = pd.DataFrame({"name": list(names)}, index=report.index)
        parts["value"] = _finite(report[score].to_numpy(dtype=float))
        parts["kept"] = report["kept"].to_numpy(dtype=bool)
        parts = parts.sort_values(["value", "kept"], ascending=False, kind="stable")
        kind = "feature" if by_column else report.index.name
        return {"parts": parts, "kind": kind, "amount": score}
    for amount in AMOUNTS:
        if {amount, f"{amount}_before"} <= set(report):
            return _pairs(report, amount)
    msg = (
        f"A report with the columns {list(report)} cannot be drawn: it has neither the importance "
        "of what is kept nor an amount before and after. Read report_ itself."
    )
    raise InputError(msg)


def _finite(value):
    """Return importance that can be drawn: 1 for all if it is unknown of all."""
    known = value[np.isfinite(value)]
    if not len(known):
        return np.ones(len(value))
    return np.nan_to_num(value, nan=known.min(), posinf=known.max(), neginf=known.min())


def _pairs(report, amount):
    names = list(report.index)
    if {"part", "place"} <= set(report):
        pairs = zip(report["part"], report["place"], strict=True)
        names = [f"{part} {place}" for part, place in pairs]
    parts = pd.DataFrame({"name": names}, index=report.index)
    parts["before"] = report[f"{amount}_before"].to_numpy(dtype=float)
    parts["after"] = report[amount].to_numpy(dtype=float)
    kind = report.index.name or "part"
    if kind == "tree":
        parts = parts.sort_values(["before", "after"], ascending=False, kind="stable")
    return {"parts": parts, "kind": kind, "amount": amount}


def _short(name):
    words = str(name)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
