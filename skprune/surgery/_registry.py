"""Registry of surgeons, by the class names of the models that they read.

A model is found by the names of its class and base classes, of the form
"<top-level package>.<class>", such as "sklearn.Ridge". A look-up imports no class of a model, and
the module of a surgeon is imported when the first model of its kind is looked up: optional
packages cost nothing before that.
"""

from importlib import import_module
from typing import NamedTuple

from skprune.exceptions import UnsupportedModelError


class Entry(NamedTuple):
    """Where the reader of a kind of model is found.

    Attributes
    ----------
    family : str
        Family of the model.
    module : str
        Module of the reader; imported on first use.
    reader : str
        Its class.
    """

    family: str
    module: str
    reader: str

    def load(self):
        """Import the reader; a type."""
        return getattr(import_module(self.module), self.reader)


def _entries(package, *lines):
    """Return the entries of the models of a package by name.

    Parameters
    ----------
    package : str
        Name of the package.
    *lines : tuple of (str, str, str)
        Family, reader and models of a kind; "*" at the end of a name is both "Classifier" and
        "Regressor".
    """
    entries = {}
    for family, reader, models in lines:
        module, _, name = reader.partition(".")
        entry = Entry(family, f"{__package__}.{module}", name)
        for model in models.split():
            ends = ("Classifier", "Regressor") if model.endswith("*") else ("",)
            entries.update({f"{package}.{model.rstrip('*')}{end}": entry for end in ends})
    return entries


SURGEONS = _entries(
    "sklearn",
    ("tree", "trees.TreeSurgeon", "DecisionTree* ExtraTree*"),
    ("tree", "forests.ForestSurgeon", "RandomForest* ExtraTrees*"),
    ("tree", "forests.BaggingSurgeon", "Bagging*"),
    ("tree", "boosting.GradientBoostingSurgeon", "GradientBoosting*"),
    ("tree", "boosting.AdaBoostSurgeon", "AdaBoost*"),
    ("tree", "hist_boosting.HistBoostingSurgeon", "HistGradientBoosting*"),
    ("linear", "linear.LinearSurgeon", "TheilSenRegressor"),
    (
        "linear",
        "linear_objectives.LeastSquaresSurgeon",
        "LinearRegression OrthogonalMatchingPursuit",
    ),
    ("linear", "linear_objectives.RidgeSurgeon", "Ridge RidgeCV RidgeClassifier RidgeClassifierCV"),
    ("linear", "linear_objectives.ElasticNetSurgeon", "ElasticNet ElasticNetCV Lasso"),
    ("linear", "linear_objectives.LassoCVSurgeon", "LassoCV"),
    ("linear", "linear_objectives.MultiTaskSurgeon", "MultiTaskElasticNet"),
    ("linear", "linear_objectives.LarsSurgeon", "Lars LassoLars"),
    ("linear", "linear_objectives.LassoLarsCVSurgeon", "LassoLarsCV LassoLarsIC"),
    ("linear", "linear_objectives.DiscriminantSurgeon", "LinearDiscriminantAnalysis"),
    ("linear", "linear_objectives.LogisticSurgeon", "LogisticRegression"),
    ("linear", "linear_objectives.LogisticCVSurgeon", "LogisticRegressionCV"),
    ("linear", "linear_objectives.PoissonSurgeon", "PoissonRegressor"),
    ("linear", "linear_objectives.GammaSurgeon", "GammaRegressor"),
    ("linear", "linear_objectives.TweedieSurgeon", "TweedieRegressor"),
    ("linear", "linear_objectives.HuberSurgeon", "HuberRegressor"),
    ("linear", "linear_objectives.QuantileSurgeon", "QuantileRegressor"),
    ("linear", "linear_objectives.LinearSVMSurgeon", "LinearSVC LinearSVR"),
    ("linear", "linear_objectives.SGDSurgeon", "SGD*"),
    ("linear", "linear_objectives.PerceptronSurgeon", "Perceptron"),
    ("neural", "neural.NeuralSurgeon", "MLP*"),
    ("svm", "svm.SVMSurgeon", "SVC NuSVC SVR NuSVR OneClassSVM"),
)
SURGEONS |= _entries(
    "xgboost", ("tree", "xgboost_models.XGBoostSurgeon", "XGBClassifier XGBRegressor XGBRF*")
)
SURGEONS |= _entries("lightgbm", ("tree", "lightgbm_models.LightGBMSurgeon", "LGBM*"))
# Readers of the members of ensembles.
MEMBERS = _entries(
    "sklearn",
    ("ensemble", "members.ForestMembers", "RandomForest* ExtraTrees*"),
    ("ensemble", "members.BaggingMembers", "Bagging*"),
    ("ensemble", "members.AdaBoostMembers", "AdaBoost*"),
    ("ensemble", "members.VotingMembers", "Voting*"),
    ("ensemble", "members.StageMembers", "GradientBoosting* HistGradientBoosting*"),
)
MEMBERS |= _entries("xgboost", ("ensemble", "members.StageMembers", "XGBClassifier XGBRegressor"))
MEMBERS |= _entries("lightgbm", ("ensemble", "members.StageMembers", "LGBM*"))
# Readers of fitted pipelines by their steps. They are measured; a pruner goes around the last step.
PIPELINES = {
    ("sklearn.RandomTreesEmbedding", "sklearn.LogisticRegression"): Entry(
        "embedded", f"{__package__}.embedded", "EmbeddedTreesSurgeon"
    )
}
ANY_MEMBERS = (
    "has no units of its own that are pruned, measured or stored in fewer bits, as its members may "
    "be of any class. EnsemblePruner removes whole members; measure each member by itself"
)
VOTING = (
    "has no units of its own that are pruned or stored in fewer bits, as its members may be of "
    "any class. EnsemblePruner removes whole members, and other pruners go around each of them"
)
ANY_ESTIMATOR = "Distiller, SamplePruner and all pruners of features take any estimator"
RANKER = (
    "ranks samples in groups, which no pruner of models and no search takes. Prune a classifier or "
    "a regressor of the same library instead"
)
CATBOOST = f"is not read: its trees are not those of other boosters. {ANY_ESTIMATOR}"
# Models that are known and refused, with the reason.
REFUSED = {
    "sklearn.IsolationForest": (
        "cannot be pruned: it caches the path lengths of every leaf, and its scores would be "
        "silently wrong after a cut"
    ),
    "xgboost.XGBRanker": RANKER,
    "lightgbm.LGBMRanker": RANKER,
    "catboost.CatBoost": CATBOOST,
    "sklearn.VotingClassifier": VOTING,
    "sklearn.VotingRegressor": VOTING,
    "sklearn.Pipeline": (
        "cannot be pruned: only models are; put the pruner around the last step, inside the "
        "pipeline, as make_pruner does"
    ),
}


