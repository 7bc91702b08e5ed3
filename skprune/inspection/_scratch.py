"""Small networks trained from scratch, as the baseline of pruned ones."""

from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skprune.exceptions import InputError, UnsupportedModelError
from skprune.size import plain_model
from skprune.surgery import surgeon_for


def with_scratch(models, data):
    """Return models by name, each network followed by one of its size trained from scratch.

    Parameters
    ----------
    models : dict of str to fitted estimator
        Models; networks may be inside pruners, searches and pipelines.
    data : tuple of (X, y)
        Training samples and targets.

    Returns
    -------
    dict of str to fitted estimator
        The new ones are called "<name> from scratch".

    Raises
    ------
    InputError
        If `data` is no pair, or none of the models is a network.
    """
    if not (isinstance(data, tuple | list) and len(data) == 2):
        msg = (
            f"scratch={type(data).__name__} was given. Allowed is a tuple; give a pair (X, y) of "
            "training samples."
        )
        raise InputError(msg)
    found = {}
    for name, model in models.items():
        check_is_fitted(model)
        found[name] = model
        small = untrained(model)
        if small is not None:
            found[f"{name} from scratch"] = small.fit(*data)
    if len(found) == len(models):
        msg = (
            f"scratch was given, but none of {list(models)} is a network. Leave it out, or train "
            "small models yourself and give them with the others."
        )
        raise InputError(msg)
    return found


def untrained(model):
    """Return an unfitted network of a model's size, behind unfitted steps of its pipeline."""
    if isinstance(model, Pipeline):
        last = untrained(model.steps[-1][1])
        before = [(name, clone(step)) for name, step in model.steps[:-1]]
        return last and Pipeline([*before, (model.steps[-1][0], last)])
    if hasattr(model, "best_estimator_"):
        return untrained(model.best_estimator_)
    try:
        return surgeon_for(plain_model(model), family="neural").from_scratch()
    except UnsupportedModelError:
        return None
