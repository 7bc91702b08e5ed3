"""Forward picks: the best column first, then the best one beside those that were picked.

`select_forward` is the one loop. What a column is worth beside the chosen ones is made of one
term with each of them, as a `Scheme` has it. `Beside` computes a term when it may matter,
and keeps none: nothing is ever of size columns x columns. `fcbf` is the walk of
FCBF, which decides by itself what stays.

References
----------
C. Ding and H. Peng, "Minimum redundancy feature selection from microarray gene expression
data", Journal of Bioinformatics and Computational Biology 3, 2005.
F. Fleuret, "Fast binary feature selection with conditional mutual information", JMLR 5,
2004.
L. Yu and H. Liu, "Feature selection for high-dimensional data: a fast correlation-based
filter solution", ICML 2003.
"""

from typing import Any, NamedTuple

import numpy as np

# Columns that are brought up to date together, at least; of many, this part.
BATCH = 64


class Scheme(NamedTuple):
    """How a score is made of the relevance and the terms with the chosen columns.

    Attributes
    ----------
    combine : callable
        ``combine(relevance, merged)`` gives the scores, and ``combine(relevance)`` those
        when nothing is chosen.
    merge : ufunc
        ``np.add`` if the mean term counts, ``np.minimum`` if the lowest does.
    floor : float
        Terms count as at least this.
    hope : float
        The best that a term can be, for a mean.
    lowest : float
        No score is below this.
    """

    combine: Any
    merge: Any
    floor: float
    hope: float
    lowest: float


DIFFERENCE = Scheme(lambda relevance, mean=0.0: relevance - mean, np.add, 0.0, 0.0, -np.inf)
MEAN = Scheme(lambda alone, mean=None: alone if mean is None else mean, np.add, 0.0, np.inf, 0.0)
MINIMUM = Scheme(lambda alone, term=np.inf: np.minimum(alone, term), np.minimum, 0.0, np.inf, 0.0)


def quotient(floor):
    """Return the scheme that divides by the mean term; terms count as at least `floor`."""
    return Scheme(lambda relevance, mean=floor: relevance / mean, np.add, floor, floor, 0.0)


class Selection(NamedTuple):
    """What forward picks found.

    Attributes
    ----------
    scores : ndarray of shape (n_columns,)
        Score of each column when its unit was picked; of the others a bound from above.
    order : ndarray of int, shape (n_picks,)
        The best column of each unit picked, in order.
    """

    scores: Any
    order: Any


def select_forward(relevance, term, scheme, units, forced, n_columns, threshold=-np.inf):
    """Pick units of columns one after the other, the best beside those picked before.

    A unit is picked by its best column; then all its columns are among the chosen.

    Parameters
    ----------
    relevance : ndarray of shape (n_columns_in_all,)
        What each column is worth alone; NaN for columns that cannot be picked.
    term : callable
        ``term(s, columns)`` gives the terms, at least 0, of some columns with column `s`.
    scheme : Scheme
        How scores are made of them.
    units : ndarray of int, shape (n_columns_in_all,)
        The unit of each column.
    forced : ndarray of bool, shape (n_columns_in_all,)
        Columns that are chosen from the start; whole units.
    n_columns : int
        Picks end when at least that many columns are chosen.
    threshold : float, default=-inf
        Picks end when no score is above it.

    Returns
    -------
    Selection
        A tie goes to the higher relevance, then to the first column.
    """
    able = ~np.isnan(relevance)
    scores = np.array(scheme.combine(relevance))
    known = TermCache(
        np.full(len(scores), 0.0 if scheme.merge is np.add else np.inf),
        np.zeros(len(scores), dtype=np.intp),
    )
    taken = forced.copy()
    chosen = np.flatnonzero(forced & able).tolist()
    order: list[int] = []
    candidates = np.flatnonzero(~taken & able)
    while len(candidates) and np.count_nonzero(taken) < n_columns:
        best = _settle(scores, known, relevance, candidates, chosen, term, scheme)
        if scores[best] <= threshold:
            break
        members = units == units[best]
        taken |= members
        order.append(int(best))
        chosen += np.flatnonzero(members & able).tolist()
        candidates = np.flatnonzero(~taken & able)
    return Selection(scores, np.array(order, dtype=np.intp))


