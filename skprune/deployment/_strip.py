"""strip: the copy of a fitted object that runs without skprune."""

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skprune.deployment._plain import PlainCopies


def strip(fitted: Any) -> Any:
    """Return the copy of a fitted object that loads and predicts without skprune.

    Parameters
    ----------
    fitted : fitted estimator
        A pruner, a search, or a pipeline, `ColumnTransformer`, ensemble or other estimator that
        holds pruners anywhere. It is not changed.

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
    """
    check_is_fitted(fitted)
    return PlainCopies().of(fitted)
