"""Fitted transformers that return only some of their features, with the same values.

Each function takes a transformer, the indices of those of its features that are read later, and
whether its samples are sparse (None: unknown). It returns a `Narrowed`, whose features are at least
those that are read, or the reason why none can be left out.
"""

import copy

import numpy as np
import pandas as pd
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from skprune.surgery.narrowed import Narrowed, at_least_one, with_inputs
from skprune.surgery.selections import copy_output


def of_columns(step, read, sparse):  # noqa: ARG001 - as all steps are called
    """Narrow what transforms each feature by itself, with numbers that were fitted for each."""
    return Narrowed(_sliced(step, read), read, read)


def of_imputer(step, read, sparse):  # noqa: ARG001 - as all steps are called
    """Narrow a `SimpleImputer`; features that were empty in `fit` have no output."""
    if step.add_indicator:
        return "add_indicator=True adds features for missing values"
    known = np.arange(len(step.statistics_))
    if not step.keep_empty_features:
        known = known[~pd.isna(step.statistics_)]
    return Narrowed(_sliced(step, known[read]), known[read], read)


def of_ordinal(step, read, sparse):  # noqa: ARG001 - as all steps are called
    """Narrow an `OrdinalEncoder`."""
    if _groups_rare(step):
        return "it groups infrequent categories"
    categories = [step.categories_[i] for i in read]
    twin = OrdinalEncoder(**step.get_params() | {"categories": categories})
    return Narrowed(_fitted_like(twin, step, categories, read), read, read)


def of_one_hot(step, read, sparse):  # noqa: ARG001 - as all steps are called
    """Narrow a `OneHotEncoder` to the categories that are read.

    Others are unknown to the result, and so give zeros: as they would in these features.
    """
    if _groups_rare(step):
        return "it groups infrequent categories"
    dropped = [None] * len(step.categories_) if step.drop_idx_ is None else step.drop_idx_
    places = [
        (column, place)
        for column, (values, drop) in enumerate(zip(step.categories_, dropped, strict=True))
        for place in range(len(values))
        if place != drop
    ]
    kept: dict[int, list[int]] = {}
    for column, place in (places[i] for i in read):
        kept.setdefault(column, []).append(place)
    inputs = np.array(list(kept), dtype=int)
    categories = [step.categories_[column][kept[column]] for column in inputs]
    params = {"categories": categories, "drop": None, "handle_unknown": "ignore"}
    twin = OneHotEncoder(**step.get_params() | params)
    return Narrowed(_fitted_like(twin, step, categories, inputs), inputs, read)


def of_words(step, read, sparse):  # noqa: ARG001 - as all steps are called
    """Narrow the vocabulary of a `CountVectorizer` or a `TfidfVectorizer`."""
    if getattr(step, "norm", None) is not None:
        return f"norm={step.norm!r} divides by a norm that all words are part of"
    terms = {place: word for word, place in step.vocabulary_.items()}
    twin = copy.copy(step)
    twin.vocabulary_ = {terms[place]: i for i, place in enumerate(read)}
    twin.vocabulary, twin.fixed_vocabulary_ = twin.vocabulary_, True
    if hasattr(step, "_tfidf"):
        twin._tfidf = _sliced(step._tfidf, read)
    return Narrowed(twin, None, read)


def of_frequencies(step, read, sparse):
    """Narrow a `TfidfTransformer`."""
    if step.norm is not None:
        return f"norm={step.norm!r} divides by a norm that all words are part of"
    return of_columns(step, read, sparse)


def of_polynomials(step, read, sparse):  # noqa: ARG001 - as all steps are called
    """Narrow `PolynomialFeatures` to those features of which terms are read."""
    powers = step.powers_
    inputs = at_least_one(np.flatnonzero(powers[read].any(axis=0)))
    if len(inputs) == powers.shape[1]:
        return Narrowed(step, inputs, np.arange(len(powers)))
    twin = copy_output(step, type(step)(**step.get_params()))
    names = getattr(step, "feature_names_in_", None)
    zeros = np.zeros((1, len(inputs)))
    twin.fit(zeros if names is None else pd.DataFrame(zeros, columns=names[inputs]))
    others = np.setdiff1d(np.arange(powers.shape[1]), inputs)
    return Narrowed(twin, inputs, np.flatnonzero(~powers[:, others].any(axis=1)))


def _groups_rare(step):
    return step.min_frequency is not None or step.max_categories is not None


def _sliced(step, inputs):
    """Return a copy with the entries of some features of each fitted array."""
    twin = with_inputs(step, inputs)
    n_features = getattr(step, "n_features_in_", None)
    for name, values in vars(step).items():
        is_fitted = name.endswith("_") and name != "feature_names_in_"
        if is_fitted and isinstance(values, np.ndarray) and values.shape == (n_features,):
            setattr(twin, name, values[inputs])
    return twin


def _fitted_like(twin, step, categories, inputs):
    """Fit an encoder to one sample with the first categories, as another was fitted."""
    names = getattr(step, "feature_names_in_", np.arange(len(step.categories_)))[inputs]
    first = {n: pd.Series(c[:1], dtype=c.dtype) for n, c in zip(names, categories, strict=True)}
    sample = pd.DataFrame(first)
    sample.columns = names
    twin.fit(sample)
    if not hasattr(step, "feature_names_in_"):
        vars(twin).pop("feature_names_in_", None)
    twin.categories_ = categories  # as they were stored
    return copy_output(step, twin)
