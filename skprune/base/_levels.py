"""Levels: the meaning of ``keep`` and ``threshold``, and their checks.

A level is given in one of two ways: ``keep`` (an integer is the number of units that are
kept, a float in (0, 1] the fraction of them) or ``threshold`` (in the unit of the
criterion; a unit is kept if its score is above it).
"""

import warnings
from numbers import Integral, Real

import numpy as np

from skprune.exceptions import LevelError, PruningWarning

# Scores that differ by less than this, relatively, differ by rounding only: a threshold
# from another computation of the same score must still cut at the same place.
TIE_RTOL = 1e-9


def check_level(keep, threshold):
    """Refuse a malformed level; ``None`` for both is allowed.

    Parameters
    ----------
    keep : int, float or None
        Number (int) or fraction (float in (0, 1]) of the units that are kept.
    threshold : float or None
        Units with a score above it are kept. Infinities are allowed, NaN is not.

    Raises
    ------
    LevelError
        If both are given, or one is malformed.
    """
    if keep is not None and threshold is not None:
        msg = (
            f"Both keep={keep!r} and threshold={threshold!r} were given, but each alone "
            "selects a level. Set one of them to None."
        )
        raise LevelError(msg)
    if keep is not None and not _is_keep(keep):
        msg = (
            f"keep={keep!r} is not a level. Allowed are an int of at least 1 (the number of "
            "units that are kept), a float in (0, 1] (the fraction that is kept) or None."
        )
        raise LevelError(msg)
    if threshold is not None and not _is_threshold(threshold):
        msg = (
            f"threshold={threshold!r} is not a level. Allowed is an int or a float, on the "
            "scale of the criterion's scores, or None."
        )
        raise LevelError(msg)


def check_no_level(who, keep, threshold):
    """Refuse a level where the criterion determines by itself what is kept.

    Parameters
    ----------
    who : str
        Name of the criterion; for the message.
    keep : int, float or None
        A checked ``keep``; 1.0 keeps all, and is allowed.
    threshold : float or None
        A checked threshold.

    Raises
    ------
    LevelError
        If another level is given.
    """
    if threshold is None and (keep is None or (isinstance(keep, float) and keep == 1.0)):
        return
    given = f"threshold={threshold!r}" if keep is None else f"keep={keep!r}"
    msg = (
        f"{given} was given, but {who} decides by itself what is kept. Leave "
        "keep and threshold at None; keep=1.0 keeps all."
    )
    raise LevelError(msg)


def units_to_keep(keep, n_units, unit="units"):
    """Return the largest number of units that ``keep`` allows to be kept.

    Parameters
    ----------
    keep : int or float
        A checked ``keep``: an int is a number, a float a fraction.
    n_units : int
        Number of units of the whole model.
    unit : str, default="units"
        Name of the units in messages.

    Returns
    -------
    int
        Between 1 and `n_units`. A count above `n_units` gives `n_units` and a
        `PruningWarning`.
    """
    if isinstance(keep, Integral):
        if keep > n_units:
            warnings.warn(
                f"keep={keep} is more than the {n_units} {unit} of the whole model; "
                "nothing is removed.",
                PruningWarning,
                stacklevel=5,
            )
        return min(int(keep), n_units)
    # The slack lets a fraction that was computed as count / n_units find its count.
    return max(1, int(np.floor(keep * n_units + 1e-9)))


def distinct(scores):
    """Return the distinct scores in ascending order, rounding noise merged.

    Parameters
    ----------
    scores : ndarray of shape (n_units,)
        Finite scores, in any order.

    Returns
    -------
    ndarray of shape (n_distinct,)
        The largest score of each group of scores that differ by rounding only.

    Notes
    -----
    O(n log n).
    """
    ordered = np.sort(scores)
    if ordered.size == 0:
        return ordered
    gap = np.diff(ordered)
    last_of_group = np.append(gap > TIE_RTOL * np.abs(ordered[1:]), True)
    return ordered[last_of_group]


def slack(threshold):
    """Raise a threshold by the relative tie tolerance.

    Parameters
    ----------
    threshold : float
        Threshold in the unit of the scores; may be infinite.

    Returns
    -------
    float
        Scores at or below the result count as not above `threshold`.
    """
    return threshold + TIE_RTOL * abs(threshold) if np.isfinite(threshold) else threshold


def midpoints(breaks):
    """Return a threshold between each two neighbours of an ascending sequence.

    The mean is geometric where both neighbours are positive and of comparable size, as
    is usual for penalties, and arithmetic elsewhere.

    Parameters
    ----------
    breaks : ndarray of shape (n,)
        Ascending values.

    Returns
    -------
    ndarray of shape (n - 1,)
        Values strictly between the neighbours.
    """
    low, high = breaks[:-1], breaks[1:]
    comparable = low > 1e-12 * np.abs(high)
    geometric = np.sqrt(np.where(comparable, low, 1.0) * np.where(comparable, high, 1.0))
    return np.where(comparable, geometric, low / 2 + high / 2)


def partings(ordered):
    """Return a threshold between each two neighbours of ascending scores, where they differ.

    Parameters
    ----------
    ordered : ndarray of shape (n,)
        Ascending scores.

    Returns
    -------
    ndarray of shape (n - 1,)
        As `midpoints`; NaN between scores that differ by rounding only.
    """
    found = midpoints(ordered)
    found[ordered[1:] <= slack(1.0) * ordered[:-1]] = np.nan
    return found


def geometric_levels(units, max_levels):
    """Select levels of a path whose sizes decrease by about the same factor.

    Parameters
    ----------
    units : ndarray of shape (n_levels,)
        Number of units of each level; the first is the whole.
    max_levels : int
        Largest number of levels.

    Returns
    -------
    ndarray of int, shape (n_picked,)
        Rows of the path, the first and the last among them.
    """
    if len(units) <= max_levels:
        return np.arange(len(units))
    aims = np.geomspace(units[0], units[-1], max_levels)
    # Rounding must not push the ends off the path.
    aims[0], aims[-1] = units[0], units[-1]
    descending = np.minimum.accumulate(units)
    picked = np.searchsorted(-descending, -aims, side="left")
    return np.unique(np.append(picked[:-1], len(units) - 1))


def is_number(value):
    """Say whether a value is a real number, and no bool."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))


def _is_threshold(value):
    # numpy compares scores with no other real numbers, nor with an int beyond every float.
    if not is_number(value) or not isinstance(value, (Integral, float, np.floating)):
        return False
    try:
        return not np.isnan(float(value))
    except OverflowError:
        return False


def _is_keep(keep):
    if not is_number(keep):
        return False
    return int(keep) >= 1 if isinstance(keep, Integral) else 0 < keep <= 1
