"""One search over several models: a grid for each, and one table of results."""

from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skprune.ensemble import EnsemblePruner
from skprune.exceptions import InputError
from skprune.model_selection._candidates import PATH
from skprune.model_selection._level_adapters import adapt
from skprune.model_selection._make import make_pruner
from skprune.model_selection._routes import at_route, route_of
from skprune.model_selection._search import PruningSearchCV
from skprune.surgery import surgeon_type
from skprune.tree import TreePruner

# The step that the grids replace.
STEP = "model"


def make_search(*models: Any, **search_params: Any) -> PruningSearchCV:
    """Make a search over several models, each of which is pruned.

    Parameters
    ----------
    *models : estimator
        Models, each bare or at the end of a pipeline, which `make_pruner` wraps; or what holds a
        pruner already. A forest is searched twice, by "backfitting" and by its members.
    **search_params : dict
        Parameters of the `PruningSearchCV`, all but `estimator` and `param_grid`.

    Returns
    -------
    PruningSearchCV
        Unfitted, over one grid for each model. Its `best_estimator_` is a pipeline whose only
        step, "model", is the chosen model with its pruner.

    Raises
    ------
    InputError
        If there are no models, classifiers beside regressors, or a grid in `search_params`.
    UnsupportedModelError
        If no pruner serves a model.

    See Also
    --------
    PruningSearchCV : The search, for grids of one's own.
    make_pruner : Wraps a single model.

    Notes
    -----
    Each grid holds the path of its pruner, and the ridges that `PruningSearchCV` tries by itself.
    Sizes are compared in bytes where the models count different units. Families that share their
    steps before the model fit these once per fold.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import make_search
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> search = make_search(
    ...     DecisionTreeClassifier(random_state=0),
    ...     make_pipeline(StandardScaler(), LogisticRegression()),
    ... ).fit(X, y)
    >>> sorted(set(search.cv_results_["family"]))
    ['DecisionTreeClassifier/TreePruner', 'LogisticRegression/LinearPruner']
    >>> search.cv_results_["family"][search.best_index_]
    'LogisticRegression/LinearPruner'
    """
    if not models:
        msg = "make_search was given no model. Give at least one."
        raise InputError(msg)
    if given := sorted({"estimator", "param_grid"} & set(search_params)):
        msg = (
            f"make_search was given {given}, which it makes from the models. Leave these out, or "
            "use PruningSearchCV."
        )
        raise InputError(msg)
    kinds = {get_tags(model).estimator_type for model in models}
    if len(kinds) > 1:
        msg = (
            f"make_search was given models of the kinds {sorted(map(str, kinds))}, whose scores do "
            "not compare. Give classifiers only, or regressors only."
        )
        raise InputError(msg)
    variants = [each for model in models for each in _variants(model)]
    # What counts are the grids; the step is a model for the tags of the search.
    return PruningSearchCV(
        Pipeline([(STEP, variants[0])]), [_grid(each) for each in variants], **search_params
    )


def _variants(model):
    """Return the pruners of a model: two for a forest, else one."""
    if route_of(model) is not None:
        return [model]
    wrapped = make_pruner(model)
    route = route_of(wrapped)
    pruner = at_route(wrapped, route)
    if not isinstance(pruner, TreePruner) or not _is_forest(pruner.estimator):
        return [wrapped]
    members = EnsemblePruner(pruner.estimator)
    if not route:
        return [wrapped, members]
    return [wrapped, clone(wrapped).set_params(**{"__".join(route): members})]


def _is_forest(model):
    """Say whether a model of trees predicts the mean of them, frozen or not."""
    kind = surgeon_type(model.estimator if isinstance(model, FrozenEstimator) else model)
    return kind.is_additive and kind.has_means


def _grid(model):
    """Return the grid of a pruner, or of what holds one, as the step of a pipeline."""
    route = route_of(model)
    pruner = adapt(at_route(model, route))
    prefix = "__".join([STEP, *route, ""])
    own = {pruner._level_names()[0]: PATH} | pruner._search_grid()
    return {STEP: [model], **{prefix + name: values for name, values in own.items()}}
