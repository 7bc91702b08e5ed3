"""What the plots share: words, numbers, and axes without clutter."""

import textwrap
from collections.abc import Mapping
from functools import partial

import numpy as np

from skprune._compat import import_extra
from skprune.exceptions import InputError

# Axes up to this ratio have ticks at 1, 2, 5, 10, 20, ...; wider ones at powers of ten.
WIDE = 2e3
WRAP = 38
SMALL = 100
SPELLED = {"r2": "R²", "f1": "F1", "roc_auc": "ROC AUC"}


def scoring_of(search, metric):
    """Return the scoring of one of the metrics of a search."""
    scoring = getattr(search, "scoring", None)
    if isinstance(scoring, Mapping):
        return scoring.get(metric)
    return scoring if scoring is None or isinstance(scoring, str) or callable(scoring) else metric


def with_both(frame, metric, size, what):
    """Return the rows with a score and a size, in the order of the sizes; some are required."""
    usable = frame.dropna(subset=[size, metric])
    usable = usable[usable[size] > 0].sort_values(size, kind="stable")
    if usable.empty:
        msg = (
            f"No {what} has both a score ({metric!r}) and a size ({size!r}). Give another metric "
            "or size, or search with error_score='raise' to see what failed."
        )
        raise InputError(msg)
    return usable


def score_name_of(scoring, path, metric):
    """Return the name of the metric behind a column of scores."""
    if metric != "score":
        return metric
    if scoring is None and hasattr(path, "resolve_scoring"):
        scoring = path.resolve_scoring(None)
    return scoring if isinstance(scoring, str) else metric


def in_words(metric):
    """Write the name of a metric as a reader does."""
    return SPELLED.get(metric) or metric.replace("neg_", "negative ").replace("_", " ")


def label(name, before="", after=""):
    """Turn the name of a column into the label of an axis."""
    words = f"{before}{in_words(name)}{after}"
    return textwrap.fill(words[0].upper() + words[1:], WRAP)


def plain(name):
    """Return a name without the signs by which matplotlib finds formulas."""
    return str(name).replace("$", r"\$")


def number(score):
    """Write a score with three decimals, or fewer where it is large: those of a plot align."""
    digits = int(np.log10(max(abs(score), 1.0)))
    return f"{score:,.{max(0, 3 - digits)}f}".replace("-", "\N{MINUS SIGN}")


def count(value):
    """Write a count, whose mean over folds may be fractional: with a decimal while it is small."""
    return f"{value:.1f}".removesuffix(".0") if value < SMALL else f"{value:,.0f}"


def formatter(unit):
    """Return a function that writes a size."""
    if unit == "bytes":
        return import_extra("matplotlib.ticker", "plot", "A plot").EngFormatter(unit="B")

    return count


def dress_axes(ax, amount, xlabel, ylabel):
    """Set the axes of score against size: a logarithmic size with readable ticks, no clutter."""
    ticker = import_extra("matplotlib.ticker", "plot", "A plot")
    ax.set_xscale("log")
    ax.margins(x=0.03)
    low, high = ax.get_xlim()
    steps = (1, 2, 5) if high < WIDE * low else (1,)
    ax.xaxis.set_major_locator(ticker.LogLocator(subs=steps, numticks=20))
    ax.xaxis.set_minor_locator(ticker.NullLocator())
    # A lambda would keep figures from being pickled.
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(partial(_at_tick, amount)))
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    strip_axes(ax)


def _at_tick(amount, value, _):
    return amount(value)


def strip_axes(ax, axis="y"):
    """Leave faint lines along one axis, two spines, and a legend without a frame."""
    ax.grid(axis=axis, color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False, fontsize="small")
