"""Training of networks in which some weights are held_out at zero, or are shrunk to zero.

The objective is that of scikit-learn's networks,

    (sum of weighted losses + alpha / 2 * sum of squared weights) / sum of row weights

in which intercepts are not penalised. All parameters live in one flat vector, of which each
layer is a view, so that a step writes into the network that the passes read.
"""

import numpy as np
from scipy.optimize import minimize

from skprune.arrays.network import backward, forward, losses, predictions

# Adam as published: decay of both moments, and what keeps the ratio finite.
DECAY, DECAY_OF_SQUARES, TINY = 0.9, 0.999, 1e-8
# The first L1 penalty as a part of the last; slopes are forgotten faster while it grows.
SMALLEST, DECAY_UNDER_PENALTY = 1e-3, 0.99


def fine_tune(
    network,
    masks,
    X,
    target,
    weight,
    *,
    alpha,
    solver="lbfgs",
    max_iter=100,
    tol=1e-5,
    learning_rate=1e-3,
    batch_size=200,
    held_out=None,
    patience=10,
    rng=None,
):
    """Train the weights of a network that a mask leaves; the others are exactly zero.

    Parameters
    ----------
    network : Network
        Where training starts. Never changed.
    masks : list of ndarray of bool, shape (n_inputs, n_units)
        Weights of each layer that may differ from zero. Intercepts are all trained.
    X : ndarray or sparse matrix of shape (n_rows, n_features)
        Rows.
    target : ndarray of shape (n_rows, n_outputs)
        Values, or probabilities of classes: certain ones, or soft labels.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, not all zero.
    alpha : float
        As above; at least 0.
    solver : {"lbfgs", "adam"}, default="lbfgs"
        Quasi-Newton steps over all rows, or Adam [1]_ over batches of rows.
    max_iter : int, default=100
        Iterations of L-BFGS, or passes of Adam over the rows, at most.
    tol : float, default=1e-5
        L-BFGS ends where no slope of the objective is larger. Adam without `held_out` ends
        after `patience` passes in which the objective did not fall by more.
    learning_rate : float, default=1e-3
        Step of Adam.
    batch_size : int, default=200
        Rows of a step of Adam.
    held_out : tuple of (X, target, weight), default=None
        Rows held_out out: training ends after `patience` iterations or passes in which their
        mean loss reached no new minimum, and the network with the smallest is returned.
    patience : int, default=10
        As above.
    rng : RandomState, default=None
        Draws the batches of Adam, which needs it; not used by L-BFGS.

    Returns
    -------
    Network
        Its objective, or with `held_out` the loss of the rows held_out out, is never larger than
        that of the masked network that was given: if nothing better was found, that one
        is returned.

    Notes
    -----
    O(n_rows * n_weights) per iteration or pass, masked weights included: sparse products
    of SciPy are no faster below 95 % of zeros, and have no equal for the gradient. Columns of
    `X` that no weight reads are left out. O(n_rows * n_units) memory, or of a batch.

    References
    ----------
    .. [1] Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization.
           ICLR.
    """
    used = np.asarray(masks[0]).any(axis=1)
    part = _with_first(network, network.coefs[0][used])
    rows = _columns((X, target, weight), used)
    problem = _Problem(part, [masks[0][used], *masks[1:]], rows, alpha)
    watch = _Watch(problem, held_out and _columns(held_out, used), patience)
    start = problem.point()
    with np.errstate(over="ignore", invalid="ignore"):
        if solver == "lbfgs":
            _lbfgs(problem, start, watch, max_iter, tol)
        else:
            _adam(problem, start, watch, max_iter, tol, learning_rate, batch_size, rng)
    found = problem.at(watch.best)
    first = np.zeros(network.coefs[0].shape)
    first[used] = found.coefs[0]
    return _with_first(found, first)


def _with_first(network, coef):
    """Return a network with other weights of the first layer."""
    return network._replace(coefs=(coef, *network.coefs[1:]))


def _columns(rows, used):
    """Return rows in float64, with the columns that are used."""
    X, target, weight = rows
    X = X if used.all() else X[:, used]
    return X.astype(np.float64, copy=False), target, weight


