"""A model whose predictions are computed once, whoever asks for them."""

from functools import wraps

RESPONSES = frozenset({"predict", "predict_proba", "predict_log_proba", "decision_function"})


class PredictsOnce:
    """A fitted model that predicts the same samples once per method.

    The scorers of a level, and its paired losses, ask for the same predictions. A method that
    nobody asks for is not called.

    Parameters
    ----------
    model : fitted estimator
        What predicts. Everything but predictions is read from it.
    """

    def __init__(self, model):
        self._model, self._known = model, {}

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
