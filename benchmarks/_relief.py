"""Relief against skrebate and fast-select: the same scores first, then the time."""

import os
from functools import partial

import numpy as np

from benchmarks._measure import row, side_by_side
from skprune import ReliefPruner

N_NEIGHBORS = 10


def rows(repeat):
    """Measure ours and the peers side by side.

    Parameters
    ----------
    repeat : int
        Rounds per measurement; skrebate is in one or two of them.

    Returns
    -------
    list of dict
        Rows with `what`, `ours`, `peer`, `ratio`, `note`.
    """
    return [*against_skrebate(repeat), *against_fast_select(repeat)]


def make_table(n_rows, n_columns):
    """Return numbers without ties, and two classes that depend on two pairs of columns."""
    rng = np.random.default_rng(0)
    X = rng.random((n_rows, n_columns))
    odds = (X[:, 0] > 0.5) ^ (X[:, 1] > 0.5) ^ (X[:, 2] + X[:, 3] > 1.2)
    return X, (odds ^ (rng.random(n_rows) < 0.1)).astype(int)


def ours(X, y, **params):
    """Return the scores of ReliefPruner."""
    return ReliefPruner(**params).fit(X, y).scores_


def against_skrebate(repeat):
    """Compare all three criteria at 600 x 100, each on one thread."""
    try:
        import skrebate
    except ImportError:
        yield row("Relief against skrebate", "", "", "", "skrebate is not installed")
        return

    class Surf(skrebate.SURF):
        """SURF with the mean over pairs of two rows, as published."""

        def _run_algorithm(self):
            far = self._distance_array
            np.fill_diagonal(far, far.sum() / (far.size - len(far)))
            return super()._run_algorithm()

    X, y = make_table(600, 100)
    makers = {
        "relieff": partial(skrebate.ReliefF, n_neighbors=N_NEIGHBORS),
        "surf": Surf,
        "multisurf": skrebate.MultiSURF,
    }
    for criterion, make in makers.items():
        what = f"{criterion} against skrebate, 600 x 100"
        # It scales its input in place.
        peer = partial(lambda make: make().fit(X.copy(), y).feature_importances_, make)
        note = equal(what, ours(X, y, criterion=criterion), peer(), 1e-10)
        mine = partial(ours, X, y, criterion=criterion)
        yield side_by_side(what, mine, peer, max(5, repeat), note, peer_repeat=2)


def against_fast_select(repeat):
    """Compare with a warm fast-select, on one thread each and on all cores."""
    try:
        from fast_select import ReliefF
    except ImportError:
        yield row("relieff against fast-select", "", "", "", "fast-select is not installed")
        return

    def fast(X, y, n_jobs):
        peer = ReliefF(n_features_to_select=10, n_neighbors=N_NEIGHBORS, n_jobs=n_jobs)
        return peer.fit(X, y).feature_importances_

    for n_rows in (600, 5_000):
        X, y = make_table(n_rows, 100)
        for n_jobs in sorted({1, os.cpu_count() or 1}):
            what = f"relieff against fast-select, {n_rows:,} x 100, {n_jobs} thread(s)"
            sides = partial(ours, X, y, n_jobs=n_jobs), partial(fast, X, y, n_jobs)
            note = equal(what, *(side() for side in sides), 1e-6)  # and it is compiled now
            yield side_by_side(what, *sides, max(5, repeat), f"{note}; peer in float32, warm")


def equal(what, mine, theirs, limit):
    """Return the largest difference of two lists of scores, in words; refuse a large one."""
    far = np.abs(mine - theirs).max()
    if not far <= limit:
        msg = f"{what}: scores differ by {far:.2g}."
        raise AssertionError(msg)
    return f"scores within {far:.1g}"
