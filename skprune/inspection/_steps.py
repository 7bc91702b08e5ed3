"""The pruners inside a fitted estimator, and the names that features have where they meet them."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from skprune.base import BasePruner
from skprune.base._column_groups import name_columns


class FoundStep(NamedTuple):
    """A pruner, or a selector of scikit-learn, inside a fitted estimator.

    Parameters
    ----------
    path : str
        Names of the steps around it, joined by "__"; empty if nothing is around it.
    step : estimator
        Fitted.
    names : ndarray of shape (n_features,) or None
        Names of its input features; None if they cannot be traced.
    """

    path: str
    step: Any
    names: NDArray[Any] | None


def find_steps(fitted):
    """Return the pruners and selectors inside a fitted estimator, in the order of the data.

    Parameters
    ----------
    fitted : estimator
        A pruner, a search, a pipeline, a `ColumnTransformer`, a `FeatureUnion`, a
        `TransformedTargetRegressor` or a `FrozenEstimator`, one inside the other.

    Returns
    -------
    list of FoundStep
        Empty if there are none.
    """
    check_is_fitted(fitted)
    return list(_walk(fitted, "", _own_names(fitted)))


def _walk(model, path, names):
    """Yield the steps inside a model whose input features have some names."""
    inner = _inner(model)
    if inner is not None:
        yield from _walk(inner, path, names)
    elif isinstance(model, Pipeline):
        yield from _walk_pipeline(model, path, names)
    elif isinstance(model, ColumnTransformer | FeatureUnion):
        for name, part, part_names in _branches(model, names):
            if not _is_empty(part):
                yield from _walk(part, _join(path, name), part_names)
    elif isinstance(model, BasePruner | SelectorMixin) or hasattr(model, "report_"):
        yield FoundStep(path, model, _known(model, names))
        if isinstance(getattr(model, "estimator", None), Pipeline):
            yield from _walk(model.estimator_, path, names)


def _inner(model):
    """Return the fitted estimator that a search, say, passes its samples to, or None."""
    if hasattr(model, "best_estimator_"):
        return model.best_estimator_
    if isinstance(model, TransformedTargetRegressor):
        return model.regressor_
    return model.estimator if isinstance(model, FrozenEstimator) else None


def _branches(model, names):
    """Return the parts that take samples side by side: name, estimator, names of its features."""
    if isinstance(model, FeatureUnion):
        return [(name, part, names) for name, part in model.transformer_list]
    return [
        (name, part, _select(part, names, columns)) for name, part, columns in model.transformers_
    ]


def _walk_pipeline(pipeline, path, names):
    for name, step in pipeline.steps:
        if _is_empty(step):
            continue
        yield from _walk(step, _join(path, name), names)
        names = _names_after(step, names)


def _names_after(step, names):
    """Return the names of what a step returns; None if it gives none."""
    if hasattr(step, "fit_resample") and not hasattr(step, "transform"):
        return names  # a sampler changes samples only
    try:
        return np.asarray(step.get_feature_names_out(_known(step, names)), dtype=object)
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        # A step without the method or with one of its own ideas: what follows has no names.
        return None


def _known(model, names):
    """Return the names of the input of a model: its own if it has seen any."""
    own = _own_names(model)
    fits = names is not None and len(names) == getattr(model, "n_features_in_", len(names))
    return own if own is not None else names if fits else None


def _own_names(model):
    names = getattr(model, "feature_names_in_", None)
    return None if names is None else np.asarray(names, dtype=object)


def _select(part, names, columns):
    """Return the names of the columns that a part of a `ColumnTransformer` takes."""
    own = _own_names(part)
    if own is not None or names is None:
        return own
    if isinstance(columns, slice):
        return names[columns]
    columns = np.atleast_1d(np.asarray(columns))
    return columns if columns.dtype.kind in "OUT" else names[columns]


def _is_empty(step):
    return step is None or isinstance(step, str)


def _join(path, name):
    return f"{path}__{name}" if path else name


def named_report(found):
    """Return the report of a step, with the names of the features that it has taken.

    Parameters
    ----------
    found : FoundStep
        The step.

    Returns
    -------
    DataFrame
        Its `report_`, or for a selector of scikit-learn the features, which are kept, and their
        scores where it has any.
    """
    step, names = found.step, found.names
    if not hasattr(step, "report_"):
        return _report_of_selector(step, names)
    report = step.report_.copy()
    if names is None:
        return report
    if "feature" in report:
        renamed = dict(zip(report["feature"], names, strict=True))
        report["feature"] = names
        if "partner" in report:
            report["partner"] = [renamed.get(name) for name in report["partner"]]
    elif report.index.name == "feature":
        report.index = pd.Index(names, name="feature")
    elif {"part", "place"} <= set(report):
        places = zip(report["part"], report["place"], strict=True)
        report["place"] = [names[i] if part == "threshold" else i for part, i in places]
    return report


def _report_of_selector(selector, names):
    kept = selector.get_support()
    scores = getattr(selector, "scores_", None)
    if scores is None and hasattr(selector, "ranking_"):
        scores = -np.asarray(selector.ranking_, dtype=float)
    return pd.DataFrame(
        {
            "feature": name_columns(names, len(kept)),
            "kept": kept,
            "score": np.full(len(kept), np.nan) if scores is None else scores,
        }
    )
