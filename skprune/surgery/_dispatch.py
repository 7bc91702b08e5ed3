"""Model type to surgeon: the one place that knows which models can be taken apart."""

from types import MappingProxyType

from sklearn.ensemble import IsolationForest, VotingClassifier, VotingRegressor
from sklearn.pipeline import Pipeline

from skprune.exceptions import UnsupportedModelError
from skprune.surgery import boosting, forests, hist_boosting, linear, neural, svm, trees

TREE_SURGEONS = MappingProxyType(
    trees.SURGEONS | forests.SURGEONS | boosting.SURGEONS | hist_boosting.SURGEONS
)
LINEAR_SURGEONS = linear.SURGEONS
SVM_SURGEONS = svm.SURGEONS
NEURAL_SURGEONS = neural.SURGEONS
SURGEONS = MappingProxyType(TREE_SURGEONS | LINEAR_SURGEONS | SVM_SURGEONS | NEURAL_SURGEONS)

# Known, and refused for a reason.
REFUSED = MappingProxyType(
    {
        IsolationForest: (
            "it caches the path lengths of every leaf, and its scores would be silently "
            "wrong after a cut"
        ),
        VotingClassifier: "its members may be anything; EnsemblePruner removes some of them",
        VotingRegressor: "its members may be anything; EnsemblePruner removes some of them",
        Pipeline: (
            "only models are; put the pruner around the last step, inside the pipeline, as "
            "make_pruner does"
        ),
    }
)


def surgeon_type(model, known=SURGEONS):
    """Return the surgeon class for a model, fitted or not.

    Parameters
    ----------
    model : estimator
        A model, of a known type or a subclass of one.
    known : mapping of type to type, default=SURGEONS
        The surgeons to choose from, by model: all, or those of one family.

    Returns
    -------
    type
        Its surgeon.

    Raises
    ------
    UnsupportedModelError
        If no surgeon knows the type; the message lists the known ones.
    """
    return look_up(model, known, "is not a model that skprune can take apart")


def look_up(model, readers, complaint):
    """Return the reader of a model's type, the nearest in its line of classes.

    Parameters
    ----------
    model : estimator
        A model, fitted or not.
    readers : mapping of type to type
        Readers by model; each can `check` a model.
    complaint : str
        What an unknown model is told, after its name.

    Returns
    -------
    type
        The reader.

    Raises
    ------
    UnsupportedModelError
        If there is none, or the type is refused for a reason.
    """
    if isinstance(model, type):
        msg = f"{model.__name__} is a class; give an instance of it."
        raise UnsupportedModelError(msg)
    for cls in type(model).__mro__:
        if cls in readers:
            readers[cls].check(model)
            return readers[cls]
        if cls in REFUSED:
            msg = f"{type(model).__name__} cannot be pruned: {REFUSED[cls]}."
            raise UnsupportedModelError(msg)
    known = ", ".join(sorted(cls.__name__ for cls in readers))
    msg = f"{type(model).__name__} {complaint}. Known are: {known}."
    raise UnsupportedModelError(msg)


def surgeon_for(model, known=SURGEONS):
    """Return a surgeon that has read a fitted model.

    Parameters
    ----------
    model : fitted estimator
        A model, of a known type or a subclass of one.
    known : mapping of type to type, default=SURGEONS
        As for `surgeon_type`.

    Returns
    -------
    object
        Its reader and writer.

    Raises
    ------
    UnsupportedModelError
        If no surgeon knows the type.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    """
    return surgeon_type(model, known)(model)