def surgeon_type(model, *, family=None):
    """Return the surgeon class for a model, fitted or not.

    Parameters
    ----------
    model : estimator
        A model of a known class, or of a subclass of one.
    family : {"tree", "linear", "neural", "svm"}, default=None
        Family that the model has to belong to; any if None.

    Returns
    -------
    type
        A subclass of `Surgeon`.

    Raises
    ------
    UnsupportedModelError
        If there is no surgeon for the model; the message lists the known models.
    """
    return _find_surgeon(model, family).load()


def surgeon_for(model, *, family=None):
    """Return a surgeon that has read a fitted model.

    Parameters
    ----------
    model : fitted estimator
        A model of a known class, or of a subclass of one.
    family
        As for `surgeon_type`.

    Returns
    -------
    Surgeon
        Its reader and writer.

    Raises
    ------
    UnsupportedModelError
        If there is no surgeon for the model.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    """
    return surgeon_type(model, family=family)(model)


def has_surgeon(model, *, family=None):
    """Return whether there is a surgeon for a model, fitted or not; as `surgeon_type`."""
    return _is_found(_find_surgeon, model, family)


def family_of(model):
    """Return the family of a model, fitted or not: "tree", "linear", "neural" or "svm".

    For trees that are features of a logistic regression: "embedded".

    Models and errors as for `surgeon_type`.
    """
    return _find_surgeon(model).family


def models_of(surgeon):
    """Return the names of the models that a surgeon class reads; set of str."""
    place = surgeon.__module__, surgeon.__name__
    return {name for name, entry in SURGEONS.items() if entry[1:] == place}


def members_type(model):
    """Return the reader of the members of an ensemble, fitted or not.

    Parameters
    ----------
    model : estimator
        A model of a known class, or of a subclass of one.

    Returns
    -------
    type
        A subclass of `Members`.

    Raises
    ------
    UnsupportedModelError
        If the model is not a known ensemble; the message lists the known ones.
    """
    return _find_members(model).load()


def members_for(model):
    """Return a reader of members that has read a fitted ensemble.

    Parameters
    ----------
    model : fitted estimator
        A model of a known class, or of a subclass of one.

    Returns
    -------
    Members
        Its members.
    """
    return members_type(model)(model)


def has_members(model):
    """Return whether the members of a model, fitted or not, can be read."""
    return _is_found(_find_members, model)


def class_name(cls):
    """Return the name of a class in the registry, whether or not it is there."""
    return f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}"


def registered_class(model):
    """Return the nearest class in the registry that a model is an instance of."""
    return next(cls for cls in type(model).__mro__ if class_name(cls) in SURGEONS)


def _find_surgeon(model, family=None):
    steps = getattr(model, "steps", None)
    if family is None and isinstance(steps, list):
        found = PIPELINES.get(tuple(class_name(type(step)) for _, step in steps))
        if found is not None:
            return found
    return _find(model, SURGEONS, "is not a model that skprune can prune", family)


def _find_members(model):
    return _find(model, MEMBERS, "has no members that skprune can choose among")


def _find(model, entries, complaint, family=None):
    """Return the entry of the nearest class that has one, whose reader has checked the model."""

    def is_known(name):
        return name in entries and family in {None, entries[name].family}

    if isinstance(model, type):
        msg = f"{model.__name__} is a class; give an instance of it."
        raise UnsupportedModelError(msg)
    for name in map(class_name, type(model).__mro__):
        if is_known(name):
            entries[name].load().check(model)
            return entries[name]
        if name in REFUSED:
            msg = f"{type(model).__name__} {REFUSED[name]}."
            raise UnsupportedModelError(msg)
    names = ", ".join(sorted(name.rpartition(".")[2] for name in filter(is_known, entries)))
    msg = f"{type(model).__name__} {complaint}. Known are: {names}."
    raise UnsupportedModelError(msg)


def _is_found(find, *arguments):
    try:
        find(*arguments)
    except UnsupportedModelError:
        return False
    return True