class TermCache(NamedTuple):
    """What is known of each column's terms with the chosen ones; written to in place.

    Attributes
    ----------
    merged : ndarray of shape (n_columns,)
        Sum or lowest of the terms.
    n_terms : ndarray of int, shape (n_columns,)
        With how many of the chosen columns, in the order in which they were chosen.
    """

    merged: Any
    n_terms: Any


def _settle(scores, known, relevance, candidates, chosen, term, scheme):
    """Bring scores up to date until the best one is; return its column.

    A column whose terms are not all known has a bound: its score if the others were as
    good as they can be. Only columns whose bound is the highest are brought up to date,
    by one chosen column at a time.
    """
    scores[candidates] = _bound(known, relevance, candidates, len(chosen), scheme)
    while True:
        best = _best(scores, relevance, candidates)
        n_terms = known.n_terms[best]
        if n_terms == len(chosen) or scores[best] <= scheme.lowest:
            return best
        alike = candidates[known.n_terms[candidates] == n_terms]
        size = max(BATCH, len(alike) // BATCH)
        batch = alike[np.argsort(-scores[alike], kind="stable")[:size]]
        terms = np.maximum(term(chosen[n_terms], batch), scheme.floor)
        known.merged[batch] = scheme.merge(known.merged[batch], terms)
        known.n_terms[batch] += 1
        scores[batch] = _bound(known, relevance, batch, len(chosen), scheme)


def _bound(known, relevance, columns, n_chosen, scheme):
    """Return the scores of some columns, or what they are at most."""
    if n_chosen == 0:
        return scheme.combine(relevance[columns])
    merged = known.merged[columns]
    if scheme.merge is np.add:
        n_missing = n_chosen - known.n_terms[columns]
        hoped = n_missing * np.where(n_missing > 0, scheme.hope, 0.0)
        merged = (merged + hoped) / n_chosen
    return scheme.combine(relevance[columns], merged)


def _best(scores, relevance, candidates):
    """Return the candidate with the highest score, then relevance, the first of them."""
    found = scores[candidates]
    top = candidates[found == found.max()]
    return top[np.argmax(relevance[top])]


class FCBFResult(NamedTuple):
    """What the walk of FCBF found.

    Attributes
    ----------
    kept : ndarray of bool, shape (n_columns,)
        Columns that stay.
    partner : ndarray of int, shape (n_columns,)
        The column, of those that stay, that says what this one says; -1 if none does.
    value : ndarray of shape (n_columns,)
        Their symmetric uncertainty; NaN without a partner.
    """

    kept: Any
    partner: Any
    value: Any


def fcbf(strength, uncertainty, units, forced):
    """Keep the columns that no better one stands for.

    From the strongest down, a column stays unless a column that stays, and says no less
    about the target, is as close to it as the target is. A unit stays if any of its
    columns does. If none says anything, the unit of the first one that varies stays.

    Parameters
    ----------
    strength : ndarray of shape (n_columns,)
        Symmetric uncertainty of each column and the target; NaN for columns that are constant.
    uncertainty : callable
        ``uncertainty(s, columns)`` gives those of some columns and column `s`.
    units, forced
        As for `select_forward`.

    Returns
    -------
    FCBFResult
        One call of `uncertainty` for each column that stays.
    """
    open_ = strength > 0  # relevant, and nothing stands for it so far
    kept = np.zeros(len(strength), dtype=bool)
    partner = np.full(len(strength), -1)
    value = np.full(len(strength), np.nan)
    entering = forced
    while True:
        kept |= entering
        for s in np.flatnonzero(entering & (strength > 0)):
            rest = np.flatnonzero(open_ & ~kept & (strength <= strength[s]))
            close = uncertainty(s, rest)
            covered = close >= strength[rest]
            gone = rest[covered]
            open_[gone], partner[gone], value[gone] = False, s, close[covered]
        waiting = np.flatnonzero(open_ & ~kept)
        if not len(waiting):
            break
        entering = units == units[waiting[np.argmax(strength[waiting])]]
    if not kept.any():
        kept = units == units[np.argmin(np.isnan(strength))]
    partner[kept], value[kept] = -1, np.nan
    return FCBFResult(kept, partner, value)
