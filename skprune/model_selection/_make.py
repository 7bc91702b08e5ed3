"""The right pruner for a model: the only place that knows all families."""

from typing import Any

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline

from skprune.base import BasePruner
from skprune.base._frozen import check_frozen
from skprune.distillation import Distiller
from skprune.linear_model import LinearPruner
from skprune.neural_network import MLPPruner
from skprune.surgery import family_of, surgeon_type
from skprune.svm import SVMPruner
from skprune.tree import TreePruner

# Estimators around a model, and the parameter that is the model.
WRAPPERS = {
    CalibratedClassifierCV: "estimator",
    Distiller: "student",
    FixedThresholdClassifier: "estimator",
    MultiOutputClassifier: "estimator",
    MultiOutputRegressor: "estimator",
    OneVsOneClassifier: "estimator",
    OneVsRestClassifier: "estimator",
    TransformedTargetRegressor: "regressor",
    TunedThresholdClassifierCV: "estimator",
}
PRUNERS = {"tree": TreePruner, "linear": LinearPruner, "neural": MLPPruner, "svm": SVMPruner}


def make_pruner(model: Any, **params: Any) -> Any:
    """Wrap a model in the pruner of its family.

    Parameters
    ----------
    model : estimator
        A model; of a pipeline the last step is wrapped, of a meta-estimator such as
        `TransformedTargetRegressor`, `OneVsRestClassifier` or `Distiller` the model inside (the
        student), and a pruner is returned as it is. Of a fitted pipeline in a
        `sklearn.frozen.FrozenEstimator`, every step is frozen.
    **params : dict
        Parameters of the pruner.

    Returns
    -------
    estimator
        A `TreePruner` for decision trees and ensembles of trees, a `LinearPruner` for
        linear models, an `MLPPruner` for networks, a `SVMPruner` for support vector machines;
        for a pipeline or a meta-estimator a copy that holds one. For forests, bagging of trees
        and gradient boosting its criterion is "backfitting", which gives by far the smallest
        models (the pruned classification forest is a model of another class, see `TreePruner`),
        unless another `criterion` or a `recovery` is given, the model is frozen, or it has
        monotonic constraints. The pruner then has the `random_state` of the model. Linear models
        that fit all outputs jointly lose whole features.

    Raises
    ------
    UnsupportedModelError
        If no pruner serves; the message lists the known models.

    See Also
    --------
    TreePruner : For decision trees and ensembles of trees.
    LinearPruner : For linear models.
    MLPPruner : For networks.
    SVMPruner : For support vector machines.
    PruningSearchCV : Wraps a bare model by itself.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skprune import make_pruner
    >>> make_pruner(RandomForestClassifier(), keep=0.2)
    TreePruner(criterion='backfitting', estimator=RandomForestClassifier(),
               keep=0.2)
    """
    if isinstance(model, BasePruner):
        return clone(model).set_params(**params) if params else model
    model = freeze_steps(model)
    if isinstance(model, Pipeline):
        *steps, (name, last) = clone(model).steps
        wrapped = [*steps, (name, make_pruner(last, **params))]
        return clone(model).set_params(steps=wrapped)
    inner = WRAPPERS.get(type(model))
    if inner is not None and getattr(model, inner) is not None:
        return clone(model).set_params(**{inner: make_pruner(getattr(model, inner), **params)})
    is_frozen = isinstance(model, FrozenEstimator)
    own = model.estimator if is_frozen else model
    family = family_of(own)
    if family == "tree" and not is_frozen and not {"criterion", "recovery"} & set(params):
        params = _smallest(model) | params
    if family == "linear" and surgeon_type(own, family="linear").joins_outputs:
        params = {"unit": "feature"} | params
    return PRUNERS[family](model, **params)


def _smallest(model):
    """Return the parameters of a `TreePruner` with which a model becomes smallest."""
    kind = surgeon_type(model, family="tree")
    if not kind.is_additive or kind.constraints(model) is not None:
        return {}
    # It draws samples and an order: as reproducible as the model.
    return {"criterion": "backfitting", "random_state": getattr(model, "random_state", None)}


def freeze_steps(model):
    """Return a pipeline of frozen steps for a frozen pipeline, and any other model as it is."""
    pipeline = model.estimator if isinstance(model, FrozenEstimator) else None
    if not isinstance(pipeline, Pipeline):
        return model
    check_frozen(model)
    steps = [
        (name, step if step is None or isinstance(step, str) else FrozenEstimator(step))
        for name, step in pipeline.steps
    ]
    return clone(pipeline).set_params(steps=steps)
