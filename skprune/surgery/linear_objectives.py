"""Surgeons of the linear models, by the objective that each model minimises."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.linear_model import ElasticNet, Lasso, LassoLars, LogisticRegression

from skprune.surgery.linear import LinearSurgeon

# Losses, by the name that the model gives them, that have `epsilon` for a parameter.
WITH_EPSILON = frozenset({"huber", "epsilon_insensitive", "squared_epsilon_insensitive"})


class LeastSquaresSurgeon(LinearSurgeon):
    """Least squares without a penalty."""

    fits_outputs_apart = may_be_smooth = True

    @property
    def is_least_squares(self):
        """Whether no coefficient is bound to be positive."""
        return not getattr(self.model, "positive", False)


class RidgeSurgeon(LeastSquaresSurgeon):
    """Least squares with an L2 penalty."""

    def __init__(self, model):
        super().__init__(model)
        self.fits_outputs_apart = not is_classifier(model)

    def l2_penalty(self, weight):  # noqa: ARG002 - the loss is a sum over samples
        """Return the L2 penalty; see `LinearSurgeon.l2_penalty`."""
        model = self.model
        return model.alpha_ if hasattr(model, "alpha_") else model.alpha


class ElasticNetSurgeon(LinearSurgeon):
    """Least squares with an L1 and an L2 penalty; the lasso has an L1 ratio of 1."""

    fits_outputs_apart = averages_squares = True

    def l2_penalty(self, weight):
        """Return the L2 penalty; see `LinearSurgeon.l2_penalty`."""
        alpha = getattr(self.model, "alpha_", getattr(self.model, "alpha", 0.0))
        return alpha * (1 - (self._l1_ratios or [1.0])[0]) * weight.sum()

    def with_fixed_penalty(self):
        """Return an unfitted model; see `LinearSurgeon.with_fixed_penalty`."""
        model = self.model
        if not hasattr(model, "alpha_"):
            return super().with_fixed_penalty()
        return self._with_own_parameters(ElasticNet(alpha=model.alpha_, l1_ratio=model.l1_ratio_))


class LassoCVSurgeon(ElasticNetSurgeon):
    """Lasso whose penalty is chosen by cross-validation."""

    def with_fixed_penalty(self):
        """Return an unfitted model; see `LinearSurgeon.with_fixed_penalty`."""
        return self._with_own_parameters(Lasso(alpha=self.model.alpha_))


class MultiTaskSurgeon(ElasticNetSurgeon):
    """Least squares with a penalty that selects features for all outputs together."""

    fits_outputs_apart = False
    joins_outputs = True


class LarsSurgeon(LinearSurgeon):
    """Least squares along the path of least angle regression."""

    fits_outputs_apart = True


class LassoLarsCVSurgeon(LarsSurgeon):
    """Lasso along that path whose penalty is chosen on it."""

    def with_fixed_penalty(self):
        """Return an unfitted model; see `LinearSurgeon.with_fixed_penalty`."""
        return self._with_own_parameters(LassoLars(alpha=self.model.alpha_))


class DiscriminantSurgeon(LinearSurgeon):
    """Linear discriminant analysis; its coefficients are refitted to the log-loss."""

    joins_outputs = True

    @property
    def loss(self):
        """Name of the loss; see `LinearSurgeon.loss`."""
        return ("softmax",)


class LogisticSurgeon(LinearSurgeon):
    """Logistic regression, of all classes together or of each one against the rest."""

    balances_by_weight = may_be_smooth = True

    @property
    def _fits_by_class(self):
        if getattr(self.model, "solver", None) == "liblinear":
            return True
        return getattr(self.model, "multi_class", None) == "ovr" and len(self.model.classes_) > 2

    @property
    def loss(self):
        """Name of the loss; see `LinearSurgeon.loss`."""
        return ("log_loss",) if self._fits_by_class else ("softmax",)

    @property
    def is_multinomial(self):
        """Whether the log-loss of all classes has no L1 penalty beside it."""
        penalty = getattr(self.model, "penalty", "deprecated")
        if self._fits_by_class or penalty == "l1":
            return False
        return penalty in {"l2", None} or not any(self._l1_ratios)

    def l2_penalty(self, weight):  # noqa: ARG002 - the loss is a sum over samples
        """Return the L2 penalty of each output; see `LinearSurgeon.l2_penalty`."""
        # `l1_ratio` is read by scikit-learn from 1.8 on, before for "elasticnet" only.
        named = {"l2": 1.0, "l1": 0.0, None: 0.0}
        penalty = getattr(self.model, "penalty", "deprecated")
        share = named[penalty] if penalty in named else 1 - (self._l1_ratios or [0.0])[0]
        C = self.model.C_ if hasattr(self.model, "C_") else self.model.C
        return share / np.ravel(C)


class LogisticCVSurgeon(LogisticSurgeon):
    """Logistic regression whose penalty is chosen by cross-validation."""

    def with_fixed_penalty(self):
        """Return an unfitted model; see `LinearSurgeon.with_fixed_penalty`."""
        if len(np.unique(self.model.C_)) > 1:
            return super().with_fixed_penalty()
        ratios = {"l1_ratio": self._l1_ratios[0]} if self._l1_ratios else {}
        return self._with_own_parameters(LogisticRegression(C=np.ravel(self.model.C_)[0], **ratios))


class PoissonSurgeon(LinearSurgeon):
    """Generalized linear regression with a log link: the Poisson deviance."""

    may_be_smooth = is_smooth = True
    power = 1

    @property
    def loss(self):
        """Name of the loss, and the power of its variance; see `LinearSurgeon.loss`."""
        return "deviance", self.power

    def l2_penalty(self, weight):
        """Return the L2 penalty; see `LinearSurgeon.l2_penalty`."""
        return self.model.alpha * weight.sum()


class GammaSurgeon(PoissonSurgeon):
    """Generalized linear regression with a log link: the Gamma deviance."""

    power = 2


class TweedieSurgeon(PoissonSurgeon):
    """Generalized linear regression with a log link or none."""

    @property
    def loss(self):
        """Name of the loss, and the power of its variance; see `LinearSurgeon.loss`."""
        model = self.model
        has_log = model.link == "log" or (model.link == "auto" and model.power > 0)
        return ("deviance", model.power) if has_log else ("squared_error",)


class HuberSurgeon(LinearSurgeon):
    """Huber regression, at the scale that it found."""

    @property
    def loss(self):
        """Name of the loss, and where it turns linear; see `LinearSurgeon.loss`."""
        return "huber", self.model.epsilon * self.model.scale_

    def l2_penalty(self, weight):  # noqa: ARG002 - the loss is a sum over samples
        """Return the L2 penalty; see `LinearSurgeon.l2_penalty`."""
        return self.model.alpha * self.model.scale_


class QuantileSurgeon(LinearSurgeon):
    """Quantile regression."""

    @property
    def loss(self):
        """Name of the loss, and the quantile; see `LinearSurgeon.loss`."""
        return "quantile", self.model.quantile


class NamedLossSurgeon(LinearSurgeon):
    """Models with a parameter that names the loss."""

    fits_outputs_apart = True

    @property
    def loss(self):
        """Name of the loss, and its `epsilon` if it has one; see `LinearSurgeon.loss`."""
        name = self.model.loss
        return (name, self.model.epsilon) if name in WITH_EPSILON else (name,)


class LinearSVMSurgeon(NamedLossSurgeon):
    """Linear support vector machines."""

    balances_by_weight = True

    def l2_penalty(self, weight):  # noqa: ARG002 - the loss is a sum over samples
        """Return the L2 penalty; see `LinearSurgeon.l2_penalty`."""
        return 0.0 if getattr(self.model, "penalty", "l2") == "l1" else 1 / self.model.C


class SGDSurgeon(NamedLossSurgeon):
    """Models that are trained by stochastic gradient descent."""

    def l2_penalty(self, weight):
        """Return the L2 penalty; see `LinearSurgeon.l2_penalty`."""
        model = self.model
        share = {"l2": 1.0, "elasticnet": 1 - model.l1_ratio}.get(model.penalty, 0.0)
        return model.alpha * share * len(weight)  # it counts samples, whatever their weights


class PerceptronSurgeon(SGDSurgeon):
    """Perceptron: hinge loss without a margin."""

    @property
    def loss(self):
        """Name of the loss; see `LinearSurgeon.loss`."""
        return ("perceptron",)
