"""Ordered ensemble pruning: orders of the members from their predictions.

An order lists the members as a greedy method selects them, best first. `MemberVotes` holds
the votes; each selection step is one vectorized expression over all remaining members.

A mask can exclude samples per member, such as those that the member was trained on. A member
casts no vote on an excluded sample, and its statistics are means over the others.
"""

from functools import cached_property

import numpy as np

# Reference point of margin distance, and the share of candidates of DREP, as in the papers.
AIM = 0.075
SHARE = 0.25


class MemberVotes:
    """Votes of T members for K classes on n samples; derived arrays are cached.

    Parameters
    ----------
    votes : ndarray of shape (T, n, K)
        Class probabilities, or one-hot hard votes.
    codes : ndarray of int, shape (n,)
        True classes, as indices into the votes.
    member_weight : ndarray of shape (T,), default=None
        Voting weights of the members; equal if None.
    weight : ndarray of shape (n,), default=None
        Sample weights; ones if None.
    mask : ndarray of bool, shape (T, n), default=None
        Samples on which each member is evaluated; all if None.

    Notes
    -----
    Votes are compared in single precision, which is exact for hard votes and pure leaves.
    O(T n K) memory.
    """

    def __init__(self, votes, codes, *, member_weight=None, weight=None, mask=None):
        self.n_members, self.n_samples, self.n_classes = votes.shape
        self.codes = codes
        self.weight = np.ones(self.n_samples) if weight is None else np.asarray(weight, dtype=float)
        self.mask = mask
        # Counts are exact in single precision and need no products with the weights.
        self.unweighted = bool((self.weight == 1).all()) and self.n_samples < 2**24
        self._votes = votes
        self._member_weight = member_weight

    @cached_property
    def _by_class(self):
        """Votes for each class; ndarray of shape (K, T, n)."""
        return np.ascontiguousarray(np.moveaxis(self._votes, 2, 0), dtype=np.float32)

    @cached_property
    def labels(self):
        """Predicted class of each member, -1 where masked; ndarray of int, shape (T, n)."""
        kind = np.int8 if self.n_classes <= 2**7 else np.int32
        label, most = np.zeros((self.n_members, self.n_samples), dtype=kind), self._by_class[0]
        for k, vote in enumerate(self._by_class[1:], start=1):
            np.copyto(label, kind(k), where=vote > most)
            most = np.maximum(most, vote)
        return label if self.mask is None else np.where(self.mask, label, kind(-1))

    @cached_property
    def correct(self):
        """Whether a member predicts the true class; ndarray of bool, shape (T, n)."""
        return self.labels == self.codes.astype(self.labels.dtype)

    @cached_property
    def sums(self):
        """Weighted and masked votes, summed by ensembles; ndarray of shape (K, T, n)."""
        votes = self._by_class
        if self._member_weight is not None:
            votes = votes * np.asarray(self._member_weight, dtype=np.float32)[:, np.newaxis]
        return votes if self.mask is None else votes * self.mask

    @cached_property
    def margins(self):
        """Vote for the true class minus that for each class; ndarray of shape (K, T, n)."""
        true = self.sums[0]
        for k, vote in enumerate(self.sums[1:], start=1):
            true = np.where(self.codes == k, vote, true)
        return true - self.sums

    def count(self, flags):
        """Sum the weights of the flagged samples of each member; O(T n)."""
        if self.unweighted:
            bits = np.bitwise_count(np.packbits(flags, axis=1))
            return bits.sum(axis=1, dtype=np.int64).astype(float)
        return flags @ self.weight

    def average(self, amount):
        """Divide a sum over the samples of each member by their total weight."""
        if self.mask is None:
            return amount / self.weight.sum()
        return amount / np.maximum(self.mask @ self.weight, np.finfo(float).tiny)


def own_error(member_votes):
    """Return the error rate of each member; ndarray of shape (T,). O(T n)."""
    return 1 - member_votes.average(member_votes.count(member_votes.correct))


