"""Support vector machine pruner: removes support vectors and refits the others."""

from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state

from skprune._compat import StrOptions
from skprune.arrays.annotations import Seed
from skprune.base import BaseModelPruner
from skprune.base._delegation import inner_attribute
from skprune.solvers.inverse_hessian import eliminate_shared
from skprune.surgery import surgeon_for, surgeon_type
from skprune.svm._path import SVMPath
from skprune.svm._refit import Refit, decision_values_form

# Share of the diagonal added to a kernel matrix, which near-duplicate vectors make singular.
# At this share updates of the inverse are accurate enough without another inversion.
DAMPING = 1e-6


class SVMPruner(BaseModelPruner):
    """Prune the support vectors of a support vector machine.

    Support vectors that the others can best replace are removed first, and the coefficients
    of the others are refitted to the decision function of the whole model. The result in
    `estimator_` is a plain model of the same class; its prediction time is proportional to
    its number of vectors. One fit gives all levels of pruning: see `path_`.

    Parameters
    ----------
    estimator : estimator
        A `SVC`, `NuSVC`, `SVR`, `NuSVR` or `OneClassSVM`, with any kernel. It is cloned and
        fitted; a model that is fitted already comes in a `sklearn.frozen.FrozenEstimator`,
        and is then copied, never changed.
    criterion : {"obs", "magnitude", "random"}, default="obs"
        Which vectors are removed first:

        - "obs": optimal brain surgeon: each time the vector whose removal changes the
          decision function least, as a norm in the feature space of the kernel, after the
          others are adjusted [1]_; vectors that are linear combinations of others are removed
          first, without loss [2]_;
        - "magnitude": those with small dual coefficients;
        - "random": random order, the baseline of all other criteria.
    keep : int or float, default=None
        Support vectors to keep: their maximum number (int) or fraction (float in (0, 1]).
        ``keep=1.0`` is the whole model. If `threshold` is None too, half of them are kept.
    threshold : float, default=None
        Vectors with a rank share above it are kept. Shares range from ``1 / n_vectors`` to 1.
    recovery : {"refit"} or None, default="refit"
        "refit" fits the dual coefficients and offsets of the remaining vectors to the
        decision values of the whole model on the training samples, by least squares. None
        uses no samples and leaves the offsets unchanged; for "obs" the coefficients are then
        those closest to the whole model in feature space, otherwise they are unchanged too.
    random_state : int, RandomState instance or None, default=None
        Draws the order of "random". It is not passed on: set that of the inner model too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned model, plain.
    path_ : PruningPath
        All levels of this fit. Not part of the pickle.
    rank_shares_ : ndarray of shape (n_vectors,)
        Share of the support vectors that are removed no later than each one; larger shares are
        kept. There is no `scores_`: the criteria only order the vectors.
    keep_mask_ : ndarray of bool, shape (n_vectors,)
        Support vectors that are kept.
    report_ : DataFrame
        One row per support vector: the index of its training sample, as in ``support_``,
        whether it is kept, its rank share. scikit-learn does not count samples with a sample
        weight of 0 in these indices.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    offset_ : ndarray of shape (1,)
        Offset of the decision function, for `OneClassSVM`.
    n_features_in_ : int
        Number of features seen during `fit`, unless the kernel is a callable.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels of a pruner.
    model_size : Counts support vectors, parameters and bytes.

    Notes
    -----
    With m support vectors and n samples, "obs" takes O(m^3) time, the refit O(n m^2) once,
    and a level at most O(m^3). During the fit a pruner holds about 24 m^2 bytes, with many
    classes up to 40 m^2; the path holds 8 m^2 and no samples. With several classes there is
    one decision value per pair of classes, to which only vectors of these classes
    contribute; the cost of removing a vector is summed over the pairs.

    With ``kernel="precomputed"`` the kernel matrix has as many columns as before; those of
    removed vectors are ignored. With a callable kernel the pruned model stores its support
    vectors and no other samples, and ``support_`` contains their indices. A frozen model with
    a precomputed kernel requires the matrix that it was fitted to.

    Probabilities are computed by the sigmoid fitted to the decision values of the whole
    model.

    References
    ----------
    .. [1] B. Hassibi and D. G. Stork, "Second order derivatives for network pruning: optimal
       brain surgeon", NIPS 1992.
    .. [2] T. Downs, K. E. Gates and A. Masters, "Exact simplification of support vector
       solutions", Journal of Machine Learning Research 2, 2001.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.svm import SVC
    >>> from skprune import SVMPruner
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> pruner = SVMPruner(SVC(), keep=20).fit(X[::2], y[::2])
    >>> pruner.estimator_
    SVC()
    >>> len(pruner.estimator_.support_vectors_)
    20
    """

    _unit_name: ClassVar[str] = "vectors"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions({"obs", "magnitude", "random"})],
        "recovery": [StrOptions({"refit"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        criterion: str = "obs",
        keep: float | None = None,
        threshold: float | None = None,
        recovery: str | None = "refit",
        random_state: Seed | None = None,
    ) -> None:
        super().__init__(estimator, keep=keep, threshold=threshold)
        self.criterion = criterion
        self.recovery = recovery
        self.random_state = random_state

    offset_ = inner_attribute(
        "offset_", "Offset of a one-class model: ``decision_function = score_samples - offset_``."
    )

    def _check_model(self, model):
        surgeon_type(model, family="svm")

    def _needs_rows(self):
        precomputed = getattr(self.estimator, "kernel", None) == "precomputed"
        return self.recovery == "refit" or (self.criterion == "obs" and precomputed)

    def _prune_model(self, model, rows):
        surgeon = surgeon_for(model)
        surgeon.check_parity()
        similarity = None
        compares = self.recovery == "refit" and not surgeon.is_precomputed
        if self.criterion == "obs" or compares:
            similarity = _definite(surgeon.kernel_matrix(None if rows is None else rows.X))
        order = self._order(surgeon, similarity)
        refit = None
        if self.recovery == "refit":
            refit = Refit(surgeon, *decision_values_form(surgeon, rows, similarity))
        elif self.criterion == "obs":
            refit = Refit(surgeon, similarity)
        return SVMPath(surgeon, order, refit)

    def _order(self, surgeon, similarity):
        if self.criterion == "random":
            return check_random_state(self.random_state).permutation(surgeon.n_vectors)
        if self.criterion == "magnitude" or not surgeon.n_vectors:
            return np.argsort((surgeon.coefficients**2).sum(axis=1), kind="stable")
        models = [
            (_part_of(similarity, part), surgeon.coefficients[part, pair, np.newaxis], part)
            for pair, part in enumerate(map(np.flatnonzero, surgeon.takes_part.T))
            if len(part)
        ]
        return eliminate_shared(models, surgeon.n_vectors).order


def _part_of(K, part):
    return K if len(part) == len(K) else K[np.ix_(part, part)]


def _definite(K):
    """Make `K` positive definite, in place, without its negative eigenvalues; O(n^3)."""
    if not len(K):
        return K
    diagonal = np.einsum("ii->i", K)
    own = diagonal.copy()
    diagonal += _ridge(own)
    try:
        np.linalg.cholesky(K)
    except np.linalg.LinAlgError:  # not every kernel is positive semidefinite
        diagonal[:] = own
        values, vectors = np.linalg.eigh(K)
        np.matmul(vectors * np.maximum(values, 0.0), vectors.T, out=K)
        diagonal += _ridge(diagonal)
    return K


def _ridge(diagonal):
    return DAMPING * np.abs(diagonal).mean() or 1.0
