"""The report of a pruner inside a pipeline, with the names of its features."""

from typing import Any

import pandas as pd

from skprune.exceptions import InputError
from skprune.inspection._steps import find_steps, named_report


def report_of(fitted: Any, step: str | None = None) -> pd.DataFrame:
    """Return what a pruner removed, with the names of the features that it was given.

    The `report_` of a pruner inside a pipeline numbers its features ("x0", "x1", ...) if an
    earlier step returns an array. Here the names are traced through the pipeline instead, by the
    `get_feature_names_out` of each step.

    Parameters
    ----------
    fitted : estimator
        A fitted pruner or a selector of scikit-learn; or a pipeline, a search, a
        `ColumnTransformer`, a `FeatureUnion`, a `TransformedTargetRegressor` or a
        `FrozenEstimator` that holds one.
    step : str, default=None
        The pruner that is meant, by the name of its step; of steps inside others by all of their
        names, joined by two underscores. None is the last pruner.

    Returns
    -------
    DataFrame
        The `report_` of the pruner with traced names, as a copy. For a selector of scikit-learn
        a row per input feature: `feature`, `kept` and `score` (of `RFE` the negative rank, NaN
        where there is none). Where a step returns features without names, those of later steps
        are numbered, as in `report_`.

    Raises
    ------
    InputError
        If there is no pruner, or no such step.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    report : The same and much more, as a page.
    compare : A table of models.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skprune import InformationPruner, report_of
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> pruner = InformationPruner(keep=2)
    >>> model = make_pipeline(StandardScaler(), pruner, LogisticRegression()).fit(X, y)
    >>> why = report_of(model)
    >>> why.loc[why["kept"], "feature"].tolist()
    ['magnesium', 'flavanoids']
    """
    found = find_steps(fitted)
    if not found:
        msg = (
            f"{type(fitted).__name__} holds no pruner and no selector. Give a fitted pruner, or a "
            "pipeline or a search that holds one."
        )
        raise InputError(msg)
    if step is None:
        return named_report(found[-1])
    for each in found:
        if each.path == step:
            return named_report(each)
    known = ", ".join(repr(each.path) for each in found)
    msg = f"step={step!r} was given, but the pruners are {known}. Give one of these."
    raise InputError(msg)