def error(member_votes, n_picks=None):
    """Order members by their individual error rates.

    Parameters
    ----------
    member_votes : MemberVotes
        The votes.
    n_picks : int, default=None
        Number of members to select; all if None.

    Returns
    -------
    ndarray of int, shape (n_picks,)
        Members, best first.

    Notes
    -----
    O(T n).
    """
    return np.argsort(own_error(member_votes), kind="stable")[:n_picks]


def reduced_error(member_votes, n_picks=None):
    """Add the member that minimises the ensemble's error (Margineantu, Dietterich 1997).

    Parameters and result as for `error`. O(T n K) per selected member.
    """
    return _pick(member_votes, lambda state, left: state.error_with_each(left), n_picks)


def complementarity(member_votes, n_picks=None):
    """Add the member that is correct most often where the ensemble is wrong.

    Parameters and result as for `error`. The empty ensemble is wrong everywhere
    (Martinez-Munoz, Suarez 2004). O(T n) per selected member.
    """

    def score(state, left):
        n_corrected = member_votes.count(member_votes.correct & ~state.is_right())
        return -member_votes.average(n_corrected)[left]

    return _pick(member_votes, score, n_picks)


def margin_distance(member_votes, n_picks=None, aim=AIM):
    """Add the member that moves the mean signature closest to a reference point.

    The signature vector of a member is +1 on samples that it classifies correctly and -1 on
    the others. The ensemble's signature is the sum over its members divided by T, and the
    reference point is `aim` in every coordinate (Martinez-Munoz, Suarez 2004). Signatures of
    masked members are scaled up to all samples.

    Parameters
    ----------
    member_votes : MemberVotes
        The votes.
    n_picks : int, default=None
        Number of members to select; all if None.
    aim : float, default=0.075
        Coordinates of the reference point.

    Returns
    -------
    ndarray of int, shape (n_picks,)
        Members, best first.

    Notes
    -----
    O(T^2 n) once for the Gram matrix, then O(T) per selected member.
    """
    sign = np.where(member_votes.correct, 1.0, -1.0)
    if member_votes.mask is not None:
        sign *= member_votes.mask
        sign *= member_votes.average(np.full(len(sign), member_votes.weight.sum()))[:, np.newaxis]
    if member_votes.unweighted and member_votes.mask is None:
        sign = sign.astype(np.float32)  # exact: sums of +1 and -1
    n_members = len(sign)
    weighted = sign * member_votes.weight.astype(sign.dtype)
    gram = (weighted @ sign.T).astype(float)
    pull = aim * n_members * weighted.sum(axis=1, dtype=float)
    alone = gram.diagonal() - 2 * pull
    cross = np.zeros(n_members)
    order = np.empty(n_members if n_picks is None else n_picks, dtype=np.intp)
    excluded = np.zeros(n_members)
    for place in range(len(order)):
        order[place] = member = np.argmin(alone + 2 * cross + excluded)
        excluded[member] = np.inf
        cross += gram[member]
    return order


def individual_contribution(member_votes, n_picks=None):
    """Order by individual contribution (Lu, Wu, Zhu, Bongard 2010).

    With v(k) the number of votes for class k on a sample, v1 >= v2 the two largest numbers,
    y the true class and p the member's prediction, the contribution of a member is the sum
    over samples of

    - ``2 * v1 - v(y)`` if it is correct and the majority is wrong,
    - ``v2`` if it and the majority are correct,
    - ``v(y) - v(p) - v1`` if it is wrong.

    Parameters and result as for `error`. O(T n + n K log K).
    """
    n_classes, codes = member_votes.n_classes, member_votes.codes
    counts = np.stack([(member_votes.labels == k).sum(axis=0) for k in range(n_classes)], axis=1)
    ordered = np.sort(counts, axis=1)
    largest, second = ordered[:, -1], ordered[:, -2] if n_classes > 1 else 0
    majority, rows = counts.argmax(axis=1), np.arange(len(counts))
    # Contribution of a vote for each class, by sample; members then look up their own.
    by_class = counts[rows, codes][:, np.newaxis] - counts - largest[:, np.newaxis]
    against = 2 * largest - counts[rows, codes]
    by_class[rows, codes] = np.where(majority == codes, second, against)
    contribution = by_class[rows, member_votes.labels] * 1.0
    if member_votes.mask is not None:
        contribution *= member_votes.mask
    contribution = member_votes.average(contribution @ member_votes.weight)
    return np.argsort(-contribution, kind="stable")[:n_picks]


