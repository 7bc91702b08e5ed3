"""Plain selections of features: fitted transformers of scikit-learn that keep some columns."""

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.preprocessing import FunctionTransformer

# The attribute in which scikit-learn keeps what `set_output` was given.
OUTPUT_CONFIG = "_sklearn_output_config"


def plain_selection(columns, n_features, *, names=None, sparse=False, like=None):
    """Build a fitted transformer that keeps some columns.

    Parameters
    ----------
    columns : array-like of int
        The columns to keep, in order.
    n_features : int
        Number of columns of its input.
    names : array-like of str, shape (n_features,), default=None
        Their names, for frames.
    sparse : bool, default=False
        Whether its input, and so its output, is a sparse matrix.
    like : transformer, default=None
        A transformer whose `set_output` it takes over.

    Returns
    -------
    ColumnTransformer
        Fitted, with "passthrough" of these columns.

    Notes
    -----
    It is fitted to one artificial sample, so that scikit-learn itself sets all fitted attributes.
    O(n_features).
    """
    steps = [("selected", "passthrough", [int(i) for i in columns])]
    selection = ColumnTransformer(
        steps, sparse_threshold=float(sparse), verbose_feature_names_out=False
    )
    selection.fit(one_sample(n_features, names))
    selection.sparse_output_ = sparse  # which the artificial sample does not show
    return copy_output(like, selection)


def one_sample(n_features, names=None):
    """Return a table of one sample of zeros: a frame if there are names."""
    zeros = np.zeros((1, n_features))
    return zeros if names is None else pd.DataFrame(zeros, columns=list(names))


def copy_output(like, transformer):
    """Set the output of a transformer as that of another was set; return it."""
    config = getattr(like, OUTPUT_CONFIG, None)
    if config and "transform" in config:
        transformer.set_output(transform=config["transform"])
    return transformer


# Reading what a transformer selects and returns.


def is_passthrough(step):
    """Return whether a step of a pipeline or of a `ColumnTransformer` changes nothing."""
    if isinstance(step, FunctionTransformer):
        return step.func is None and not step.validate
    return step is None or (isinstance(step, str) and step == "passthrough")


def selected_columns(step):
    """Return the columns that a step selects, as indices; None if it does something else."""
    if isinstance(step, SelectorMixin) and type(step).__module__.startswith("sklearn."):
        return step.get_support(indices=True)
    if type(step) is not ColumnTransformer or step.transformer_weights:
        return None
    parts = [(name, part) for name, part, _ in step.transformers_ if not _is_drop(part)]
    if len(parts) != 1 or not is_passthrough(parts[0][1]):
        return None
    return columns_of(step)[parts[0][0]]


def columns_of(step):
    """Return the columns that each part of a fitted `ColumnTransformer` takes; dict of ndarray."""
    places = step._transformer_to_input_indices
    return {name: np.asarray(places[name], dtype=int) for name, *_ in step.transformers_}


def n_outputs(step):
    """Return the number of features that a fitted transformer returns."""
    if isinstance(step, ColumnTransformer):
        return max((part.stop for part in step.output_indices_.values()), default=0)
    return len(step.get_feature_names_out())


def _is_drop(part):
    return isinstance(part, str) and part == "drop"