class _Problem:
    """The objective as a function of the parameters that are free."""

    def __init__(self, network, masks, rows, alpha):
        self.rows, self.alpha, self.total = rows, alpha, rows[2].sum()
        parts = [*network.coefs, *network.intercepts]
        free = np.ones(sum(part.size for part in parts), dtype=bool)
        for mask, view in zip(masks, _views(free, network).coefs, strict=True):
            view[:] = mask
        self.free, self.n_coefs = np.flatnonzero(free), sum(coef.size for coef in network.coefs)
        self.flat = np.where(free, np.concatenate([np.ravel(part) for part in parts]), 0.0)
        self.network = _views(self.flat, network)
        self.slope = np.empty_like(self.flat)
        self.slopes = _views(self.slope, network)
        self._passed = None

    def point(self):
        """Return the free parameters of the network as it stands; a copy."""
        return self.flat[self.free]

    def at(self, point):
        """Write free parameters into the network, and return it."""
        self.flat[self.free] = point
        return self.network

    def value(self, point, batch=None):
        """Return the objective and its gradient, or what a batch of rows says of both."""
        X, target, weight = self.rows if batch is None else (part[batch] for part in self.rows)
        share = weight / self.total
        if batch is not None:
            share *= len(self.rows[2]) / len(batch)
        network = self.at(point)
        read = forward(network, X)
        slope = predictions(network, read[-1]) - target
        slope *= share[:, np.newaxis]
        back = backward(network, read, slope)
        for values, part, coef, intercept in zip(read, back, *self.slopes[:2], strict=False):
            if isinstance(values, np.ndarray):
                np.matmul(values.T, part, out=coef)
            else:
                coef[:] = values.T @ part
            part.sum(axis=0, out=intercept)
        # Held until the next pass has its own: memory that is given back at once has to be
        # mapped in anew, which takes as long as the products of a small network.
        self._passed = read, back
        coefs = self.flat[: self.n_coefs]
        self.slope[: self.n_coefs] += self.alpha / self.total * coefs
        value = share @ losses(network, read[-1], target)
        return value + self.alpha / 2 / self.total * (coefs @ coefs), self.slope[self.free]

    def loss(self, point, rows):
        """Return the mean loss of other rows."""
        X, target, weight = rows
        network = self.at(point)
        return weight @ losses(network, forward(network, X)[-1], target) / weight.sum()


def _views(flat, like):
    """Return the network whose layers are parts of a vector: all weights, then intercepts."""
    shapes = [part.shape for part in (*like.coefs, *like.intercepts)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    parts = [
        each.reshape(shape) for each, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)
    ]
    n_layers = len(like.coefs)
    return like._replace(coefs=tuple(parts[:n_layers]), intercepts=tuple(parts[n_layers:]))


class _Watch:
    """Keeps the best point it was shown, and says when to stop looking.

    Points are judged by the rows held_out out; without any, by the value shown with them.
    """

    def __init__(self, problem, held_out, patience):
        self.problem, self.held_out, self.patience = problem, held_out, patience
        self.best, self.waited = problem.point(), 0
        self.least = np.inf if held_out is None else problem.loss(self.best, held_out)

    def tired(self, point, value, tol=0.0):
        """Look at a point; return whether `patience` of them were no better."""
        if self.held_out is not None:
            value = self.problem.loss(point, self.held_out)
        self.waited = 0 if value < self.least - tol else self.waited + 1
        if value < self.least:
            self.least, self.best = value, point.copy()
        return self.waited >= self.patience


def _lbfgs(problem, start, watch, max_iter, tol):
    """Minimise by L-BFGS, shown to a watch after each iteration."""

    def look(intermediate_result):
        if watch.tired(intermediate_result.x, intermediate_result.fun):
            raise StopIteration

    options = {"maxiter": max_iter, "maxfun": 2 * max_iter + 20, "gtol": tol}
    minimize(problem.value, start, jac=True, method="L-BFGS-B", callback=look, options=options)


def _adam(problem, start, watch, max_iter, tol, learning_rate, batch_size, rng):
    """Minimise by Adam, shown to a watch after each pass over the rows."""
    point, mean, square = start.copy(), np.zeros_like(start), np.zeros_like(start)
    n_rows, step = len(problem.rows[2]), 0
    for _ in range(max_iter):
        order, value = rng.permutation(n_rows), 0.0
        for first in range(0, n_rows, batch_size):
            batch, step = order[first : first + batch_size], step + 1
            part, slope = problem.value(point, batch)
            value += part * len(batch) / n_rows
            mean += (1 - DECAY) * (slope - mean)
            square += (1 - DECAY_OF_SQUARES) * (slope**2 - square)
            size = np.sqrt(square / (1 - DECAY_OF_SQUARES**step)) + TINY
            point -= learning_rate / (1 - DECAY**step) * mean / size
        if watch.tired(point, value, 0.0 if watch.held_out else tol):
            break
    # Batches judge a point that moves: the rows in whole have the last word.
    if not (watch.held_out or problem.value(watch.best)[0] < problem.value(start)[0]):
        watch.best = start


