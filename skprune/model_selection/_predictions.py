"""Predictions of levels: computed once, whoever asks for them, and stacked for many levels."""

from functools import wraps
from typing import Any

import numpy as np

RESPONSES = frozenset({"predict", "predict_proba", "predict_log_proba", "decision_function"})
# What ranks the samples of two classes: decision values, or else the chances of the second.
RANKING = "ranking"
# Numbers in the responses of the levels that are scored together.
MAX_CELLS = 1_000_000


class PredictsOnce:
    """A fitted model that predicts the same samples once per method.

    The scorers of a level, and its paired losses, ask for the same predictions. A method that
    nobody asks for is not called.

    Parameters
    ----------
    model : fitted estimator
        What predicts. Everything but predictions is read from it.
    known : dict of str to (array-like, ndarray), default=None
        By method, samples and what the model predicts for them.
    """

    def __init__(self, model, known=None):
        self._model, self._known = model, {} if known is None else known

    def __getattr__(self, name):
        found = getattr(self.__dict__["_model"], name)
        if name not in RESPONSES:
            return found

        @wraps(found)  # scorers read its name
        def once(X):
            known = self._known.get(name)
            if known is None or known[0] is not X:
                self._known[name] = known = X, found(X)
            return known[1]

        return once


class Block:
    """The predictions of several levels of one path for the same samples.

    Metrics of all levels of a block take one call of numpy; for one level after the other,
    these calls take longer than their sums.

    Parameters
    ----------
    model : fitted estimator
        The whole model.
    X : array-like of shape (n_samples, n_features)
        The samples.
    methods : set of str
        The responses that are asked for: names of methods, or `RANKING`.

    Attributes
    ----------
    levels : list of int
        Rows of the path, as they were added.
    """

    def __init__(self, model, X, methods):
        self.model, self.X, self.levels = model, X, []
        self._kept: dict[str, list[Any]] = {method: [] for method in methods}
        self._stacked: dict[str, Any] = {}

    @property
    def is_full(self):
        """Whether no other level should be added."""
        return sum(sum(each.size for each in kept) for kept in self._kept.values()) >= MAX_CELLS

    def add(self, level, model):
        """Add the predictions of a level; a model that reuses their memory may do so."""
        self.levels.append(level)
        for method, kept in self._kept.items():
            kept.append(np.array(_respond(model, method, self.X)))

    def get(self, method):
        """Return a response of all levels; ndarray of shape (n_levels, n_samples, ...)."""
        if method not in self._stacked:
            self._stacked[method] = np.stack(self._kept[method])
        return self._stacked[method]

    def predictor(self, place):
        """Return what predicts as the level at a place of this block does."""
        return PredictsOnce(self.model, {"predict": (self.X, self._kept["predict"][place])})


def _respond(model, method, X):
    if method != RANKING:
        return getattr(model, method)(X)
    if hasattr(model, "decision_function"):
        return model.decision_function(X)
    return np.asarray(model.predict_proba(X))[:, 1]
