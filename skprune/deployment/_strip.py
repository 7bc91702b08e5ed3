"""strip: the copy of a fitted object that runs without skprune."""

import warnings
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skprune.deployment._plain import PlainCopies
from skprune.exceptions import PruningWarning
from skprune.surgery.narrowing import Narrowing
from skprune.surgery.selections import n_outputs, plain_selection


def strip(fitted: Any, *, drop_unread: bool = False) -> Any:
    """Return the copy of a fitted object that loads and predicts without skprune.

    Parameters
    ----------
    fitted : fitted estimator
        A pruner, a search, or a pipeline, `ColumnTransformer`, ensemble or other estimator that
        holds pruners anywhere. It is not changed.
    drop_unread : bool, default=False
        Whether to leave out of all steps what no later step reads: features of the input,
        scaled columns, categories, words, polynomial features. The copy then takes the narrower
        table: `feature_names_in_` are the features that are still read, in their order, and
        `n_features_in_` is their number; a new attribute, `features_read_`, has their indices
        among the features of `fitted`, for arrays. What cannot be left out is listed in a
        `PruningWarning`.

    Returns
    -------
    estimator
        A copy in which only classes of scikit-learn, and those that you brought, remain.

        - A pruner of a model is replaced by its `estimator_`, a `Distiller` by its student, and
          a `Quantizer` by its decoded model, which takes as many bytes as before quantization.
        - A pruner of features is replaced by a `ColumnTransformer` that passes the kept columns,
          with the same names and the same `set_output`.
        - A search, also one of scikit-learn, is replaced by its `best_estimator_`.
        - A `SamplePruner` that is a step before the last one is passed by, as in predictions.
        - Parameters that are unfitted pruners are replaced by the models inside, so that
          `sklearn.base.clone` works. Those of features are replaced by what keeps all columns.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the object is not fitted.
    UnsupportedModelError
        If a search was fitted with ``refit=False``, if the student of a `Distiller` predicts
        logits, or if a part of skprune is left that nothing in scikit-learn replaces, such as a
        scorer.

    See Also
    --------
    model_size : What a model stores.
    Quantizer : Its pickle holds codes, which are smaller than the plain model.

    Notes
    -----
    Predictions are bit-identical, of samples that are sparse or dense as those of `fit` were.
    Pruners of features refuse values that they could not rank in `fit`, such as infinity; in the
    copy these reach the next step. A `FrozenEstimator` is a class of scikit-learn, and remains.

    Examples
    --------
    >>> import pickle
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import InformationPruner, TreePruner, strip
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(InformationPruner(keep=5), TreePruner(DecisionTreeClassifier()))
    >>> plain = strip(model.fit(X, y))
    >>> [type(step).__name__ for step in plain]
    ['ColumnTransformer', 'DecisionTreeClassifier']
    >>> bool((plain.predict(X) == model.predict(X)).all())
    True
    >>> b"skprune" in pickle.dumps(plain)
    False
    >>> small = strip(model, drop_unread=True)
    >>> small.n_features_in_ <= 5
    True
    >>> bool((small.predict(X[:, small.features_read_]) == model.predict(X)).all())
    True
    """
    check_is_fitted(fitted)
    plain = PlainCopies().of(fitted)
    return _without_unread(plain) if drop_unread else plain


def _without_unread(plain):
    """Return a plain estimator without what nothing reads; warn of what remains."""
    transforms = hasattr(plain, "transform") and not hasattr(plain, "predict")
    if transforms and not hasattr(plain, "get_feature_names_out"):
        msg = (
            f"drop_unread=True leaves nothing out of this {type(plain).__name__}: it is not known "
            "how many features it returns. Strip the pipeline that it is a step of."
        )
        warnings.warn(msg, PruningWarning, stacklevel=3)
        return plain
    narrowing = Narrowing()
    found = narrowing.of(plain, np.arange(n_outputs(plain)) if transforms else None, None)
    if narrowing.complaints:
        msg = (
            "Some features that are not read could not be left out, for predictions would not be "
            f"bit-identical. {'; '.join(narrowing.complaints)}."
        )
        warnings.warn(msg, PruningWarning, stacklevel=3)
    model = found.model
    if model is None:  # nothing but a selection
        names = getattr(plain, "feature_names_in_", None)
        names = None if names is None else names[found.inputs]
        places, sparse = np.arange(len(found.inputs)), getattr(plain, "sparse_output_", False)
        model = plain_selection(places, len(places), names=names, sparse=sparse, like=plain)
    if found.inputs is not None:
        model.features_read_ = found.inputs
    return model
