"""Orders of the members of an ensemble, from their stacked predictions.

An order lists the members as a greedy method picks them, best first. `MemberVotes` holds the
votes; each pick is then one expression over all members that are left.

A member that may not look at a row (it was grown on it) casts no vote there, and what is
counted for a member is divided by the weight of the rows that it mask at.
"""

from functools import cached_property

import numpy as np

# The point that margin distance aims at, and the share of DREP's candidates: the papers'.
AIM = 0.075
SHARE = 0.25


class MemberVotes:
    """The votes of T members on n rows of K classes; what is made of them is kept.

    Parameters
    ----------
    votes : ndarray of shape (T, n, K)
        Class probabilities, or ones for hard votes.
    codes : ndarray of int, shape (n,)
        True classes, as indices into the votes.
    member_weight : ndarray of shape (T,), default=None
        How much the vote of each member counts; alike if None.
    weight : ndarray of shape (n,), default=None
        Weights of the rows; ones if None.
    mask : ndarray of bool, shape (T, n), default=None
        Which rows each member may be judged by; all if None.

    Notes
    -----
    Votes are compared in single precision: exact for hard votes and pure leaves.
    """

    def __init__(self, votes, codes, *, member_weight=None, weight=None, mask=None):
        self.n_members, self.n_rows, self.n_classes = votes.shape
        self.codes = codes
        self.weight = np.ones(self.n_rows) if weight is None else np.asarray(weight, dtype=float)
        self.mask = mask
        # Sums of ones are exact in single precision, and found without multiplying.
        self.counts = bool((self.weight == 1).all()) and self.n_rows < 2**24
        self._votes = votes
        self._member_weight = member_weight

    @cached_property
    def _by_class(self):
        """Votes of each class; ndarray of shape (K, T, n)."""
        return np.ascontiguousarray(np.moveaxis(self._votes, 2, 0), dtype=np.float32)

    @cached_property
    def labels(self):
        """Class that a member votes for most, -1 where it does not look; shape (T, n)."""
        kind = np.int8 if self.n_classes <= 2**7 else np.int32
        label, most = np.zeros((self.n_members, self.n_rows), dtype=kind), self._by_class[0]
        for k, vote in enumerate(self._by_class[1:], start=1):
            np.copyto(label, kind(k), where=vote > most)
            most = np.maximum(most, vote)
        return label if self.mask is None else np.where(self.mask, label, kind(-1))

    @cached_property
    def correct(self):
        """Whether a member names the true class; ndarray of bool, shape (T, n)."""
        return self.labels == self.codes.astype(self.labels.dtype)

    @cached_property
    def sums(self):
        """Votes that add up to those of ensembles; ndarray of shape (K, T, n)."""
        votes = self._by_class
        if self._member_weight is not None:
            votes = votes * np.asarray(self._member_weight, dtype=np.float32)[:, np.newaxis]
        return votes if self.mask is None else votes * self.mask

    @cached_property
    def margins(self):
        """Vote for the true class less that for each class; ndarray of shape (K, T, n)."""
        true = self.sums[0]
        for k, vote in enumerate(self.sums[1:], start=1):
            true = np.where(self.codes == k, vote, true)
        return true - self.sums

    def count(self, flags):
        """Add up the weights of the flagged rows of each member; O(T n)."""
        if self.counts:
            bits = np.bitwise_count(np.packbits(flags, axis=1))
            return bits.sum(axis=1, dtype=np.int64).astype(float)
        return flags @ self.weight

    def per_row(self, amount):
        """Divide what was counted for each member by the weight of its rows."""
        if self.mask is None:
            return amount / self.weight.sum()
        return amount / np.maximum(self.mask @ self.weight, np.finfo(float).tiny)


def own_error(ballots):
    """Return the error rate of each member by itself; ndarray of shape (T,). O(T n)."""
    return 1 - ballots.per_row(ballots.count(ballots.correct))


def error(ballots, n_picks=None):
    """Order by the error of each member alone.

    Parameters
    ----------
    ballots : MemberVotes
        The votes.
    n_picks : int, default=None
        How many members to pick; all if None.

    Returns
    -------
    ndarray of int, shape (n_picks,)
        Members, best first.

    Notes
    -----
    O(T n).
    """
    return np.argsort(own_error(ballots), kind="stable")[:n_picks]


def reduced_error(ballots, n_picks=None):
    """Add the member with which the ensemble errs least (Margineantu, Dietterich 1997).

    Parameters and result are those of `error`. O(T n K) per pick.
    """
    return _pick(ballots, lambda state, left: state.error_with_each(left), n_picks)


def complementarity(ballots, n_picks=None):
    """Add the member that is right most often where the ensemble is wrong.

    Parameters and result are those of `error`. An empty ensemble is wrong everywhere
    (Martinez-Munoz, Suarez 2004). O(T n) per pick.
    """

    def score(state, left):
        return -ballots.per_row(ballots.count(ballots.correct & ~state.is_right()))[left]

    return _pick(ballots, score, n_picks)