def shrink_weights(
    network,
    X,
    target,
    weight,
    *,
    alpha,
    n_penalties=20,
    n_steps=20,
    learning_rate=2e-2,
    groups=False,
):
    """Train under growing L1 penalties, and find the largest that each weight survives.

    Parameters
    ----------
    network : Network
        Where training starts; weights that are zero stay so. Never changed.
    X, target, weight
        As in `fine_tune`.
    alpha : float
        Of the squares of the weights, as in `fine_tune`; the L1 penalty comes on top.
    n_penalties : int, default=20
        Penalties, in a geometric sequence. At the last, 1000 times the first, a last layer
        that reads the units as they are is zero.
    n_steps : int, default=20
        Steps at each penalty.
    learning_rate : float, default=2e-2
        Of each step, in root mean squares of the weights of a layer.
    groups : bool, default=False
        Whether the weights that read a hidden unit shrink together [1]_, and none else.

    Returns
    -------
    list of ndarray
        Scores, of the shape of each layer's weights; with `groups` of shape (n_units,) for
        each hidden layer. The largest penalty at which a weight was not zero, and within
        the gap to the next one by its magnitude there; 0 if the weight was zero when given.

    See Also
    --------
    fine_tune : Trains the weights that are kept.

    Notes
    -----
    Proximal steps of Adam over all rows, warm from penalty to penalty: the threshold of a
    weight, or of a group, is measured by the slopes that it has seen, as its step is. In
    groups the step is common. O(n_penalties * n_steps * n_rows * n_weights).

    References
    ----------
    .. [1] Scardapane, S., Comminiello, D., Hussain, A. and Uncini, A. (2017). Group sparse
           regularization for deep neural networks. Neurocomputing 241.
    """
    rows = (X.astype(np.float64, copy=False), target, weight)
    problem = _Problem(network, [coef != 0 for coef in network.coefs], rows, alpha)
    penalties = _penalties(problem, n_penalties, groups)
    scores = np.zeros(len(problem.flat))
    common = _means_by_unit if groups else _as_they_are
    bounds = [0.0, *penalties, 2 * penalties[-1]]
    path = _shrunken(problem, penalties, n_steps, learning_rate, common)
    for low, high, flat in zip(bounds, bounds[1:], path, strict=False):
        size = np.sqrt(common(flat**2, network))
        live = size > 0
        scores[live] = low + (high - low) / 2 * size[live] / size.max()
    found = _views(scores, network).coefs
    return [layer[:, 0] for layer in found[1:]] if groups else list(found)


def _penalties(problem, n_penalties, groups):
    """Return growing penalties, up to that which leaves nothing of the last layer."""
    X, target, weight = problem.rows
    share = weight / problem.total
    read = forward(problem.network, X)[-2]
    slope = np.abs(read.T @ (share[:, np.newaxis] * (target - share @ target)))
    top = np.sqrt((slope**2).mean(axis=1)).max() if groups else slope.max()
    return np.geomspace(SMALLEST, 1, n_penalties) * max(top, TINY)


def _shrunken(problem, penalties, n_steps, learning_rate, common):
    """Yield the parameters: as they are, then after the steps at each penalty."""
    flat, like, free = problem.flat.copy(), problem.network, problem.free
    yield flat
    rate, applies = np.zeros_like(flat), np.zeros_like(flat)
    for layer, coef in enumerate(_views(flat, like).coefs):
        spread = learning_rate * np.sqrt((coef**2).mean())
        _views(rate, like).coefs[layer][:] = _views(rate, like).intercepts[layer][:] = spread
        _views(applies, like).coefs[layer][:] = common is _as_they_are or layer > 0
    mean, square, slope = np.zeros_like(flat), np.zeros_like(flat), np.zeros_like(flat)
    step = 0
    for penalty in penalties:
        for _ in range(n_steps):
            step += 1
            slope[free] = problem.value(flat[free])[1]
            mean += (1 - DECAY) * (slope - mean)
            square += (1 - DECAY_UNDER_PENALTY) * (slope**2 - square)
            seen = np.sqrt(common(square, like) / (1 - DECAY_UNDER_PENALTY**step))
            ahead = rate / (seen + penalties[0])
            flat -= ahead / (1 - DECAY**step) * mean
            size = np.sqrt(common(flat**2, like))
            flat *= np.maximum(size - ahead * applies * penalty, 0) / np.where(size > 0, size, 1)
        yield flat


def _as_they_are(flat, _):
    return flat


def _means_by_unit(flat, like):
    """Return means over all weights that read a unit, in the place of each."""
    means = flat.copy()
    for coef in _views(means, like).coefs[1:]:
        coef[:] = coef.mean(axis=1, keepdims=True)
    return means
