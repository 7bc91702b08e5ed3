"""Sample pruner: removes training samples that a model can be fitted without."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import OneToOneFeatureMixin, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import has_fit_parameter

from skprune._compat import (
    Interval,
    StrOptions,
    fit_takes_weights,
    routing_enabled,
    rows_of,
)
from skprune.arrays.annotations import MatrixLike, Seed
from skprune.base import BaseModelPruner
from skprune.base._targets import single_target
from skprune.criteria.sample_difficulty import disagreement, leverage, tomek_links
from skprune.exceptions import UnsupportedModelError
from skprune.sample import _scores as scoring
from skprune.sample._path import SamplePath
from skprune.sample._rows import training_samples
from skprune.solvers import sampling as orders
from skprune.solvers.prototypes import condense, facility_location

# Criteria that measure the difficulty of samples, those that determine the number of samples to
# keep themselves, and those that compare classes.
HARDNESS = {"el2n", "influence", "forgetting"}
DECIDING = frozenset({"disagreement", "tomek", "condensed"})
OF_CLASSES = DECIDING | {"forgetting"}
# Those that use the feature values directly, and not through the model.
OF_NUMBERS = DECIDING | {"leverage", "prototype"}
# Parameters that not every criterion uses, and the criteria that do.
USED_BY = {"hardest": HARDNESS, "cv": HARDNESS, "n_neighbors": {"disagreement"}, "remove": DECIDING}
# Largest number of samples whose pairwise distances "prototype" holds at once.
PART = 2048


class SamplePruner(OneToOneFeatureMixin, BaseModelPruner):
    """Prune the training samples of a classifier or regressor.

    Samples are ranked, and the model is refitted to those that are kept, with their sample
    weights. By default the hardest samples are removed first, those with the largest errors
    out of fold, as many as are estimated to be mislabelled; then random samples, in proportion
    to the classes. The result in `estimator_` is a plain model of the same class. No samples are
    removed in prediction.

    Parameters
    ----------
    estimator : estimator
        A classifier or a regressor, or a pipeline that ends in one. It is cloned and fitted;
        for a `sklearn.frozen.FrozenEstimator` the model inside is cloned and fitted for every
        level except the whole model.
    criterion : {"el2n", "leverage", "influence", "forgetting", "prototype", "random", \
            "disagreement", "tomek", "condensed"}, default="el2n"
        Which samples are removed first:

        - "el2n": the hardest samples, by the norm of the error of the predicted probabilities
          (for regressors the absolute error) out of fold [1]_; after those that `hardest`
          counts, the others at random;
        - "influence": likewise by Cook's distance for linear and logistic regression [2]_, and
          by the out-of-bag error for forests and bagging [3]_;
        - "forgetting": likewise by how often a classifier forgot the sample during training:
          from stage to stage of boosting, or from epoch to epoch for models with
          `partial_fit` [4]_;
        - "leverage": samples are kept by random sampling in proportion to their leverage, and
          reweighted by importance weights [5]_;
        - "prototype": samples that represent the fewest others of their class (facility
          location) [6]_;
        - "random": random samples, in proportion to the classes: the baseline.

        The following, for classifiers, determine the number of samples themselves, from the
        distances between samples:

        - "disagreement": removes samples with a neighbour of another class (edited nearest
          neighbours) [7]_;
        - "tomek": removes Tomek links, pairs of mutual nearest neighbours of different
          classes [8]_;
        - "condensed": keeps samples from which a nearest neighbour classifier classifies all
          samples correctly (condensed nearest neighbours) [9]_.
    keep : int or float, default=None
        Samples to keep: their number (int) or fraction (float in (0, 1]). ``keep=1.0`` is the
        whole model. If `threshold` is None too, half of them are kept. At least one sample per
        class is always kept.
    threshold : float, default=None
        Samples with a rank share above it are kept. Shares range from ``1 / n_samples`` to 1.
    hardest : "auto" or float, default="auto"
        Fraction of the samples that are removed as the hardest ones by "el2n", "influence" and
        "forgetting", but at most half of a class, unless this is more; 1 keeps the easiest
        samples, 0 is "random". "auto" is the fraction of labels that are estimated to be wrong
        [10]_: another class is more probable out of fold, and at least as probable as it is on
        average for the samples of that class. For regressors it is the fraction of far outliers
        out of fold, outside of Tukey's outer fences.
    remove : {"both", "majority"}, default="both"
        For the criteria that determine the number of samples themselves: whether samples of
        all classes may be removed, or of all except the smallest class.
    n_neighbors : int, default=3
        Number of neighbours of "disagreement".
    cv : int, cross-validation generator or iterable, default=5
        Folds of "el2n" and of ``hardest="auto"``. A number of folds is drawn and stratified.
        Others must hold out each sample once; a splitter that needs groups takes them from
        ``fit(X, y, groups=groups)``.
    random_state : int, RandomState instance or None, default=None
        Draws samples and folds. It is not passed on: set that of the inner model too.
    n_jobs : int, default=None
        Number of parallel jobs for fits and neighbour searches.

    Attributes
    ----------
    estimator_ : estimator
        The model fitted to the samples that are kept, plain.
    path_ : PruningPath
        All levels of this fit. Not part of the pickle.
    rank_shares_ : ndarray of shape (n_samples,)
        Share of the samples that are removed no later than each one; larger shares are kept.
        Not for criteria that determine the number of samples themselves.
    scores_ : ndarray of shape (n_samples,)
        For criteria that determine the number of samples themselves: 1 for samples that are
        kept and 0 for others.
    difficulty_ : ndarray of shape (n_samples,)
        How hard or unusual each sample is; larger is harder: the error, Cook's distance, the
        mean out-of-bag loss, the number of forgetting events, the leverage, or the share of
        neighbours of another class; for "tomek" and "condensed" 1 for samples that are removed
        and 0 for others. "disagreement", "tomek" and "condensed" give samples with a sample
        weight of 0 a difficulty of 1. Not for "prototype" and "random".
    hardest_ : float
        Fraction of the samples that are removed as the hardest ones: the estimate, or `hardest`.
        For "el2n", "influence" and "forgetting".
    sample_indices_ : ndarray of int, shape (n_kept,)
        Indices of the samples that are kept, ascending.
    sample_weight_ : ndarray of shape (n_kept,) or None
        For "leverage", the sample weights of this fit; None for other criteria.
    keep_mask_ : ndarray of bool, shape (n_samples,)
        Samples that are kept.
    report_ : DataFrame
        One row per class, or per tenth of the samples by target: number of samples before and
        after, and their mean `difficulty_`.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if they are all strings.

    Raises
    ------
    UnsupportedModelError
        If the model is neither a classifier nor a regressor, or the criterion does not support
        it.

    See Also
    --------
    PruningSearchCV : Cross-validates levels of a pruner; give it a list of them.
    SVMPruner : Removes the samples that a support vector machine stores.

    Notes
    -----
    A level costs a fit to its samples. In addition, "el2n" and ``hardest="auto"`` take `cv` fits
    once, "leverage" and
    "influence" of linear models O(n p^2) time for n samples and p features, "disagreement" and
    "tomek" one neighbour search, "condensed" O(n p) per sample that is kept, and "prototype"
    all pairwise distances within chunks of at most 2,048 samples of a class. Distances use the
    features unscaled: scale them before.

    References
    ----------
    .. [1] M. Paul, S. Ganguli and G. K. Dziugaite, "Deep learning on a data diet: finding
       important examples early in training", NeurIPS 2021.
    .. [2] R. D. Cook, "Detection of influential observation in linear regression",
       Technometrics 19, 1977.
    .. [3] Y. Kwon and J. Zou, "Data-OOB: out-of-bag estimate as a simple and efficient data
       value", ICML 2023.
    .. [4] M. Toneva et al., "An empirical study of example forgetting during deep neural
       network learning", ICLR 2019.
    .. [5] P. Ma, M. W. Mahoney and B. Yu, "A statistical perspective on algorithmic leveraging",
       Journal of Machine Learning Research 16, 2015.
    .. [6] K. Wei, R. Iyer and J. Bilmes, "Submodularity in data subset selection and active
       learning", ICML 2015.
    .. [7] D. L. Wilson, "Asymptotic properties of nearest neighbor rules using edited data",
       IEEE Transactions on Systems, Man, and Cybernetics 2, 1972.
    .. [8] I. Tomek, "Two modifications of CNN", IEEE Transactions on Systems, Man, and
       Cybernetics 6, 1976.
    .. [9] F. Angiulli, "Fast condensed nearest neighbor rule", ICML 2005.
    .. [10] C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating
       uncertainty in dataset labels", Journal of Artificial Intelligence Research 70, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import SamplePruner
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)
    >>> pruner = SamplePruner(tree, keep=0.8, random_state=0).fit(X, y)
    >>> len(y), len(pruner.sample_indices_)
    (569, 455)
    >>> pruner.report_["samples"].to_dict()
    {0: 163, 1: 292}
    """

    _unit_name: ClassVar[str] = "samples"
    _refits_often: ClassVar[bool] = True
    _deciding: ClassVar[frozenset[str]] = DECIDING
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions(HARDNESS | DECIDING | {"leverage", "prototype", "random"})],
        "hardest": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "remove": [StrOptions({"both", "majority"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "cv": ["cv_object"],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        criterion: str = "el2n",
        keep: float | None = None,
        threshold: float | None = None,
        hardest: str | float = "auto",
        remove: str = "both",
        n_neighbors: int = 3,
        cv: Any = 5,
        random_state: Seed | None = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(estimator, keep=keep, threshold=threshold)
        self.criterion = criterion
        self.hardest = hardest
        self.remove = remove
        self.n_neighbors = n_neighbors
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit_resample(self, X: MatrixLike, y: ArrayLike, **fit_params: Any) -> tuple[Any, Any]:
        """Fit, and return the samples that are kept, as a sampler of imbalanced-learn does.

        Pipelines of imbalanced-learn hand no weights to a sampler, neither by name nor by
        metadata routing. To prune with weights, call this before the pipeline.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,)
            Their targets.
        **fit_params : dict
            Passed to `fit`.

        Returns
        -------
        X, y : of the types given
            Samples that are kept, in their original order. For "leverage", their weights are
            in `sample_weight_`.
        """
        self.fit(X, y, **fit_params)
        return rows_of(X, self.sample_indices_), rows_of(y, self.sample_indices_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = False
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
        if self.criterion in OF_NUMBERS:
            tags.input_tags.allow_nan = False
            tags.input_tags.sparse &= self.criterion in {"disagreement", "tomek"}
        return tags

    def _check_model(self, model):
        unused = [name for name, users in USED_BY.items() if self.criterion not in users]
        reasons = dict.fromkeys(unused, f"criterion={self.criterion!r} does not use it")
        if self.criterion in HARDNESS and not self._uses_folds:
            reasons["cv"] = f"criterion={self.criterion!r} uses it for hardest='auto' only"
        self._warn_if_set(reasons, stacklevel=5)
        if not (is_classifier(model) or is_regressor(model)):
            msg = (
                f"{model!r} was given, but samples are ranked by their targets. Give a classifier "
                "or a regressor."
            )
            raise UnsupportedModelError(msg)
        complaint = self._complaint(model)
        if complaint:
            msg = f"criterion={self.criterion!r} was given with {model!r}, {complaint}"
            if isinstance(model, Pipeline):
                msg += " Or prune its last step: make the pruner the last step of the pipeline."
            raise UnsupportedModelError(msg)

    def _complaint(self, model):
        """Return why the criterion does not support a model, and what to use; None if it does."""
        criterion = self.criterion
        if criterion in OF_CLASSES and not is_classifier(model):
            return "but it compares classes. Use criterion='el2n' for a regressor."
        if criterion == "leverage" and not fit_takes_weights(model):
            return (
                "whose fit takes no sample_weight, but samples drawn by leverage are weighted. Use "
                "a model that takes weights, or criterion='el2n'."
            )
        if criterion == "forgetting" and not any(
            hasattr(model, name) for name in ("staged_predict", "partial_fit")
        ):
            return (
                "which has neither staged_predict nor partial_fit, so that its predictions during "
                "training are unknown. Use boosting or a network, or criterion='el2n'."
            )
        if criterion == "influence" and not scoring.has_influence(model):
            return (
                "but it is defined for linear, ridge, logistic and generalised linear regression, "
                "and for forests and bagging with bootstrap=True. Use one of these, or "
                "criterion='el2n'."
            )
        return None

    @property
    def _uses_folds(self):
        return self.criterion == "el2n" or (self.criterion in HARDNESS and self.hardest == "auto")

    def _needs_rows(self):
        return True

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the metadata routing.

        Returns
        -------
        MetadataRouter
            The inner model and the splitter get what they request.
        """
        router = super().get_metadata_routing()
        if hasattr(self.cv, "split"):
            mapping = MethodMapping().add(caller="fit", callee="split")
            router.add(splitter=self.cv, method_mapping=mapping)
        return router

    def _split_params(self, fit_params):
        """Return the groups for the splitter, and the parameters for the fit of the model."""
        groups = fit_params.get("groups")
        if groups is None or not hasattr(self.cv, "split"):
            return None, fit_params
        others = {name: value for name, value in fit_params.items() if name != "groups"}
        if routing_enabled():
            groups = process_routing(self, "fit", **fit_params).splitter.split.get("groups")
            is_frozen = isinstance(self.estimator, FrozenEstimator)
            return groups, others if is_frozen else fit_params
        takes = has_fit_parameter(self.estimator, "groups")
        return groups, fit_params if takes else others

    def _fit_whole(self, X, y, sample_weight, fit_params, copies):
        y = single_target(y, "SamplePruner")
        groups, fit_params = self._split_params(fit_params)
        model, _ = super()._fit_whole(X, y, sample_weight, fit_params, copies)
        params = {}
        if not isinstance(self.estimator, FrozenEstimator):
            params = self._inner_fit_params(sample_weight, fit_params)
        elif sample_weight is not None and fit_takes_weights(model):
            params = {"sample_weight": sample_weight}
        return model, training_samples(model, X, y, sample_weight, params, groups)

    def _prune_model(self, model, rows):
        self.__dict__.pop("hardest_", None)  # of an earlier fit
        codes = None if rows.classes is None else rows.target
        if self._decides:
            kept, difficulty = self._choose(rows)
            order = np.argsort(~kept, kind="stable")
            return SamplePath(model, rows, order, difficulty, smallest=kept.sum(), decided=True)
        rng, sampled, difficulty = check_random_state(self.random_state), None, None
        if self.criterion == "leverage":
            difficulty = leverage(scoring.numbers(rows), rows.weight)
            # Mixing in the sample weights bounds the importance weights.
            odds = difficulty / difficulty.sum() + rows.weight / rows.weight.sum()
            sampled = odds, orders.by_sampling(odds, rng)
            order = np.argsort(-sampled[1], kind="stable")
        elif self.criterion == "prototype":
            order = self._represent(rows, rng)
        elif self.criterion == "random":
            order = orders.at_random(rows.stratum, rng)
        else:
            difficulty, self.hardest_ = self._measure_difficulty(model, rows, rng)
            order = orders.without_hardest(
                difficulty, self.hardest_, rows.stratum, rng, capped=codes is not None
            )
        order = orders.with_every_class(order, rows.weight, codes)
        smallest = 1 if codes is None else len(rows.classes)
        return SamplePath(model, rows, order, difficulty, smallest=smallest, sampled=sampled)

    def _measure_difficulty(self, model, rows, rng):
        """Return how hard each sample is, and which share of them are the hardest."""
        difficulty, hardest = None, self.hardest
        if self._uses_folds:
            predicted = scoring.out_of_fold_predictions(model, rows, self.cv, rng, self.n_jobs)
            difficulty = scoring.errors(predicted, rows)
            hardest = scoring.doubtful(predicted, rows) if hardest == "auto" else hardest
        if self.criterion != "el2n":
            if isinstance(self.estimator, FrozenEstimator):  # its training samples are unknown
                model = rows.fit(model)
            read = scoring.influence if self.criterion == "influence" else scoring.forgotten
            difficulty = read(model, rows)
        return difficulty, hardest

    def _represent(self, rows, rng):
        """Return an order of which each initial part represents the samples of each class."""
        X, place = scoring.numbers(rows), np.empty(len(rows.target))
        for stratum in np.unique(rows.stratum):
            own = rng.permutation(np.flatnonzero(rows.stratum == stratum))
            for part in np.array_split(own, -(-len(own) // PART)):
                chosen = part[facility_location(X[part], rows.weight[part])]
                place[chosen] = (np.arange(len(part)) + 0.5) / len(part)
        return orders.shares((place,), rows.stratum).argsort(kind="stable")

    def _choose(self, rows):
        """Return which samples are kept, and the difficulty of all, by a deciding criterion."""
        difficulty, safe = np.ones(len(rows.target)), np.zeros(len(rows.target), dtype=bool)
        counted = np.flatnonzero(rows.weight > 0)  # the others are removed, and are no neighbours
        X = scoring.numbers(rows, sparse=self.criterion != "condensed")[counted]
        codes = rows.target[counted]
        if self.remove == "majority":
            labels, sizes = np.unique(codes, return_counts=True)
            safe[counted] = codes == labels[sizes.argmin()]
        if self.criterion == "condensed":
            found = ~condense(X, codes, safe[counted])
        elif self.criterion == "tomek":
            found = tomek_links(codes, scoring.neighbours(X, 1, self.n_jobs)[:, 0])
        else:
            found = disagreement(codes, scoring.neighbours(X, self.n_neighbors, self.n_jobs))
        difficulty[counted] = found
        kept = safe | (difficulty == 0)
        # A class that would be removed entirely keeps its sample of least difficulty.
        order = np.lexsort((difficulty, rows.weight <= 0))
        best = order[np.unique(rows.target[order], return_index=True)[1]]
        kept[best[np.bincount(rows.target[kept], minlength=len(best)) == 0]] = True
        return kept, difficulty

    # The indices are those of the mask, which takes an eighth of a byte per sample.

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "sample_indices_"}

    def __setstate__(self, state):
        super().__setstate__(state)
        if "keep_mask_" in self.__dict__:
            self.sample_indices_ = np.flatnonzero(self.keep_mask_)

    def _set_level(self, path, index):
        super()._set_level(path, index)
        self.__dict__.pop("difficulty_", None)  # of an earlier fit
        if path.difficulty is not None:
            self.difficulty_ = path.difficulty
        self.sample_indices_ = np.flatnonzero(self.keep_mask_)
        self.sample_weight_ = path.weights(index)