def margin_distance(ballots, n_picks=None, aim=AIM):
    """Add the member that brings the mean signature nearest to a point.

    The signature of a member has +1 for each row that it gets right and -1 for the others;
    the mean is over all T members, those not chosen counting zero, and the point has a
    small positive number everywhere (Martinez-Munoz, Suarez 2004). Where members look at
    some rows only, their signatures are scaled up to all rows.

    Parameters
    ----------
    ballots : MemberVotes
        The votes.
    n_picks : int, default=None
        How many members to pick; all if None.
    aim : float, default=0.075
        The number.

    Returns
    -------
    ndarray of int, shape (n_picks,)
        Members, best first.

    Notes
    -----
    O(T^2 n) once for the Gram matrix, then O(T) per pick.
    """
    sign = np.where(ballots.correct, 1.0, -1.0)
    if ballots.mask is not None:
        sign *= ballots.mask
        sign *= ballots.per_row(np.full(len(sign), ballots.weight.sum()))[:, np.newaxis]
    if ballots.counts and ballots.mask is None:
        sign = sign.astype(np.float32)  # sums of ones: exact
    n_members = len(sign)
    weighted = sign * ballots.weight.astype(sign.dtype)
    gram = (weighted @ sign.T).astype(float)
    toward = aim * n_members * weighted.sum(axis=1, dtype=float)
    alone = gram.diagonal() - 2 * toward
    along = np.zeros(n_members)
    order = np.empty(n_members if n_picks is None else n_picks, dtype=np.intp)
    barred = np.zeros(n_members)
    for place in range(len(order)):
        order[place] = member = np.argmin(alone + 2 * along + barred)
        barred[member] = np.inf
        along += gram[member]
    return order


def individual_contribution(ballots, n_picks=None):
    """Order by individual contribution (Lu, Wu, Zhu, Bongard 2010).

    On each row a member that is right against the majority gains twice the largest number
    of votes less those for its own class; one that is right with the majority gains the
    second largest number; one that is wrong gains the votes for the true class less those
    for its own and less the largest number.

    Parameters and result are those of `error`. O(T n + n K log K).
    """
    n_classes, codes = ballots.n_classes, ballots.codes
    counts = np.stack([(ballots.labels == k).sum(axis=0) for k in range(n_classes)], axis=1)
    ordered = np.sort(counts, axis=1)
    largest, second = ordered[:, -1], ordered[:, -2] if n_classes > 1 else 0
    majority, rows = counts.argmax(axis=1), np.arange(len(counts))
    # What each class earns whoever votes for it, by row: then one gather.
    earns = counts[rows, codes][:, np.newaxis] - counts - largest[:, np.newaxis]
    against = 2 * largest - counts[rows, codes]
    earns[rows, codes] = np.where(majority == codes, second, against)
    contribution = earns[rows, ballots.labels] * 1.0
    if ballots.mask is not None:
        contribution *= ballots.mask
    return np.argsort(-ballots.per_row(contribution @ ballots.weight), kind="stable")[:n_picks]


def kappa_matrix(ballots):
    """Return how far each two members agree beyond chance.

    Parameters
    ----------
    ballots : MemberVotes
        The votes.

    Returns
    -------
    ndarray of shape (T, T)
        Cohen's kappa over the rows that both look at; 1 for members that always name one
        and the same class, or have no row in common.

    Notes
    -----
    One product of (T, n) matrices per class; 2 more where members look at some rows only.
    """
    exact = np.float32 if ballots.counts else float
    weight = ballots.weight.astype(exact)
    agree = np.zeros((ballots.n_members, ballots.n_members))
    chance, total = agree.copy(), ballots.weight.sum()
    mask = None if ballots.mask is None else ballots.mask.astype(exact)
    if mask is not None:
        total = ((mask * weight) @ mask.T).astype(float)
    for k in range(ballots.n_classes):
        named = (ballots.labels == k).astype(exact)
        weighted = named * weight
        agree += weighted @ named.T
        if mask is None:
            share = weighted.sum(axis=1, dtype=float)
            chance += np.outer(share, share)
        else:
            both = (weighted @ mask.T).astype(float)
            chance += both * both.T
    above, room = agree * total - chance, total**2 - chance
    return np.divide(above, room, out=np.ones_like(agree), where=room > 0)


def kappa(ballots, n_picks=None):
    """Take pairs of members in the order of their agreement, least first.

    The kappa pruning of Margineantu and Dietterich (1997): a member comes when its first
    pair does.

    Parameters and result are those of `error`. Cost: see `kappa_matrix`.
    """
    agreement = kappa_matrix(ballots)
    np.fill_diagonal(agreement, np.inf)
    return np.argsort(agreement.min(axis=1), kind="stable")[:n_picks]


