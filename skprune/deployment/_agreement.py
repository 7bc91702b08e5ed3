"""Two columns of predictions compared: counts that add up over batches, and intervals of them."""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from skprune.criteria.sequential import exact_interval
from skprune.exceptions import InputError
from skprune.feature_selection._columns import LARGEST_EXACT


@dataclass(frozen=True)
class Tally:
    """What a batch of predictions adds up to.

    Attributes
    ----------
    n_samples, n_agree : int
        Numbers of samples, and of those with the same prediction.
    n_labelled : int
        Number of samples with a known target.
    n_better, n_worse : int
        Numbers of samples that only the pruned model predicts correctly, and only the
        reference; of regressors, with the smaller error.
    gain, gain_square : float
        Sums of the score of the pruned model minus that of the reference, and of its square.
    """

    n_samples: int = 0
    n_agree: int = 0
    n_labelled: int = 0
    n_better: int = 0
    n_worse: int = 0
    gain: float = 0.0
    gain_square: float = 0.0

    def __add__(self, other):
        """Return the tally of both batches."""
        return Tally(*(a + b for a, b in zip(self.values(), other.values(), strict=True)))

    def values(self):
        """Return the numbers, in their order."""
        return list(asdict(self).values())

    @property
    def agreement(self):
        """Share of samples with the same prediction; NaN without samples."""
        return self.n_agree / self.n_samples if self.n_samples else np.nan

    @property
    def score_difference(self):
        """Mean score of the pruned model minus that of the reference; NaN without targets."""
        return self.gain / self.n_labelled if self.n_labelled else np.nan

    def agreement_interval(self, confidence):
        """Return the exact interval of the agreement."""
        return tuple(map(float, exact_interval(self.n_agree, self.n_samples, confidence)))

    def score_interval(self, confidence, *, exact):
        """Return the interval of the score difference: exact for 0 or 1, else normal."""
        if exact:
            # Each of two exact intervals has half of the error.
            half = (1.0 + confidence) / 2.0
            better = exact_interval(self.n_better, self.n_labelled, half)
            worse = exact_interval(self.n_worse, self.n_labelled, half)
            return float(better[0] - worse[1]), float(better[1] - worse[0])
        n, mean = self.n_labelled, self.score_difference
        if n < 2:
            return -np.inf, np.inf
        variance = max(self.gain_square - n * mean**2, 0.0) / (n - 1)
        width = float(norm.isf((1.0 - confidence) / 2.0) * np.sqrt(variance / n))
        return mean - width, mean + width

    @classmethod
    def read(cls, values):
        """Return the tally of a list of numbers; ValueError or TypeError if it is none."""
        tally = cls(*values)
        counts = [v for f, v in zip(fields(cls), values, strict=True) if f.type == "int"]
        whole = all(type(v) is int and 0 <= v <= LARGEST_EXACT for v in counts)
        if not whole or not np.isfinite(values).all():
            raise ValueError
        if tally.n_agree > tally.n_samples or tally.n_better + tally.n_worse > tally.n_labelled:
            raise ValueError
        return tally


def compare_predictions(reference, predictions, y, atol):
    """Return which samples agree, and the tally.

    Parameters
    ----------
    reference, predictions : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Predictions of the two models.
    y : array-like of the same shape or None
        True targets; missing ones are not counted.
    atol : float or None
        Largest difference of numbers that agree; None for labels, which agree if they are equal.

    Returns
    -------
    agrees : ndarray of bool, shape (n_samples,)
        Whether all outputs of a sample agree.
    tally : Tally
        The numbers.
    """
    first = _column(reference, "reference_predictions", atol)
    second = _column(predictions, "predictions", atol)
    _check_alike(first, second, "predictions")
    agrees = _equal(first, second) if atol is None else _near(first, second, atol)
    counts = {"n_samples": len(agrees), "n_agree": int(agrees.sum())}
    if y is None:
        return agrees, Tally(**counts)
    target = _column(y, "y", atol)
    _check_alike(first, target, "y")
    known = ~pd.isna(target).any(axis=1)
    first, second, target = first[known], second[known], target[known]
    if atol is None:
        gain = _equal(second, target).astype(float) - _equal(first, target)
    else:
        gain = np.abs(first - target).mean(axis=1) - np.abs(second - target).mean(axis=1)
    counts |= {"n_labelled": int(known.sum())}
    counts |= {"n_better": int((gain > 0).sum()), "n_worse": int((gain < 0).sum())}
    return agrees, Tally(**counts, gain=float(gain.sum()), gain_square=float((gain**2).sum()))


def _column(values, name, atol):
    """Return one column of predictions, or several, as an array of shape (n_samples, n_outputs)."""
    found: Any = np.asarray(values)
    found = found[:, None] if found.ndim == 1 else found
    if found.ndim != 2 or not found.size:
        msg = (
            f"{name} has the shape {np.shape(values)}. Allowed are (n_samples,) and (n_samples, "
            "n_outputs), with at least one sample. Give the predictions of a batch."
        )
        raise InputError(msg)
    if atol is None:
        return found
    try:
        return found.astype(np.float64)
    except (TypeError, ValueError) as error:
        msg = (
            f"{name} holds something else than numbers, but atol={atol!r} compares numbers. Give "
            "numbers, or atol=None for labels."
        )
        raise InputError(msg) from error


def _check_alike(first, second, name):
    """Refuse columns of other lengths, and text compared with numbers."""
    if first.shape != second.shape:
        msg = (
            f"{name} has the shape {second.shape}, but reference_predictions has {first.shape}. "
            "Give both for the same samples, in the same order."
        )
        raise InputError(msg)
    if _is_text(first) != _is_text(second) and not (_empty(first) or _empty(second)):
        kinds = ["text" if _is_text(each) else "numbers" for each in (first, second)]
        msg = (
            f"reference_predictions holds {kinds[0]} and {name} {kinds[1]}, so none would be "
            "equal. Give both the same type; files of text may have changed one of them."
        )
        raise InputError(msg)


def _is_text(values):
    if values.dtype.kind != "O":
        return values.dtype.kind in "SUT"
    return any(isinstance(value, (str, bytes)) for value in values.ravel())


def _empty(values):
    return bool(pd.isna(values).all())


def _equal(first, second):
    """Return in which rows all values are equal, or missing in both."""
    missing = pd.isna(first), pd.isna(second)
    equal = missing[0] & missing[1]
    both = ~(missing[0] | missing[1])
    equal[both] = (first[both] == second[both]).astype(bool)
    return equal.all(axis=1)


def _near(first, second, atol):
    """Return in which rows all numbers differ by at most `atol`, or are missing in both."""
    equal = (first == second) | (np.isnan(first) & np.isnan(second))  # of infinity, too
    with np.errstate(invalid="ignore"):
        return (equal | (np.abs(first - second) <= atol)).all(axis=1)
