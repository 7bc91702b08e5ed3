"""Fine-tuning of masked networks, and L1-regularised training.

The objective is that of scikit-learn's networks,

    (sum of weighted losses + alpha / 2 * sum of squared weights) / sum of sample weights

in which intercepts are not penalised. All parameters are stored in one flat vector, of which
each layer is a view, so that an update of the vector updates the network.
"""

import numpy as np
from scipy.optimize import minimize

from skprune.arrays.network import backward, forward, losses, predictions

# Parameters of Adam, as published: decay of both moments, and the term in the denominator.
DECAY, DECAY_OF_SQUARES, TINY = 0.9, 0.999, 1e-8
# The first L1 penalty relative to the last, and the faster decay of squared gradients with it.
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
    """Train the weights of a network that a mask keeps; the others are exactly zero.

    Parameters
    ----------
    network : Network
        Initial network; not modified.
    masks : list of ndarray of bool, shape (n_inputs, n_units)
        Weights of each layer that are trained. All intercepts are trained.
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        Samples.
    target : ndarray of shape (n_samples, n_outputs)
        Values, or class probabilities: one-hot or soft labels.
    weight : ndarray of shape (n_samples,)
        Sample weights, not all zero.
    alpha : float
        L2 penalty, as above; at least 0.
    solver : {"lbfgs", "adam"}, default="lbfgs"
        L-BFGS on all samples, or Adam [1]_ on mini-batches.
    max_iter : int, default=100
        Maximum number of iterations of L-BFGS, or epochs of Adam.
    tol : float, default=1e-5
        L-BFGS stops when the largest absolute entry of the gradient is below it. Adam without
        `held_out` stops after `patience` epochs that reduced the objective by less.
    learning_rate : float, default=1e-3
        Learning rate of Adam.
    batch_size : int, default=200
        Batch size of Adam.
    held_out : tuple of (X, target, weight), default=None
        Validation data for early stopping: training stops after `patience` iterations or
        epochs without a new minimum of the mean loss on them, and the best network is
        returned.
    patience : int, default=10
        As above.
    rng : RandomState, default=None
        Draws the batches of Adam, which requires it; ignored by L-BFGS.

    Returns
    -------
    Network
        Its objective, or loss on `held_out`, is at most that of the masked initial network,
        which is returned if nothing better is found.

    Notes
    -----
    O(n_samples * n_weights) per iteration or epoch, masked weights included: SciPy's sparse
    products are not faster below 95 % zeros and do not exist for the gradient. Columns of `X`
    without weights are skipped. O(n_samples * n_units) memory, or that of a batch.

    References
    ----------
    .. [1] Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization.
           ICLR.
    """
    used = np.asarray(masks[0]).any(axis=1)
    part = _with_first(network, network.coefs[0][used])
    rows = _columns((X, target, weight), used)
    problem = _Problem(part, [masks[0][used], *masks[1:]], rows, alpha)
    stopping = _EarlyStopping(problem, held_out and _columns(held_out, used), patience)
    start = problem.point()
    with np.errstate(over="ignore", invalid="ignore"):
        if solver == "lbfgs":
            _lbfgs(problem, start, stopping, max_iter, tol)
        else:
            _adam(problem, start, stopping, max_iter, tol, learning_rate, batch_size, rng)
    found = problem.at(stopping.best)
    first = np.zeros(network.coefs[0].shape)
    first[used] = found.coefs[0]
    return _with_first(found, first)


def _with_first(network, coef):
    """Return a network with the weights of the first layer replaced."""
    return network._replace(coefs=(coef, *network.coefs[1:]))


def _columns(rows, used):
    """Return the used columns of samples as float64."""
    X, target, weight = rows
    X = X if used.all() else X[:, used]
    return X.astype(np.float64, copy=False), target, weight


