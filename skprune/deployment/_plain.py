"""Copies of fitted objects in which every part of skprune is replaced by what is plain.

Pickling visits whatever an object holds: lists, dicts, arrays of objects, estimators of any
package. So a copy is an object that is pickled and loaded, and what is to be replaced is handed
from one side to the other by reference.
"""

import copy
import io
import pickle
from types import BuiltinFunctionType, CodeType, FunctionType, GeneratorType, ModuleType
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skprune._compat import BaseSearchCV
from skprune.base import BaseModelPruner
from skprune.distillation import Distiller
from skprune.exceptions import UnsupportedModelError
from skprune.feature_selection._base import BaseFeaturePruner
from skprune.surgery.coded import CodedModel
from skprune.surgery.selections import OUTPUT_CONFIG, plain_selection

PACKAGE = __package__.partition(".")[0]
# They are shared with the copy: they do not change, or cannot be copied.
SHARED = (type, FunctionType, BuiltinFunctionType, ModuleType, GeneratorType, CodeType)


class PlainCopies:
    """Makes copies without any part of skprune; an object that stands twice is copied once."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, Any]] = {}

    def of(self, model):
        """Return the plain copy of an estimator, or of anything that holds estimators."""
        if id(model) not in self._made:
            found = self._replace(model)
            found = _copy_parts(model, self) if found is None else found
            self._made[id(model)] = model, found  # an object that is kept keeps its id
        return self._made[id(model)][1]

    def _replace(self, model):
        """Return what replaces an object as a whole; None if only parts of it are replaced."""
        if isinstance(model, BaseFeaturePruner):
            return _selection(model)
        if isinstance(model, BaseModelPruner | Distiller):
            return self._model_inside(model)
        if isinstance(model, BaseSearchCV):
            return self._best_of(model)
        if isinstance(model, Pipeline) and any(_samples(step) for _, step in model.steps[:-1]):
            return self.of(_without_samplers(model))
        if isinstance(model, SelectFromModel):
            return self._selector(model)
        if _is_ours(type(model)):
            refuse(type(model))
        return None

    def _model_inside(self, pruner):
        """Return the fitted model inside a pruner or a distiller; the template before `fit`."""
        distills = isinstance(pruner, Distiller)
        if isinstance(codes := vars(pruner).get("codes_"), CodedModel):
            return codes.decode()  # the quantizer itself would keep what it decodes
        inner = getattr(pruner, "student_" if distills else "estimator_", None)
        if inner is None:
            template = pruner.student if distills else pruner.estimator
            frozen = isinstance(template, FrozenEstimator)
            return self.of(clone(template.estimator if frozen else template))
        if distills and pruner._on_logits:  # noqa: SLF001 - a class of this package
            msg = (
                "The student of this Distiller predicts logits, which no classifier of "
                "scikit-learn turns into classes. Distil into a classifier as a student."
            )
            raise UnsupportedModelError(msg)
        return self.of(inner)

    def _best_of(self, search):
        """Return the best estimator of a search; before `fit` the one that it would tune."""
        if hasattr(search, "best_estimator_"):
            return self.of(search.best_estimator_)
        if hasattr(search, "cv_results_"):
            msg = (
                f"This {type(search).__name__} has no best_estimator_, as it was fitted with "
                "refit=False. Fit it with refit=True, or another value that refits."
            )
            raise UnsupportedModelError(msg)
        return self.of(search.estimator)

    def _selector(self, selector):
        """Return a copy of a selector, or a selection where the copy would select differently."""
        plain = _copy_parts(selector, self)
        if not hasattr(selector, "n_features_in_"):
            return plain
        support = selector.get_support()
        if (plain.get_support() == support).all():
            return plain
        names = getattr(selector, "feature_names_in_", None)
        return plain_selection(support.nonzero()[0], len(support), names=names, like=selector)


def _selection(pruner):
    """Return what keeps the features that a pruner keeps; before `fit` all of them."""
    if "keep_mask_" not in vars(pruner):
        return ColumnTransformer([], remainder="passthrough", verbose_feature_names_out=False)
    kept, sparse = pruner.get_support(indices=True), getattr(pruner, "_sparse", False)
    names = getattr(pruner, "feature_names_in_", None)
    selection = plain_selection(
        kept, pruner.n_features_in_, names=names, sparse=sparse, like=pruner
    )
    if names is None or sparse or hasattr(selection, OUTPUT_CONFIG):
        return selection
    # A frame becomes an array whose layout in memory is that of the frame, but that of what a
    # pruner returns is always the same; the last bit of sums depends on it.
    array = plain_selection(np.arange(len(kept)), len(kept))
    return Pipeline([("selected", selection), ("array", array)])


def _samples(step):
    """Return whether a step of a pipeline is a pruner of samples, which predictions skip."""
    return isinstance(step, BaseModelPruner) and hasattr(step, "fit_resample")


def _without_samplers(pipeline):
    """Return a pipeline that passes by the pruners of samples before its last step."""
    twin = copy.copy(pipeline)
    *before, last = pipeline.steps
    passed = [(name, "passthrough" if _samples(step) else step) for name, step in before]
    twin.steps = [*passed, last]
    return twin


def _copy_parts(model, copies):
    """Return a copy of an object whose parts are plain copies."""
    found: list[Any] = []
    out = io.BytesIO()
    _Writer(out, copies, model, found).dump(model)
    out.seek(0)
    return _Reader(out, found).load()


class _Writer(pickle.Pickler):
    """Pickles the parts of an object, and hands over those that are replaced or shared."""

    def __init__(self, out, copies, model, found):
        super().__init__(out, protocol=pickle.HIGHEST_PROTOCOL)
        self._copies, self._model, self._found = copies, model, found

    def persistent_id(self, part):
        if part is self._model:
            return None
        if isinstance(part, SHARED):
            if _is_ours(part):
                refuse(part)
            self._found.append(part)
        elif _is_whole(part):
            self._found.append(self._copies.of(part))
        else:
            return None
        return len(self._found) - 1


class _Reader(pickle.Unpickler):
    """Loads what a `_Writer` pickled."""

    def __init__(self, out, found):
        super().__init__(out)
        self._found = found

    def persistent_load(self, place):
        return self._found[place]


def _is_whole(part):
    """Return whether an object may be replaced as a whole."""
    return _is_ours(type(part)) or isinstance(part, BaseSearchCV | Pipeline | SelectFromModel)


def _is_ours(what):
    """Return whether a class or a function is a part of this package."""
    return (getattr(what, "__module__", None) or "").partition(".")[0] == PACKAGE


def refuse(what):
    """Raise an error for a class or a function of this package that nothing replaces."""
    msg = (
        f"{what.__name__} is a part of skprune that nothing in scikit-learn replaces. Set the "
        "parameter that holds it to another value, such as None, and strip again."
    )
    raise UnsupportedModelError(msg)