def drep(ballots, n_picks=None, share=SHARE):
    """Add, of the members that differ most, the one that lowers the error most.

    Diversity-regularised ensemble pruning (Li, Yu, Zhou 2012), continued to a full order
    where the paper stops: the first member has the lowest error; then those left are
    ranked by their agreement with the ensemble, and of the first `share` of them the one
    is added with which the ensemble errs least.

    Parameters
    ----------
    ballots : MemberVotes
        The votes.
    n_picks : int, default=None
        How many members to pick; all if None.
    share : float, default=0.25
        Share of the members left that are candidates; the paper tries 0.2 to 0.5.

    Returns
    -------
    ndarray of int, shape (n_picks,)
        Members, best first.

    Notes
    -----
    O(T n) per pick, and O(share T n K) for the candidates.
    """

    def score(state, left):
        if len(left) == ballots.n_members:
            return own_error(ballots)
        named = state.votes.argmax(axis=0).astype(ballots.labels.dtype)
        agreement = ballots.per_row(ballots.count(ballots.labels == named))[left]
        near = np.argsort(agreement, kind="stable")[: int(np.ceil(share * len(left)))]
        errors = np.full(len(left), np.inf)
        errors[near] = state.error_with_each(left[near])
        return errors

    return _pick(ballots, score, n_picks)


def pair_means(stack, *, weight=None, mask=None):
    """Return the mean product of each two rows of a stack: its Gram matrix, per row.

    Parameters
    ----------
    stack : ndarray of shape (T, n, K)
        Predictions or residuals; products add up over K.
    weight : ndarray of shape (n,), default=None
        Weights of the rows; ones if None.
    mask : ndarray of bool, shape (T, n), default=None
        Which rows each member may be judged by. A pair is judged by those of both.

    Returns
    -------
    ndarray of shape (T, T)
        Positive semidefinite: where pairs are judged by different rows, negative
        eigenvalues are set to zero.

    Notes
    -----
    One product of (T, n K) matrices, and O(T^3) with `mask`.
    """
    n_members, n_rows, n_values = stack.shape
    weight = np.ones(n_rows) if weight is None else np.asarray(weight, dtype=float)
    if mask is None:
        flat = (stack * np.sqrt(weight)[:, np.newaxis]).reshape(n_members, n_rows * n_values)
        return flat @ flat.T / weight.sum()
    flat = (stack * (mask * np.sqrt(weight))[:, :, np.newaxis]).reshape(n_members, -1)
    both = (mask * weight) @ mask.T
    means = flat @ flat.T / np.maximum(both, np.finfo(float).tiny)
    values, vectors = np.linalg.eigh(means)
    return (vectors * values.clip(0)) @ vectors.T


class _Ensemble:
    """The members picked so far, as the sums of their votes."""

    def __init__(self, ballots):
        self.ballots = ballots
        classes = np.arange(ballots.n_classes)[:, np.newaxis]
        self.is_own, self.wins_ties = classes == ballots.codes, classes > ballots.codes
        self.votes = np.zeros((ballots.n_classes, ballots.n_rows))
        self.margins = np.zeros_like(self.votes)
        self.seen = np.zeros(ballots.n_rows, dtype=bool)

    def add(self, member):
        ballots = self.ballots
        self.votes += ballots.sums[:, member]
        self.margins += ballots.margins[:, member]
        self.seen |= True if ballots.mask is None else ballots.mask[member]

    def is_right(self):
        """Return on which rows the ensemble is right; an empty one nowhere."""
        wins = np.where(self.wins_ties, self.margins >= 0, self.margins > 0)
        return (wins | self.is_own).all(axis=0) & self.seen

    def error_with_each(self, members):
        """Return the error rate with each of some members added, over rows then looked at."""
        ballots = self.ballots
        # A copy of most members costs more than to look at all of them.
        if 2 * len(members) > ballots.n_members:
            return self._error_with(slice(None))[members]
        return self._error_with(members)

    def _error_with(self, members):
        ballots = self.ballots
        # The true class wins if the margins of the member are above these.
        limit = -self.margins.astype(np.float32)
        limit = np.where(self.wins_ties, np.nextafter(limit, np.float32(-np.inf)), limit)
        limit[self.is_own] = -np.inf
        right = ballots.margins[0, members] > limit[0]
        for margins, bound in zip(ballots.margins[1:], limit[1:], strict=True):
            right &= margins[members] > bound
        if ballots.mask is None:
            return 1 - ballots.count(right) / ballots.weight.sum()
        mask = ballots.mask[members]
        right &= self.seen | mask
        known = ballots.weight @ self.seen + mask @ (ballots.weight * ~self.seen)
        return 1 - ballots.count(right) / np.maximum(known, np.finfo(float).tiny)


def _pick(ballots, score, n_picks):
    """Pick members one after the other by the lowest score; ties go to the first."""
    state, left = _Ensemble(ballots), np.arange(ballots.n_members)
    order = np.empty(ballots.n_members if n_picks is None else n_picks, dtype=np.intp)
    for place in range(len(order)):
        order[place] = left[np.argmin(score(state, left))]
        left = left[left != order[place]]
        state.add(order[place])
    return order