class _Problem:
    """The objective as a function of the trained parameters."""

    def __init__(self, network, masks, rows, alpha):
        self.rows, self.alpha, self.total = rows, alpha, rows[2].sum()
        parts = [*network.coefs, *network.intercepts]
        free = np.ones(sum(part.size for part in parts), dtype=bool)
        for mask, view in zip(masks, _views(free, network).coefs, strict=True):
            view[:] = mask
        self.free, self.n_coefs = np.flatnonzero(free), sum(coef.size for coef in network.coefs)
        self.flat = np.where(free, np.concatenate([np.ravel(part) for part in parts]), 0.0)
        self.network = _views(self.flat, network)
        self.gradient = np.empty_like(self.flat)
        self.gradients = _views(self.gradient, network)
        self._passed = None

    def point(self):
        """Return a copy of the trained parameters of the network."""
        return self.flat[self.free]

    def at(self, point):
        """Write trained parameters into the network and return it."""
        self.flat[self.free] = point
        return self.network

    def value(self, point, batch=None):
        """Return the objective and its gradient, or their estimates from a batch."""
        X, target, weight = self.rows if batch is None else (part[batch] for part in self.rows)
        share = weight / self.total
        if batch is not None:
            share *= len(self.rows[2]) / len(batch)
        network = self.at(point)
        inputs = forward(network, X)
        gradient = predictions(network, inputs[-1]) - target
        gradient *= share[:, np.newaxis]
        back = backward(network, inputs, gradient)
        for values, part, coef, intercept in zip(inputs, back, *self.gradients[:2], strict=False):
            if isinstance(values, np.ndarray):
                np.matmul(values.T, part, out=coef)
            else:
                coef[:] = values.T @ part
            part.sum(axis=0, out=intercept)
        # Keep the arrays until the next pass has allocated its own: returning the memory to
        # the system and mapping it again takes as long as the products of a small network.
        self._passed = inputs, back
        coefs = self.flat[: self.n_coefs]
        self.gradient[: self.n_coefs] += self.alpha / self.total * coefs
        value = share @ losses(network, inputs[-1], target)
        return value + self.alpha / 2 / self.total * (coefs @ coefs), self.gradient[self.free]

    def loss(self, point, rows):
        """Return the mean loss on other samples."""
        X, target, weight = rows
        network = self.at(point)
        return weight @ losses(network, forward(network, X)[-1], target) / weight.sum()


def _views(flat, like):
    """Return the network whose layers are views of a vector: all weights, then intercepts."""
    shapes = [part.shape for part in (*like.coefs, *like.intercepts)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    parts = [
        each.reshape(shape) for each, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)
    ]
    n_layers = len(like.coefs)
    return like._replace(coefs=tuple(parts[:n_layers]), intercepts=tuple(parts[n_layers:]))


class _EarlyStopping:
    """Early stopping, which keeps the best point.

    Points are compared by their loss on held-out data, or by the objective without such data.
    """

    def __init__(self, problem, held_out, patience):
        self.problem, self.held_out, self.patience = problem, held_out, patience
        self.best, self.waited = problem.point(), 0
        self.least = np.inf if held_out is None else problem.loss(self.best, held_out)

    def should_stop(self, point, value, tol=0.0):
        """Record a point; return whether the last `patience` points were no better."""
        if self.held_out is not None:
            value = self.problem.loss(point, self.held_out)
        self.waited = 0 if value < self.least - tol else self.waited + 1
        if value < self.least:
            self.least, self.best = value, point.copy()
        return self.waited >= self.patience


def _lbfgs(problem, start, stopping, max_iter, tol):
    """Minimise by L-BFGS, with a check for early stopping after each iteration."""

    def check(intermediate_result):
        if stopping.should_stop(intermediate_result.x, intermediate_result.fun):
            raise StopIteration

    options = {"maxiter": max_iter, "maxfun": 2 * max_iter + 20, "gtol": tol}
    minimize(problem.value, start, jac=True, method="L-BFGS-B", callback=check, options=options)


