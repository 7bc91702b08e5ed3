"""The base of the surgeons of ensembles whose members are trees by choice."""

from skprune.exceptions import UnsupportedModelError
from skprune.surgery._registry import class_name, models_of
from skprune.surgery.trees import TreeSurgeon


class WrappedTreesSurgeon(TreeSurgeon):
    """Base of the surgeons of ensembles that take any model as `estimator`: a tree is needed."""

    @classmethod
    def check(cls, model):
        """Raise an error if members are not trees; None is a decision tree."""
        if model.estimator is not None:
            check_members(model, [model.estimator])

    def _members(self):
        check_members(self.model, self.model.estimators_)
        return self.model.estimators_


def check_members(model, members):
    """Raise an error for an ensemble whose members are not plain decision trees.

    Parameters
    ----------
    model : estimator
        The ensemble.
    members : list of estimator
        Its members, or the template of them.

    Raises
    ------
    UnsupportedModelError
        If a member is not a tree; the message lists the allowed ones.
    """
    allowed = models_of(TreeSurgeon)
    others = {type(m).__name__ for m in members if class_name(type(m)) not in allowed}
    if others:
        msg = (
            f"{type(model).__name__} holds members of type {', '.join(sorted(others))}, "
            "but only ensembles of trees have units within their members that are pruned, measured "
            "or stored in fewer bits. Allowed members: "
            f"{', '.join(sorted(name.rpartition('.')[2] for name in allowed))}. EnsemblePruner "
            "removes whole members, of any class."
        )
        raise UnsupportedModelError(msg)
