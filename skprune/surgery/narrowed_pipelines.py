"""Pipelines each of whose steps returns only what the next one reads."""

import copy
from itertools import pairwise
from typing import Any

import numpy as np

from skprune.surgery._registry import class_name
from skprune.surgery.narrowed import Narrowed
from skprune.surgery.selections import (
    OUTPUT_CONFIG,
    is_passthrough,
    plain_selection,
    selected_columns,
)

# Whether they return sparse samples; None is as those that they take.
SPARSE = {
    "sklearn.CountVectorizer": True,
    "sklearn.TfidfVectorizer": True,
    "sklearn.TfidfTransformer": True,
    "sklearn.OrdinalEncoder": False,
    **dict.fromkeys(
        [
            "sklearn.StandardScaler",
            "sklearn.MinMaxScaler",
            "sklearn.MaxAbsScaler",
            "sklearn.RobustScaler",
            "sklearn.SimpleImputer",
            "sklearn.PolynomialFeatures",
        ]
    ),
}
TREES = ("Tree", "Forest", "Bagging", "Boost")


def narrow_pipeline(pipeline, read, sparse, narrowing):
    """Narrow a fitted pipeline, from its last step to its first.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted; it is not changed.
    read : ndarray of int or None
        Those of its output features that are read; None if it ends in a predictor.
    sparse : bool or None
        Whether its samples are sparse; None if that is not known.
    narrowing : Narrowing
        Narrows the steps.

    Returns
    -------
    Narrowed
        Where a step returns more than is read, a selection follows it.
    """
    whole: dict[int, tuple[int, int]] = {}
    before = len(narrowing.complaints)
    forms = _forms(pipeline, sparse)
    for (_, step), (_, following) in pairwise(pipeline.steps):
        if hasattr(following, "n_features_in_"):
            narrowing.widths[id(step)] = following.n_features_in_
    while True:
        del narrowing.complaints[before:]
        parts = _backward(pipeline, read, forms, whole, narrowing)
        stuck = _stuck(parts, forms, whole)
        if stuck is None:
            break
        # Nothing can stand between this step and the one before.
        whole[stuck] = len(parts[stuck].inputs), len(parts[stuck - 1].outputs)
    for i, (n_read, n_all) in whole.items():
        name = type(pipeline.steps[i - 1][1]).__name__
        narrowing.complaints.append(
            f"{name}: {n_all - n_read} of {n_all} features are not read, but it is not known how "
            "to leave them out"
        )
    return _assemble(pipeline, parts, forms)


def _forms(pipeline, sparse):
    """Return for each step whether its samples are sparse; None if that is not known."""
    forms = [sparse]
    for _, step in pipeline.steps:
        forms.append(returns_sparse(step, forms[-1]))
    for i, (_, step) in enumerate(pipeline.steps):
        if selected_columns(step) is not None and hasattr(step, "sparse_output_"):
            forms[i] = step.sparse_output_  # it was fitted for such samples
            forms[i + 1] = step.sparse_output_ if forms[i + 1] is None else forms[i + 1]
    return forms[:-1]


def returns_sparse(step, takes):
    """Return whether a step returns sparse samples; None if that is not known."""
    if is_passthrough(step):
        return takes
    if getattr(step, OUTPUT_CONFIG, {}).get("transform") in {"pandas", "polars"}:
        return False
    for attribute in ("sparse_output_", "sparse_output"):
        if hasattr(step, attribute):
            return bool(getattr(step, attribute))
    if hasattr(step, "steps"):
        for _, inner in step.steps:
            takes = returns_sparse(inner, takes)
        return takes
    name = class_name(type(step))
    if name in SPARSE:
        return takes if SPARSE[name] is None else SPARSE[name]
    return takes if selected_columns(step) is not None else None


def _backward(pipeline, read, forms, whole, narrowing):
    """Narrow the steps; each has to return what the next one takes."""
    parts: list[Narrowed] = []
    for i, (_, step) in reversed(list(enumerate(pipeline.steps))):
        part = None if i in whole else narrowing.of(step, read, forms[i])
        parts.insert(0, part or narrowing.whole(step, read, ""))
        read = parts[0].inputs
    return parts


def _stuck(parts, forms, whole):
    """Return the first step that takes less than the one before returns, unless it selects."""
    for i, (before, after) in enumerate(pairwise(parts), start=1):
        selects = after.model is None or forms[i] is not None
        if not selects and i not in whole and len(before.outputs) > len(after.inputs):
            return i
    return None


def _assemble(pipeline, parts, forms):
    """Return the pipeline of the narrowed steps, with selections where they are needed."""
    found: list[tuple[str, Any]] = []
    returned = parts[0].inputs
    last = parts[-1].model
    any_layout = parts[-1].outputs is None and any(k in type(last).__name__ for k in TREES)
    for i, ((name, step), part) in enumerate(zip(pipeline.steps, parts, strict=True)):
        places = None
        if part.inputs is not None:
            places = np.searchsorted(returned, part.inputs)
        narrower = places is not None and len(places) < len(returned)
        names = getattr(step, "feature_names_in_", None)
        names = None if names is None or returned is None else names[returned]
        if part.model is None:
            # A selection that selects all still decides how samples lie in memory, on which the
            # last bit of sums depends; and the first step has the names.
            needed = not (any_layout or forms[i]) or (not found and names is not None)
            if narrower or needed:
                found.append((name, _select(places, len(returned), names, forms[i], step)))
        elif not is_passthrough(part.model):
            if narrower:
                select = _select(places, len(returned), names, forms[i], None)
                found.append((f"selected_for_{name}", select))
            found.append((name, part.model))
        returned = part.outputs
    if not found:
        name, step = pipeline.steps[-1]
        found = [(name, _select(np.arange(len(returned)), len(returned), None, forms[0], step))]
    twin = copy.copy(pipeline)
    twin.steps = found
    return Narrowed(twin, parts[0].inputs, returned)


def _select(places, n_features, names, sparse, like):
    return plain_selection(places, n_features, names=names, sparse=bool(sparse), like=like)
