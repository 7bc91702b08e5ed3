"""Quantizer: fewer bits for weights, thresholds and leaf values."""

from numbers import Integral
from typing import Any, ClassVar

from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from skprune._compat import HasMethods, StrOptions
from skprune.base import BaseModelPruner
from skprune.base._delegation import inner_attribute
from skprune.exceptions import LevelError, UnsupportedModelError
from skprune.quantization._path import LEVELS, QuantizedPath
from skprune.quantization._trees import TreeCoder
from skprune.quantization._weights import MAX_INPUTS, WeightCoder
from skprune.surgery import family_of, has_members, has_surgeon, surgeon_for, surgeon_type


class Quantizer(BaseModelPruner):
    """Store the numbers of a model in fewer bits.

    Weights of linear models, networks and support vector machines, and thresholds and leaf values
    of trees and their ensembles, become codes of a few bits. The fitted object holds the codes
    alone and predicts with the numbers that they represent; `estimator_` is a plain model of the
    same class, decoded when it is first read. One fit gives all numbers of bits: see `path_`.

    Parameters
    ----------
    estimator : estimator
        A model, a pruner of one, or a search of pruners. It is cloned and fitted; a model
        that is fitted already comes in a `sklearn.frozen.FrozenEstimator`, and is then
        copied, never changed.
    bits : int or None, default=8
        Bits of a number: 1 to 8, or 16. None stores the whole model as it is.
    method : {"auto", "affine", "codebook", "feedback"}, default="auto"
        How weights are rounded to 8 bits or fewer; 16 bits are half precision, except for the
        vectors of machines with a linear kernel. It is not used for trees.

        - "auto": "feedback" below eight bits, for machines with a linear kernel always,
          for those with other kernels never; otherwise "affine";
        - "affine": to a uniform grid for each unit, class or feature;
        - "codebook": to the values that a clustering finds for the whole array, which each
          unit or class scales; lossless if no more values than that are distinct;
        - "feedback": to a uniform grid, one input after the other; the rounding error of each is
          compensated in the inputs that follow, by their covariance in the training samples
          (GPTQ [1]_). Of support vector machines with a kernel, the coefficients are rounded so,
          without samples. Above 2,000 inputs or vectors it is "affine".

    Attributes
    ----------
    estimator_ : estimator
        The plain model with the decoded numbers. Not part of the pickle: it is decoded when it is
        first read, and kept in memory.
    codes_ : CodedModel
        The model as codes.
    path_ : PruningPath
        All numbers of bits of this fit. Not part of the pickle.
    report_ : DataFrame
        A row per array of weights, or per feature that has thresholds and one for all leaves:
        number of distinct values before and after, bits of a number, bytes before and after, and
        the largest error, which is infinite where an infinite threshold was replaced.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    feature_importances_ : ndarray of shape (n_features,)
        Those of the model before quantization.
    offset_ : ndarray of shape (1,)
        Offset of the decision function, for `OneClassSVM`.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where they are all strings.

    See Also
    --------
    TreePruner : Leaves fewer splits to store.
    model_size : Counts the bytes of the codes.
    PruningSearchCV : Cross-validates all numbers of bits.

    Notes
    -----
    Weights of zero remain zero. Intercepts are not quantized, but "feedback" corrects them for
    the mean rounding error. The coefficients of support vectors take at least 16 bits:
    predictions are small differences of large sums of them.

    Each feature of a model of trees has a codebook of at most ``2 ** bits`` thresholds, and so
    it is stored without loss where no more are distinct. Where more are, neighbouring thresholds
    are merged, those with the fewest training samples between them first: thresholds that no
    training sample separates are merged without any change there. Thresholds are stored in the
    precision in which the model compares. Leaf values have a codebook likewise. Numbers of samples
    are stored exactly, weighted numbers within 0.1 %, and impurities within 5 % unless they follow
    from the values of the leaves, together in less than two bytes per node: partial dependence
    and SHAP values of `estimator_` depend on them. `estimator_` cannot be fitted further.

    Predictions use the plain model: quantization saves bytes on disk and in transfer, but neither
    memory nor time.

    References
    ----------
    .. [1] E. Frantar, S. Ashkboos, T. Hoefler and D. Alistarh, "GPTQ: accurate post-training
       quantization for generative pre-trained transformers", ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skprune import Quantizer, model_size
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(20, random_state=0)
    >>> quantizer = Quantizer(forest).fit(X[::2], y[::2])
    >>> quantizer.estimator_
    RandomForestClassifier(n_estimators=20, random_state=0)
    >>> whole = quantizer.path_.cut(keep=1.0)
    >>> bool((quantizer.predict_proba(X) == whole.predict_proba(X)).all())
    True
    >>> model_size(quantizer).bytes < 0.02 * model_size(whole).bytes
    True
    """

    _unit_name: ClassVar[str] = "bits"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit"])],
        "bits": [Integral, None],
        "method": [StrOptions({"auto", "affine", "codebook", "feedback"})],
    }

    def __init__(self, estimator: Any, *, bits: int | None = 8, method: str = "auto") -> None:
        self.estimator = estimator
        self.bits = bits
        self.method = method

    @property
    def estimator_(self) -> Any:
        """The plain model with the decoded numbers."""
        if "codes_" not in self.__dict__:
            msg = f"{type(self).__name__} has no estimator_ before fit."
            raise AttributeError(msg)
        if not self._decoded:
            self._decoded.append(self.codes_.decode())
        return self._decoded[0]

    @property
    def feature_importances_(self) -> NDArray[Any]:
        """Importances of the model before quantization."""
        importances = self.__dict__.get("_importances")
        if importances is None:
            msg = (
                f"This {type(self).__name__} has no feature_importances_: it is not fitted, or its "
                "model has none."
            )
            raise AttributeError(msg)
        return importances

    offset_ = inner_attribute(
        "offset_", "Offset of a one-class model: ``decision_function = score_samples - offset_``."
    )

    def _uncomputed(self):
        decoded = self.__dict__.get("_decoded") or "codes_" not in self.__dict__
        return super()._uncomputed() | ({} if decoded else {"codes_": "estimator_"})

    def _check_inner_method(self, method):
        # Nothing is decoded to find out what can be called.
        decoded = self.__dict__.get("_decoded")
        getattr(decoded[0] if decoded else self.estimator, method)

    def __getstate__(self):
        state = super().__getstate__()
        return state | {"_decoded": []} if "codes_" in state else state

    def _check_model(self, model):
        # An ensemble has an `estimator` too, which is the template of its members.
        if hasattr(model, "fit") and not has_surgeon(model) and not has_members(model):
            inner = getattr(model, "estimator", getattr(model, "student", None))
            if inner is not None:
                inner = inner.estimator if isinstance(inner, FrozenEstimator) else inner
                self._check_model(inner)
                return
        if not surgeon_type(model).is_coded:
            msg = (
                f"{type(model).__name__} was given; its library takes no other form of its trees "
                "than its own, so that they cannot be stored in fewer bits. TreePruner and "
                "EnsemblePruner make it smaller."
            )
            raise UnsupportedModelError(msg)

    def _own_level(self):
        return {"keep": _bits_to_keep(self.bits)}

    def _row_of_level(self, path, level):
        return path.locate(keep=_bits_to_keep(**level))

    def _row_of_own_level(self, path):
        return self._row_of_level(path, self._level_params())

    @classmethod
    def _level_names(cls):
        return ("bits",)

    @classmethod
    def _whole_level(cls):
        return {"bits": None}

    def _level_of_row(self, path, index):
        return {"bits": int(path.units[index]) if index else None}

    def _needs_rows(self):
        return True

    def _prune_model(self, model, rows):
        model = _plain(model)
        surgeon = surgeon_for(model)
        if family_of(model) in {"tree", "embedded"}:
            self._warn_if_set({"method": "thresholds have codebooks"}, stacklevel=5)
            return QuantizedPath(TreeCoder(surgeon, rows.X))
        coder = WeightCoder(surgeon, self.method, rows)
        if self.method == "feedback" and not coder.allows_feedback:
            self._warn_of_unused("method", f"inputs are more than {MAX_INPUTS}", stacklevel=5)
        return QuantizedPath(coder)

    def _set_level(self, path, index):
        self._decoded: list[Any] = []  # the plain model, once it is asked for
        self.codes_ = path.coded(index)
        self.report_ = path.report(index)
        self._importances = getattr(path.model, "feature_importances_", None)


def _bits_to_keep(bits):
    """Return `bits`, once checked, as the `keep` of a path."""
    if bits is None:
        return 1.0
    if isinstance(bits, bool) or not isinstance(bits, Integral) or bits not in LEVELS:
        msg = (
            f"bits={bits!r} is not a level. Allowed are {', '.join(map(str, sorted(LEVELS)))}, and "
            "None, which stores the whole model: give one of these."
        )
        raise LevelError(msg)
    return int(bits)


def _plain(model):
    """Return the plain model inside a fitted pruner, or a search of pruners."""
    while not has_surgeon(model):
        frozen = isinstance(model, FrozenEstimator)  # it delegates all other attributes
        inner = model.estimator if frozen else getattr(model, "best_estimator_", None)
        inner = getattr(model, "estimator_", None) if inner is None else inner
        if inner is None:
            surgeon_type(model)
        model = inner
    return model