def kappa_matrix(member_votes):
    """Return Cohen's kappa of all pairs of members.

    Parameters
    ----------
    member_votes : MemberVotes
        The votes.

    Returns
    -------
    ndarray of shape (T, T)
        Kappa over the samples on which both are evaluated; 1 if both always predict the same
        single class or have no sample in common.

    Notes
    -----
    O(T^2 n K): one product of (T, n) matrices per class, or two with a mask.
    """
    exact = np.float32 if member_votes.unweighted else float
    weight = member_votes.weight.astype(exact)
    agree = np.zeros((member_votes.n_members, member_votes.n_members))
    chance, total = agree.copy(), member_votes.weight.sum()
    mask = None if member_votes.mask is None else member_votes.mask.astype(exact)
    if mask is not None:
        total = ((mask * weight) @ mask.T).astype(float)
    for k in range(member_votes.n_classes):
        predicted = (member_votes.labels == k).astype(exact)
        weighted = predicted * weight
        agree += weighted @ predicted.T
        if mask is None:
            share = weighted.sum(axis=1, dtype=float)
            chance += np.outer(share, share)
        else:
            both = (weighted @ mask.T).astype(float)
            chance += both * both.T
    # kappa = (agreement - chance) / (1 - chance), both sides scaled by total**2.
    excess, possible = agree * total - chance, total**2 - chance
    return np.divide(excess, possible, out=np.ones_like(agree), where=possible > 0)


def kappa(member_votes, n_picks=None):
    """Order members by their least agreeing pair.

    Kappa pruning (Margineantu and Dietterich 1997) adds pairs of members in increasing order
    of kappa, so a member is added with its least agreeing partner.

    Parameters and result as for `error`. O(T^2 n K).
    """
    agreement = kappa_matrix(member_votes)
    np.fill_diagonal(agreement, np.inf)
    return np.argsort(agreement.min(axis=1), kind="stable")[:n_picks]


def drep(member_votes, n_picks=None, share=SHARE):
    """Add the best of the most diverse members (DREP).

    Diversity-regularised ensemble pruning (Li, Yu, Zhou 2012), continued to a complete order
    where the paper stops. The first member has the lowest error. Then the remaining members
    are ranked by their agreement with the ensemble, and of the first `share` of them the one
    that minimises the ensemble's error is added.

    Parameters
    ----------
    member_votes : MemberVotes
        The votes.
    n_picks : int, default=None
        Number of members to select; all if None.
    share : float, default=0.25
        Share of the remaining members that are candidates; the paper tries 0.2 to 0.5.

    Returns
    -------
    ndarray of int, shape (n_picks,)
        Members, best first.

    Notes
    -----
    O(T n) per selected member, plus O(share * T n K) for the candidates.
    """

    def score(state, left):
        if len(left) == member_votes.n_members:
            return own_error(member_votes)
        predicted = state.votes.argmax(axis=0).astype(member_votes.labels.dtype)
        agreement = member_votes.count(member_votes.labels == predicted)
        agreement = member_votes.average(agreement)[left]
        diverse = np.argsort(agreement, kind="stable")[: int(np.ceil(share * len(left)))]
        errors = np.full(len(left), np.inf)
        errors[diverse] = state.error_with_each(left[diverse])
        return errors

    return _pick(member_votes, score, n_picks)


