"""What a chosen model is compared with: the whole one, a random one, one from scratch."""

import warnings

from sklearn.base import clone
from sklearn.feature_selection import SelectorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skprune.base import BaseModelPruner
from skprune.exceptions import PruningError, PruningWarning
from skprune.feature_selection import RandomPruner
from skprune.inspection._scratch import untrained

# Leaves of each tree of a small forest that is trained from scratch.
LEAVES_EACH = 8
LEAVES = ("max_leaf_nodes", "num_leaves", "max_leaves")
MEMBERS = ("n_estimators", "max_iter", "iterations")


class Baselines:
    """The models that a chosen one is compared with.

    Parameters
    ----------
    chosen : estimator
        The fitted pruner, or a pipeline that holds one.
    found : FoundStep
        Its pruner or selector.
    train : tuple of (X, y), or None
        Training samples; without them only what the pruner holds is known.

    Attributes
    ----------
    models : dict of str to estimator
        Fitted; the whole model is the first if there is one.
    missing : list of str
        Why models are missing.
    """

    def __init__(self, chosen, found, train):
        self.chosen, self.found, self.train = chosen, found, train
        self.models, self.missing = {}, []
        whole = self._whole_of_path()
        if whole is not None:
            self.models["whole"] = whole
        else:
            self._add("whole", self._whole)
        self.models["chosen"] = chosen
        self._add("pruned at random", self._random)
        if self._prunes_model:
            self._add("from scratch", self._scratch)

    @property
    def _prunes_model(self):
        return not isinstance(self.found.step, SelectorMixin)

    def _add(self, name, make):
        """Add a model that is fitted to the training samples, or a reason why it is missing."""
        if self.train is None:
            self.missing.append(f"No model “{name}” was compared, as report was given no train.")
            return
        try:
            model = make()
            if model is None:
                self.missing.append(f"No model “{name}” is known for this estimator.")
                return
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PruningWarning)
                self.models[name] = model.fit(*self.train)
        except PruningError as error:
            self.missing.append(f"No model “{name}” was compared: {error}")

    def _whole_of_path(self):
        """Return the whole model that a pruner holds, behind the steps before it; else None."""
        step = self.found.step
        if isinstance(step, BaseModelPruner) and hasattr(step, "path_"):
            whole = step.path_.cut(index=0)
        elif hasattr(step, "teacher_"):
            whole = step.teacher_
        else:
            return None
        return self._instead(whole, fitted=True)

    def _instead(self, model, *, fitted=False):
        """Return the chosen estimator with another model at the place of the pruner, or None."""
        steps = self.found.path.split("__") if self.found.path else []
        return self._replace(self.chosen, steps, model, fitted=fitted)

    def _replace(self, outer, steps, model, *, fitted):
        if not steps:
            return model if outer is self.found.step else None
        if not isinstance(outer, Pipeline) or steps[0] not in outer.named_steps:
            return None
        inside = self._replace(outer.named_steps[steps[0]], steps[1:], model, fitted=fitted)
        if inside is None:
            return None
        others = [
            (name, inside if name == steps[0] else step if fitted else clone(step))
            for name, step in outer.steps
        ]
        return Pipeline(others, memory=None if fitted else outer.memory)

    def _whole(self):
        if self._prunes_model:
            given = getattr(self.found.step, "estimator", None)
            return None if given is None else self._instead(clone(given))
        return self._instead("passthrough")

    def _random(self):
        pruner = self.found.step
        if not self._prunes_model:
            mask = pruner.get_support()
            if mask.all():
                return None
            return self._instead(RandomPruner(keep=int(mask.sum()), random_state=0))
        if not self._knows_random() or pruner.keep_mask_.all():
            return None
        params = pruner.get_params(deep=False)
        given = {"unit": params["unit"]} if "unit" in params else {}
        units, whole = int(pruner.keep_mask_.sum()), len(pruner.keep_mask_)
        if hasattr(pruner, "path_"):
            path = pruner.path_
            units = int(path.units[pruner._row_of_level(path, pruner._level_params())])
            whole = int(path.units[0])
        # Of a share below the smallest level, that level is taken.
        level = {"keep": units / whole if units < whole else 1.0}
        same = {"criterion": "random", "random_state": 0}
        return self._instead(type(pruner)(clone(pruner.estimator), **same, **given, **level))

    def _knows_random(self):
        rules = type(self.found.step)._parameter_constraints.get("criterion", [])
        return any("random" in getattr(rule, "options", ()) for rule in rules)

    def _scratch(self):
        """Return an unfitted model of the size of the chosen one; None if none is known."""
        pruner = self.found.step
        network = untrained(pruner)
        if network is not None:
            return self._instead(network)
        inner = getattr(pruner, "estimator", None)
        if inner is None:
            return None
        inner = clone(inner.estimator if isinstance(inner, FrozenEstimator) else inner)
        params = inner.get_params()
        leaves = next((name for name in LEAVES if name in params), None)
        report = pruner.report_
        if leaves is None or "leaves" not in report:
            return self._fewer_members(inner, params, report)
        units = int(report["leaves"].sum())
        members = next((name for name in MEMBERS if name in params), None)
        if members is None:
            return self._instead(inner.set_params(**{leaves: max(2, units)}))
        rounds = max(1, round(len(report) / params[members]))  # trees of a round of boosting
        n_members = max(1, min(params[members], units // (LEAVES_EACH * rounds)))
        each = max(2, round(units / (n_members * rounds)))
        return self._instead(inner.set_params(**{members: n_members, leaves: each}))

    def _fewer_members(self, inner, params, report):
        """Return an ensemble of as many members as are kept."""
        members = next((name for name in MEMBERS if name in params), None)
        if report.index.name != "member" or members is None:
            return None
        return self._instead(inner.set_params(**{members: int(report["kept"].sum())}))


def class_change(pruner):
    """Return a sentence if the pruned model is of another class than the whole one."""
    given = getattr(pruner, "estimator", pruner.estimator_)
    given = given.estimator if isinstance(given, FrozenEstimator) else given
    before, after = (type(model).__name__ for model in (given, pruner.estimator_))
    if before == after:
        return ""
    return f"The whole model is a {before}; the pruned one is stored as a {after}."
