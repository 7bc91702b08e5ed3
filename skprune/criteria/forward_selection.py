"""Greedy forward selection with lazy bounds, and FCBF.

`select_forward` repeatedly selects the column with the best score given those selected so
far. A score combines a column's relevance with one term per selected column, as defined by a
`Scheme` (mRMR, JMI, CMIM). Terms are evaluated lazily: only for columns whose upper bound is
the highest. Individual terms are not stored, so nothing takes O(n_columns^2) memory. `fcbf`
is the fast correlation-based filter, which determines the number of columns itself.

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

# Smallest batch of candidates to update. Of more than BATCH**2 candidates, 1 / BATCH of them.
BATCH = 64


class Scheme(NamedTuple):
    """How a score combines the relevance and the terms with the selected columns.

    Attributes
    ----------
    combine : callable
        ``combine(relevance, aggregated)`` returns the scores, ``combine(relevance)`` those
        when no column is selected.
    aggregate : ufunc
        ``np.add`` if scores use the mean term, ``np.minimum`` if they use the smallest.
    min_term : float
        Terms are clipped below at this.
    best_term : float
        Most favourable value of a term, which gives the bounds of a mean.
    min_score : float
        Lower bound of all scores.
    """

    combine: Any
    aggregate: Any
    min_term: float
    best_term: float
    min_score: float


DIFFERENCE = Scheme(lambda relevance, mean=0.0: relevance - mean, np.add, 0.0, 0.0, -np.inf)
MEAN = Scheme(lambda alone, mean=None: alone if mean is None else mean, np.add, 0.0, np.inf, 0.0)
MINIMUM = Scheme(lambda alone, term=np.inf: np.minimum(alone, term), np.minimum, 0.0, np.inf, 0.0)


def quotient(min_term):
    """Return the scheme ``relevance / mean term``, terms clipped below at `min_term`."""

    def combine(relevance, mean=min_term):
        return relevance / mean

    return Scheme(combine, np.add, min_term, min_term, 0.0)


class Selection(NamedTuple):
    """Result of forward selection.

    Attributes
    ----------
    scores : ndarray of shape (n_columns,)
        Score of each column when its unit was selected; an upper bound for the others.
    order : ndarray of int, shape (n_selected_units,)
        The best column of each selected unit, in order of selection.
    """

    scores: Any
    order: Any


def select_forward(relevance, term, scheme, units, forced, n_columns, threshold=-np.inf):
    """Select units of columns one by one, each the best given those selected before.

    A unit is selected by its best column, and then all its columns are selected.

    Parameters
    ----------
    relevance : ndarray of shape (n_all_columns,)
        Relevance of each column by itself; NaN for columns that cannot be selected.
    term : callable
        ``term(s, columns)`` returns the non-negative terms of some columns with column `s`.
    scheme : Scheme
        Definition of the scores.
    units : ndarray of int, shape (n_all_columns,)
        The unit of each column.
    forced : ndarray of bool, shape (n_all_columns,)
        Columns that are selected from the start; whole units.
    n_columns : int
        Selection ends when at least this many columns are selected.
    threshold : float, default=-inf
        Selection ends when no score is above it.

    Returns
    -------
    Selection
        Ties go to the higher relevance, then to the first column.

    Notes
    -----
    At most one term per pair of a column and a selected one, O(n_all_columns * n_columns)
    terms, but usually far fewer; O(n_all_columns) memory.
    """
    eligible = ~np.isnan(relevance)
    scores = np.array(scheme.combine(relevance))
    known = KnownTerms(
        np.full(len(scores), 0.0 if scheme.aggregate is np.add else np.inf),
        np.zeros(len(scores), dtype=np.intp),
    )
    taken = forced.copy()
    selected = np.flatnonzero(forced & eligible).tolist()
    order: list[int] = []
    candidates = np.flatnonzero(~taken & eligible)
    while len(candidates) and np.count_nonzero(taken) < n_columns:
        best = _find_best(scores, known, relevance, candidates, selected, term, scheme)
        if scores[best] <= threshold:
            break
        members = units == units[best]
        taken |= members
        order.append(int(best))
        selected += np.flatnonzero(members & eligible).tolist()
        candidates = np.flatnonzero(~taken & eligible)
    return Selection(scores, np.array(order, dtype=np.intp))


class KnownTerms(NamedTuple):
    """The terms of each column that have been evaluated; updated in place.

    Attributes
    ----------
    aggregated : ndarray of shape (n_columns,)
        Sum or minimum of the terms.
    n_terms : ndarray of int, shape (n_columns,)
        Number of evaluated terms: those with the first selected columns.
    """

    aggregated: Any
    n_terms: Any


def _find_best(scores, known, relevance, candidates, selected, term, scheme):
    """Update scores until the best one is exact; return its column.

    The score of a column with unknown terms is replaced by its upper bound: the score if
    they had their best possible value. Only columns with the highest bounds are updated, by
    the term with one selected column at a time.
    """
    scores[candidates] = _bound(known, relevance, candidates, len(selected), scheme)
    while True:
        best = _best(scores, relevance, candidates)
        n_terms = known.n_terms[best]
        if n_terms == len(selected) or scores[best] <= scheme.min_score:
            return best
        same_state = candidates[known.n_terms[candidates] == n_terms]
        size = max(BATCH, len(same_state) // BATCH)
        batch = same_state[np.argsort(-scores[same_state], kind="stable")[:size]]
        terms = np.maximum(term(selected[n_terms], batch), scheme.min_term)
        known.aggregated[batch] = scheme.aggregate(known.aggregated[batch], terms)
        known.n_terms[batch] += 1
        scores[batch] = _bound(known, relevance, batch, len(selected), scheme)


def _bound(known, relevance, columns, n_selected, scheme):
    """Return the scores of some columns, or upper bounds where terms are unknown."""
    if n_selected == 0:
        return scheme.combine(relevance[columns])
    aggregated = known.aggregated[columns]
    if scheme.aggregate is np.add:
        n_unknown = n_selected - known.n_terms[columns]
        unknown = n_unknown * np.where(n_unknown > 0, scheme.best_term, 0.0)
        aggregated = (aggregated + unknown) / n_selected
    return scheme.combine(relevance[columns], aggregated)


def _best(scores, relevance, candidates):
    """Return the candidate with the highest score, then relevance, then the first."""
    found = scores[candidates]
    top = candidates[found == found.max()]
    return top[np.argmax(relevance[top])]


class FCBFResult(NamedTuple):
    """Result of the fast correlation-based filter.

    Attributes
    ----------
    kept : ndarray of bool, shape (n_columns,)
        Columns that are kept.
    partner : ndarray of int, shape (n_columns,)
        The kept column that makes this one redundant; -1 if there is none.
    value : ndarray of shape (n_columns,)
        Their symmetric uncertainty; NaN without a partner.
    """

    kept: Any
    partner: Any
    value: Any


def fcbf(strength, uncertainty, units, forced):
    """Fast correlation-based filter: keep the columns that are predominant.

    In order of decreasing strength, a column is removed if a kept column, associated with
    the target no less, is associated with it at least as strongly as the target is (an
    approximate Markov blanket). A unit is kept if any of its columns is. If no column is
    relevant, the unit of the first non-constant one is kept.

    Parameters
    ----------
    strength : ndarray of shape (n_columns,)
        Symmetric uncertainty of each column and the target; NaN for constant columns.
    uncertainty : callable
        ``uncertainty(s, columns)`` returns that of some columns and column `s`.
    units, forced
        As for `select_forward`.

    Returns
    -------
    FCBFResult
        O(n_columns) per kept column, plus a call of `uncertainty`.
    """
    open_ = strength > 0  # relevant and not redundant so far
    kept = np.zeros(len(strength), dtype=bool)
    partner = np.full(len(strength), -1)
    value = np.full(len(strength), np.nan)
    entering = forced
    while True:
        kept |= entering
        for s in np.flatnonzero(entering & (strength > 0)):
            rest = np.flatnonzero(open_ & ~kept & (strength <= strength[s]))
            mutual = uncertainty(s, rest)
            covered = mutual >= strength[rest]
            redundant = rest[covered]
            open_[redundant], partner[redundant] = False, s
            value[redundant] = mutual[covered]
        waiting = np.flatnonzero(open_ & ~kept)
        if not len(waiting):
            break
        entering = units == units[waiting[np.argmax(strength[waiting])]]
    if not kept.any():
        kept = units == units[np.argmin(np.isnan(strength))]
    partner[kept], value[kept] = -1, np.nan
    return FCBFResult(kept, partner, value)