def pair_means(stack, *, weight=None, mask=None):
    """Return the mean products of all pairs of members: their normalised Gram matrix.

    Parameters
    ----------
    stack : ndarray of shape (T, n, K)
        Predictions or residuals; products are summed over K.
    weight : ndarray of shape (n,), default=None
        Sample weights; ones if None.
    mask : ndarray of bool, shape (T, n), default=None
        Samples on which each member is evaluated; a pair uses those of both.

    Returns
    -------
    ndarray of shape (T, T)
        Positive semidefinite; with a mask, negative eigenvalues are set to zero.

    Notes
    -----
    O(T^2 n K), plus O(T^3) with a mask.
    """
    n_members, n_samples, n_values = stack.shape
    weight = np.ones(n_samples) if weight is None else np.asarray(weight, dtype=float)
    if mask is None:
        flat = (stack * np.sqrt(weight)[:, np.newaxis]).reshape(n_members, n_samples * n_values)
        return flat @ flat.T / weight.sum()
    flat = (stack * (mask * np.sqrt(weight))[:, :, np.newaxis]).reshape(n_members, -1)
    both = (mask * weight) @ mask.T
    means = flat @ flat.T / np.maximum(both, np.finfo(float).tiny)
    values, vectors = np.linalg.eigh(means)
    return (vectors * values.clip(0)) @ vectors.T


class _Ensemble:
    """The members selected so far, as sums of their votes."""

    def __init__(self, member_votes):
        self.member_votes = member_votes
        classes = np.arange(member_votes.n_classes)[:, np.newaxis]
        self.is_own, self.wins_ties = classes == member_votes.codes, classes > member_votes.codes
        self.votes = np.zeros((member_votes.n_classes, member_votes.n_samples))
        self.margins = np.zeros_like(self.votes)
        self.seen = np.zeros(member_votes.n_samples, dtype=bool)

    def add(self, member):
        member_votes = self.member_votes
        self.votes += member_votes.sums[:, member]
        self.margins += member_votes.margins[:, member]
        self.seen |= True if member_votes.mask is None else member_votes.mask[member]

    def is_right(self):
        """Return which samples the ensemble classifies correctly; none if it is empty."""
        wins = np.where(self.wins_ties, self.margins >= 0, self.margins > 0)
        return (wins | self.is_own).all(axis=0) & self.seen

    def error_with_each(self, members):
        """Return the error rates with each of some members added, over samples with votes."""
        member_votes = self.member_votes
        # Copying most of the members costs more than evaluating all of them.
        if 2 * len(members) > member_votes.n_members:
            return self._error_with(slice(None))[members]
        return self._error_with(members)

    def _error_with(self, members):
        member_votes = self.member_votes
        # The true class wins if the new member's margins exceed these limits.
        limit = -self.margins.astype(np.float32)
        limit = np.where(self.wins_ties, np.nextafter(limit, np.float32(-np.inf)), limit)
        limit[self.is_own] = -np.inf
        right = member_votes.margins[0, members] > limit[0]
        for margins, bound in zip(member_votes.margins[1:], limit[1:], strict=True):
            right &= margins[members] > bound
        if member_votes.mask is None:
            return 1 - member_votes.count(right) / member_votes.weight.sum()
        mask = member_votes.mask[members]
        right &= self.seen | mask
        known = member_votes.weight @ self.seen + mask @ (member_votes.weight * ~self.seen)
        return 1 - member_votes.count(right) / np.maximum(known, np.finfo(float).tiny)


def _pick(member_votes, score, n_picks):
    """Select members one by one by the lowest score; ties go to the first."""
    state, left = _Ensemble(member_votes), np.arange(member_votes.n_members)
    order = np.empty(member_votes.n_members if n_picks is None else n_picks, dtype=np.intp)
    for place in range(len(order)):
        order[place] = left[np.argmin(score(state, left))]
        left = left[left != order[place]]
        state.add(order[place])
    return order
