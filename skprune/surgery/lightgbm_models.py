"""Surgery for LightGBM: the text form of a saved booster."""

import copy
from collections import defaultdict

import numpy as np

from skprune._compat import import_extra, n_rows_of
from skprune.arrays.nodes import NO_NODE
from skprune.surgery import _lightgbm_text as texts
from skprune.surgery._checks import require, require_indices
from skprune.surgery.boosters import BoosterSurgeon, SavedTree, refuse_fields, refused

HEAD = {
    "tree",
    "version",
    "num_class",
    "num_tree_per_iteration",
    "label_index",
    "max_feature_idx",
    "objective",
    "average_output",
    "feature_names",
    "monotone_constraints",
    "feature_infos",
}
# Bits of the type of a decision: by categories, NaN goes left; and from the third one on what is
# taken as missing.
CATEGORICAL, NAN_LEFT, MISSING_AT = 1, 2, 2
NONE_MISSING, ZERO_MISSING, NAN_MISSING = 0, 1, 2
# Bytes of the saved arrays per split and per leaf, and of a word of a set of categories.
SPLIT_BYTES, LEAF_BYTES, WORD_BYTES = 45, 20, 4
LOSSES = {
    "regression": "squared_error",
    "regression_l1": "absolute_error",
    "quantile": "quantile",
    "huber": "huber",
    "poisson": "poisson",
    "gamma": "gamma",
    "binary": "log_loss",
    "multiclass": "log_loss",
}