def _adam(problem, start, stopping, max_iter, tol, learning_rate, batch_size, rng):
    """Minimise by Adam, with a check for early stopping after each epoch."""
    point, mean, square = start.copy(), np.zeros_like(start), np.zeros_like(start)
    n_samples, step = len(problem.rows[2]), 0
    for _ in range(max_iter):
        order, value = rng.permutation(n_samples), 0.0
        for first in range(0, n_samples, batch_size):
            batch, step = order[first : first + batch_size], step + 1
            part, gradient = problem.value(point, batch)
            value += part * len(batch) / n_samples
            mean += (1 - DECAY) * (gradient - mean)
            square += (1 - DECAY_OF_SQUARES) * (gradient**2 - square)
            size = np.sqrt(square / (1 - DECAY_OF_SQUARES**step)) + TINY
            point -= learning_rate / (1 - DECAY**step) * mean / size
        if stopping.should_stop(point, value, 0.0 if stopping.held_out else tol):
            break
    # Values of batches are of different points, so compare on all samples in the end.
    if not (stopping.held_out or problem.value(stopping.best)[0] < problem.value(start)[0]):
        stopping.best = start


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
    """Train with increasing L1 penalties; score weights by the largest one they survive.

    Parameters
    ----------
    network : Network
        Initial network, not modified; zero weights are kept at zero.
    X, target, weight
        As in `fine_tune`.
    alpha : float
        L2 penalty, as in `fine_tune`, in addition to the L1 penalty.
    n_penalties : int, default=20
        Number of penalties, in a geometric sequence. The last is 1000 times the first; at it
        a linear last layer on the present units would be zero.
    n_steps : int, default=20
        Steps per penalty.
    learning_rate : float, default=2e-2
        Learning rate, in units of the root mean square of a layer's weights.
    groups : bool, default=False
        Whether to penalise the outgoing weights of each hidden unit as a group [1]_, and no
        other weights.

    Returns
    -------
    list of ndarray
        Scores, shaped like each layer's weights, or with `groups` of shape (n_units,) for
        each hidden layer: the largest penalty at which a weight is not zero, interpolated
        towards the next penalty by its magnitude; 0 for weights that are zero initially.

    See Also
    --------
    fine_tune : Trains the weights that are kept.

    Notes
    -----
    Proximal Adam on all samples, with warm starts: step and threshold of a weight or group are
    both scaled by its second moment of gradients, which groups share.
    O(n_penalties * n_steps * n_samples * n_weights).

    References
    ----------
    .. [1] Scardapane, S., Comminiello, D., Hussain, A. and Uncini, A. (2017). Group sparse
           regularization for deep neural networks. Neurocomputing 241.
    """
    rows = (X.astype(np.float64, copy=False), target, weight)
    problem = _Problem(network, [coef != 0 for coef in network.coefs], rows, alpha)
    penalties = _penalties(problem, n_penalties, groups)
    scores = np.zeros(len(problem.flat))
    common = _means_by_unit if groups else _unchanged
    bounds = [0.0, *penalties, 2 * penalties[-1]]
    path = _shrunken(problem, penalties, n_steps, learning_rate, common)
    for low, high, flat in zip(bounds, bounds[1:], path, strict=False):
        size = np.sqrt(common(flat**2, network))
        live = size > 0
        scores[live] = low + (high - low) / 2 * size[live] / size.max()
    found = _views(scores, network).coefs
    return [layer[:, 0] for layer in found[1:]] if groups else list(found)


def _penalties(problem, n_penalties, groups):
    """Return increasing penalties, up to one at which the last layer is zero."""
    X, target, weight = problem.rows
    share = weight / problem.total
    units = forward(problem.network, X)[-2]
    gradient = np.abs(units.T @ (share[:, np.newaxis] * (target - share @ target)))
    top = np.sqrt((gradient**2).mean(axis=1)).max() if groups else gradient.max()
    return np.geomspace(SMALLEST, 1, n_penalties) * max(top, TINY)


def _shrunken(problem, penalties, n_steps, learning_rate, common):
    """Yield the parameters: the initial ones, then those after the steps at each penalty."""
    flat, like, free = problem.flat.copy(), problem.network, problem.free
    yield flat
    rate, applies = np.zeros_like(flat), np.zeros_like(flat)
    for layer, coef in enumerate(_views(flat, like).coefs):
        spread = learning_rate * np.sqrt((coef**2).mean())
        _views(rate, like).coefs[layer][:] = _views(rate, like).intercepts[layer][:] = spread
        _views(applies, like).coefs[layer][:] = common is _unchanged or layer > 0
    mean, square, gradient = np.zeros_like(flat), np.zeros_like(flat), np.zeros_like(flat)
    step = 0
    for penalty in penalties:
        for _ in range(n_steps):
            step += 1
            gradient[free] = problem.value(flat[free])[1]
            mean += (1 - DECAY) * (gradient - mean)
            square += (1 - DECAY_UNDER_PENALTY) * (gradient**2 - square)
            rms = np.sqrt(common(square, like) / (1 - DECAY_UNDER_PENALTY**step))
            own_rate = rate / (rms + penalties[0])
            flat -= own_rate / (1 - DECAY**step) * mean
            size = np.sqrt(common(flat**2, like))
            threshold = own_rate * applies * penalty
            flat *= np.maximum(size - threshold, 0) / np.where(size > 0, size, 1)
        yield flat


def _unchanged(flat, _):
    return flat


def _means_by_unit(flat, like):
    """Replace each outgoing weight of a hidden unit by the mean over all of them."""
    means = flat.copy()
    for coef in _views(means, like).coefs[1:]:
        coef[:] = coef.mean(axis=1, keepdims=True)
    return means
