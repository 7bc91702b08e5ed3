"""Sample pruner: removes training rows that a model is better, or no worse, without."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import has_fit_parameter

from skprune._compat import Interval, StrOptions, rows_of
from skprune.base import BaseModelPruner
from skprune.base._targets import single_target
from skprune.criteria.sample_difficulty import disagreement, leverage, tomek_links
from skprune.exceptions import UnsupportedModelError
from skprune.sample import _scores as scoring
from skprune.sample._path import SamplePath
from skprune.sample._rows import training_samples
from skprune.solvers import sampling as orders
from skprune.solvers.prototypes import condense, facility_location

__all__ = ["SamplePruner"]

# Criteria that say how hard a row is, those that decide, and those that compare classes.
HARDNESS = {"el2n", "influence", "forgetting"}
DECIDING = frozenset({"disagreement", "tomek", "condensed"})
OF_CLASSES = DECIDING | {"forgetting"}
# Those that look at the numbers in the rows by themselves, and not through the model.
OF_NUMBERS = DECIDING | {"leverage", "prototype"}
# Parameters that not every criterion reads: their defaults, and who does.
READ_BY = {"hardest": HARDNESS, "cv": {"el2n"}, "n_neighbors": {"disagreement"}, "remove": DECIDING}
# Rows that are compared with each other at once by "prototype": their distances are held.
PART = 2048


class SamplePruner(BaseModelPruner):
    """Prune the training rows of any classifier or regressor.

    Rows are ranked, and the model is fitted anew on those that stay, with their weights. By
    default the rows go first that a model of the same kind, fitted without them, gets most
    wrong: among them are those with a wrong label. After these, rows go at random, in
    proportion of the classes. What comes back in `estimator_` is a plain model of the class
    that went in. Rows at predict time are never touched.

    Parameters
    ----------
    estimator : estimator
        A classifier or a regressor, or a pipeline that ends in one. It is cloned and fitted;
        of a `sklearn.frozen.FrozenEstimator` the model inside is cloned for every level but
        the whole.
    criterion : {"el2n", "leverage", "influence", "forgetting", "prototype", "random", \
            "disagreement", "tomek", "condensed"}, default="el2n"
        Which rows go first:

        - "el2n": the hardest, by the norm of the error of probabilities (or the absolute error
          of a regressor) out of fold [1]_; after the share `hardest` the others at random;
        - "influence": the same by Cook's distance for linear and logistic regression [2]_, and by
          the error out of bag for forests and bagging [3]_;
        - "forgetting": the same by how often a classifier forgot the row while it was trained:
          from stage to stage of boosting, or from pass to pass where it has `partial_fit` [4]_;
        - "leverage": those that are drawn last when rows are drawn by leverage; each row that
          stays gets the weight of those that it stands for [5]_;
        - "prototype": those that stand for the fewest others of their class [6]_;
        - "random": any, in proportion of the classes: the baseline.

        These decide by themselves, for classifiers, by distances between rows:

        - "disagreement": rows with a neighbour of another class go (edited nearest
          neighbours) [7]_;
        - "tomek": rows go that are nearest to each other and of two classes [8]_;
        - "condensed": rows stay by which a nearest neighbour tells all rows apart [9]_.
    keep : int or float, default=None
        Rows that stay: so many (int) or this fraction (float in (0, 1]). ``keep=1.0`` is the
        whole model. If `threshold` is None too, half stay. At least one row of each class
        always stays.
    threshold : float, default=None
        Rows with a rank share above it are kept. Shares run from ``1 / n_rows`` to 1.
    hardest : float, default=0.1
        Share of the rows that go as the hardest of "el2n", "influence" and "forgetting", but no
        more than half of a class, unless this is more; 1 keeps the easiest, 0 is "random".
    remove : {"both", "majority"}, default="both"
        Which rows the criteria that decide may remove: those of all classes, or of all but the
        smallest.
    n_neighbors : int, default=3
        Neighbours that "disagreement" asks.
    cv : int, default=5
        Parts of the rows, each of which is left out once, for "el2n".
    random_state : int, RandomState instance or None, default=None
        Draws rows and parts of rows. It is not passed on: set that of the inner model too.
    n_jobs : int, default=None
        Fits, and searches for neighbours, at the same time.

    Attributes
    ----------
    estimator_ : estimator
        The model fitted on the rows that stay, plain.
    path_ : PruningPath
        All levels of this fit. Not part of the pickle.
    rank_shares_ : ndarray of shape (n_rows,)
        Share of the rows that are removed no later than each one; larger shares are kept. Not
        of criteria that decide.
    scores_ : ndarray of shape (n_rows,)
        Of criteria that decide: 1 for rows that are kept and else 0.
    difficulty_ : ndarray of shape (n_rows,)
        How hard or unusual each row is, the larger the more: the error, Cook's distance, the
        mean loss out of bag, events of forgetting, the leverage, the share of neighbours of
        another class; 1 for rows that "tomek" and "condensed" remove and else 0. Rows of weight
        zero have 1 from criteria that decide. Not of "prototype" and "random".
    sample_indices_ : ndarray of int, shape (n_kept,)
        Rows that stay, ascending.
    sample_weight_ : ndarray of shape (n_kept,) or None
        Weights that they were fitted with by "leverage"; None for the others.
    keep_mask_ : ndarray of bool, shape (n_rows,)
        Rows that stay.
    report_ : DataFrame
        A row per class, or per tenth of the rows by their target: rows before and after, and
        their mean `difficulty_`.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where they are all strings.

    Raises
    ------
    UnsupportedModelError
        If the model is neither classifier nor regressor, or not one that the criterion knows.

    See Also
    --------
    PruningSearchCV : Cross-validates levels of a pruner; give it a list of them.
    SVMPruner : Removes the rows that a support vector machine holds.

    Notes
    -----
    A level costs a fit on its rows. On top of that, "el2n" takes `cv` fits in all, "leverage" and
    "influence" of linear models O(n p^2) for n rows and p columns, "disagreement" and "tomek" one
    search for neighbours, "condensed" O(n p) per row that stays, and "prototype" the squares of
    parts of at most 2,048 rows of a class. Distances are between rows as they are: scale the
    columns before.

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
    {0: 167, 1: 288}
    """

    _unit_name: ClassVar[str] = "samples"
    _deciding: ClassVar[frozenset[str]] = DECIDING
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions(HARDNESS | DECIDING | {"leverage", "prototype", "random"})],
        "hardest": [Interval(Real, 0, 1, closed="both")],
        "remove": [StrOptions({"both", "majority"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator,
        *,
        criterion="el2n",
        keep=None,
        threshold=None,
        hardest=0.1,
        remove="both",
        n_neighbors=3,
        cv=5,
        random_state=None,
        n_jobs=None,
    ):
        super().__init__(estimator, keep=keep, threshold=threshold)
        self.criterion = criterion
        self.hardest = hardest
        self.remove = remove
        self.n_neighbors = n_neighbors
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit_resample(self, X, y, **fit_params):
        """Fit, and return the rows that stay: a sampler of imbalanced-learn.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Their targets.
        **fit_params : dict
            Passed to `fit`.

        Returns
        -------
        X, y : of the types given
            Rows that stay, in the order given. Weights of "leverage" are in
            `sample_weight_`.
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
        idle = [name for name, readers in READ_BY.items() if self.criterion not in readers]
        reason = f"criterion={self.criterion!r} does not read it"
        self._warn_if_set(dict.fromkeys(idle, reason), stacklevel=5)
        if not (is_classifier(model) or is_regressor(model)):
            msg = (
                f"{model!r} was given, but rows are ranked by their targets. Give a classifier or "
                "a regressor."
            )
            raise UnsupportedModelError(msg)
        complaint = self._complaint(model)
        if complaint:
            msg = f"criterion={self.criterion!r} was given with {model!r}, {complaint}"
            if isinstance(model, Pipeline):
                msg += " Or make the pruner, of its last step, the last step of the pipeline."
            raise UnsupportedModelError(msg)

    def _complaint(self, model):
        """Return why a model does not go with the criterion, and what does, or None."""
        criterion = self.criterion
        if criterion in OF_CLASSES and not is_classifier(model):
            return "but it compares classes. Use criterion='el2n' for a regressor."
        if criterion == "leverage" and not has_fit_parameter(model, "sample_weight"):
            return (
                "whose fit takes no sample_weight, but rows that are drawn by leverage stand for "
                "others. Use a model that takes weights, or criterion='el2n'."
            )
        if criterion == "forgetting" and not any(
            hasattr(model, name) for name in ("staged_predict", "partial_fit")
        ):
            return (
                "which has neither staged_predict nor partial_fit to say what it forgot. Use "
                "boosting or a network, or criterion='el2n'."
            )
        if criterion == "influence" and not scoring.has_influence(model):
            return (
                "but it is known for linear, ridge, logistic and generalised linear regression, "
                "and for forests and bagging with bootstrap=True. Use one of these, or "
                "criterion='el2n'."
            )
        return None

    def _needs_rows(self):
        return True

    def _fit_whole(self, X, y, sample_weight, fit_params, copies):
        y = single_target(y, "SamplePruner")
        model, _ = super()._fit_whole(X, y, sample_weight, fit_params, copies)
        params = {}
        if not isinstance(self.estimator, FrozenEstimator):
            params = self._inner_fit_params(sample_weight, fit_params)
        elif sample_weight is not None and has_fit_parameter(model, "sample_weight"):
            params = {"sample_weight": sample_weight}
        return model, training_samples(model, X, y, sample_weight, params)

    def _prune_model(self, model, rows):
        codes = None if rows.classes is None else rows.target
        if self._decides:
            kept, difficulty = self._choose(rows)
            order = np.argsort(~kept, kind="stable")
            return SamplePath(model, rows, order, difficulty, smallest=kept.sum(), decided=True)
        rng, sampled, difficulty = check_random_state(self.random_state), None, None
        if self.criterion == "leverage":
            difficulty = leverage(scoring.numbers(rows), rows.weight)
            # Half of the odds are those of the weights, lest a row stand for too many.
            odds = difficulty / difficulty.sum() + rows.weight / rows.weight.sum()
            sampled = odds, orders.by_sampling(odds, rng)
            order = np.argsort(-sampled[1], kind="stable")
        elif self.criterion == "prototype":
            order = self._represent(rows, rng)
        elif self.criterion == "random":
            order = orders.at_random(rows.stratum, rng)
        else:
            difficulty = self._judge(model, rows, rng)
            order = orders.without_hardest(
                difficulty, self.hardest, rows.stratum, rng, capped=codes is not None
            )
        order = orders.with_every_class(order, rows.weight, codes)
        smallest = 1 if codes is None else len(rows.classes)
        return SamplePath(model, rows, order, difficulty, smallest=smallest, sampled=sampled)

    def _judge(self, model, rows, rng):
        """Return how hard each row is."""
        if self.criterion == "el2n":
            seed = rng.randint(np.iinfo(np.int32).max)
            return scoring.out_of_fold_errors(model, rows, self.cv, seed, self.n_jobs)
        if isinstance(self.estimator, FrozenEstimator):  # which rows it was fitted on is not known
            model = rows.fit(model)
        read = scoring.influence if self.criterion == "influence" else scoring.forgotten
        return read(model, rows)

    def _represent(self, rows, rng):
        """Return an order in which each first part stands for the rows of each class."""
        X, place = scoring.numbers(rows), np.empty(len(rows.target))
        for stratum in np.unique(rows.stratum):
            own = rng.permutation(np.flatnonzero(rows.stratum == stratum))
            for part in np.array_split(own, -(-len(own) // PART)):
                chosen = part[facility_location(X[part], rows.weight[part])]
                place[chosen] = (np.arange(len(part)) + 0.5) / len(part)
        return orders.shares((place,), rows.stratum).argsort(kind="stable")

    def _choose(self, rows):
        """Return the rows that stay by a criterion that decides, and what it says of each."""
        difficulty, safe = np.ones(len(rows.target)), np.zeros(len(rows.target), dtype=bool)
        counted = np.flatnonzero(rows.weight > 0)  # the others go, and are nobody's neighbours
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
        # A class that would go altogether keeps the row that fits in best.
        order = np.lexsort((difficulty, rows.weight <= 0))
        best = order[np.unique(rows.target[order], return_index=True)[1]]
        kept[best[np.bincount(rows.target[kept], minlength=len(best)) == 0]] = True
        return kept, difficulty

    def _set_level(self, path, index):
        super()._set_level(path, index)
        self.__dict__.pop("difficulty_", None)  # of an earlier fit
        if path.difficulty is not None:
            self.difficulty_ = path.difficulty
        self.sample_indices_ = np.flatnonzero(self.keep_mask_)
        self.sample_weight_ = path.weights(index)