class LightGBMSurgeon(BoosterSurgeon):
    """Reads and cuts LightGBM.

    For a split by categories, and for one that takes zero as missing, `table` has the feature but
    not the whole decision, which `apply` leaves to the model. The base score is part of the first
    stage.
    """

    compares_in = np.float64
    has_start = False

    @classmethod
    def check(cls, model):
        """Raise an error for boosters whose trees are not sums of numbers."""
        given = model.get_params()
        if given.get("boosting", model.boosting_type) in {"rf", "random_forest"}:
            reason = (
                "of boosting_type='rf' averages its trees, and is not read. Use a random forest of "
                "scikit-learn"
            )
            raise refused(model, reason)
        if given.get("boosting", model.boosting_type) == "dart":
            reason = "of boosting_type='dart' is not read. Use boosting_type='gbdt'"
            raise refused(model, reason)
        if given.get("linear_tree", False):
            raise refused(model, LINEAR)

    def _read_trees(self):
        booster = self.model.booster_
        self._document = document = texts.parse(booster.model_to_string(num_iteration=-1))
        refuse_fields(self.model, "The booster", document.fields, HEAD)
        if "average_output" in document.fields:
            raise refused(self.model, "averages its trees, and is not read")
        width = int(document.fields["num_tree_per_iteration"])
        n_trees = len(document.trees)
        given = f"it has {n_trees} trees for {width} raw scores"
        require(width > 0 and n_trees % width == 0, self.model, given, "each stage has one of each")
        n_stored = n_trees // width
        best = self.model.best_iteration_ or 0
        n_stages = min(best, n_stored) if best > 0 else n_stored
        return [self._tree(tree) for tree in document.trees[: n_stages * width]]

    def _tree(self, saved):
        if saved.get("is_linear", "0") != "0":
            raise refused(self.model, LINEAR)
        refuse_fields(self.model, "A tree", saved, texts.OF_TREES)
        n_splits = int(saved["num_leaves"]) - 1

        def numbers(name, kind=float):
            values = np.array(saved[name].split(), dtype=kind)
            n_values = n_splits + (name in texts.OF_LEAVES)
            given = f"{name} has {len(values)} values"
            require(len(values) == n_values, self.model, given, f"give {n_values}")
            return values

        kinds, threshold = numbers("decision_type", np.intp), numbers("threshold")
        missing = kinds >> MISSING_AT
        known = np.isin(missing, [NONE_MISSING, ZERO_MISSING, NAN_MISSING])
        require(known.all(), self.model, "a decision_type is not known", "fit it again")
        # Where nothing is missing, NaN is taken as 0.
        nan_left = np.where(missing == NONE_MISSING, threshold >= 0, (kinds & NAN_LEFT) != 0)
        ordered = ((kinds & CATEGORICAL) == 0) & (missing != ZERO_MISSING)
        left, right = (
            np.where(child < 0, n_splits + ~child, child)
            for child in (numbers("left_child", np.intp), numbers("right_child", np.intp))
        )
        weight = numbers("leaf_weight") if n_splits else np.ones(1)
        none, ends = np.full(n_splits + 1, NO_NODE), np.zeros(n_splits + 1)
        return SavedTree(
            saved,
            np.concatenate([left, none]),
            np.concatenate([right, none]),
            np.concatenate([numbers("split_feature", np.intp), none]),
            np.concatenate([threshold, ends]),
            np.concatenate([nan_left, ends]).astype(bool),
            np.concatenate([ordered, ends == 0]),
            np.concatenate([np.zeros(n_splits), numbers("leaf_value")]),
            np.concatenate([numbers("internal_weight"), weight]),
            np.concatenate([numbers("split_gain"), ends]),
        )

    @property
    def n_values_per_stage(self):
        """Trees per stage, the number of raw scores."""
        return int(self._document.fields["num_tree_per_iteration"])

    @property
    def loss(self):
        """Name of the loss that is minimised, or the objective of LightGBM without one."""
        name = self._document.fields.get("objective", "custom")
        first, *settings = name.split(" ")
        usual = {"sigmoid:1", f"num_class:{self._document.fields['num_class']}"}
        return LOSSES.get(first, name) if set(settings) <= usual else name

    @property
    def loss_level(self):
        """Level of the quantile that is predicted."""
        return float(self._document.parameters["alpha"])

    @property
    def loss_delta(self):
        """Absolute residual from which on the Huber loss is linear, in units of the target."""
        return float(self._document.parameters["alpha"])

    @property
    def positive_weight(self):
        """Factor of the weights of the second class of two; NaN if the samples decide."""
        parameters = self._document.parameters
        balanced = parameters.get("is_unbalance", "0") != "0"
        return np.nan if balanced else float(parameters.get("scale_pos_weight", 1.0))

    def _split_sizes(self):
        n_bytes = np.full(self.table.n_nodes, SPLIT_BYTES + LEAF_BYTES)
        for tree, first in zip(self._trees, self.table.roots, strict=True):
            if int(tree.saved["num_cat"]):
                words = np.diff(np.array(tree.saved["cat_boundaries"].split(), dtype=np.intp))
                kinds = np.array(tree.saved["decision_type"].split(), dtype=np.intp)
                splits = np.flatnonzero(kinds & CATEGORICAL)
                sets = np.array(tree.saved["threshold"].split(), dtype=float)[splits]
                require_indices(self.model, "threshold", sets.astype(np.intp), len(words))
                n_bytes[first + splits] += WORD_BYTES * (words[sets.astype(np.intp)] + 1)
        return np.full(self.table.n_nodes, 3), n_bytes

    def size(self):
        """Return leaves, parameters and bytes of the model; a tuple of int."""
        table = self.table
        n_bytes = self._split_sizes()[1][table.is_split].sum() + LEAF_BYTES * table.n_trees
        return table.n_leaves, 2 * table.n_splits + table.n_leaves, int(n_bytes)

    def bytes_of(self, n_nodes, n_leaves):
        """Return the bytes of models with so many nodes and leaves; the splits are ordered."""
        return SPLIT_BYTES * (n_nodes - n_leaves) + LEAF_BYTES * n_leaves

    def _leaves(self, X):
        leaf = np.asarray(self.model.predict(X, pred_leaf=True)).reshape(-1, len(self._trees))
        return leaf.astype(np.intp).T + np.diff(self.table.offsets)[:, np.newaxis] // 2

    def raw_init(self, X):
        """Return the raw scores before the first stage, which are 0."""
        return np.zeros((n_rows_of(X), self.n_values_per_stage))

    def _written(self, tree, kept):
        return texts.cut(self._trees[tree].saved, kept)

    def _with_trees(self, saved, trees, n_stages, *, whole):  # noqa: ARG002 - a hook
        lightgbm = import_extra("lightgbm", "boosting", "A booster of LightGBM")
        booster = lightgbm.Booster(model_str=texts.write(self._document, saved))
        old = self.model.booster_
        booster.params, booster.pandas_categorical = copy.deepcopy(
            (old.params, old.pandas_categorical)
        )
        model = self._shell(_Booster=None)
        if not whole:
            model._evals_result, model._best_score = {}, defaultdict(dict)
        stopped = whole and (self.model.best_iteration_ or 0) > 0
        model._best_iteration = booster.best_iteration = n_stages if stopped else 0
        model._Booster = booster
        if len(saved) != len(self._trees):
            model.n_estimators = n_stages
        return model


LINEAR = (
    "of linear_tree=True has leaves that are linear models, which are not read. Use "
    "linear_tree=False"
)
