"""Surgery for XGBoost: the JSON form of a saved booster."""

import json

import numpy as np

from skprune._compat import import_extra, n_rows_of, rows_of
from skprune.arrays.nodes import NO_NODE
from skprune.surgery._checks import require, require_indices
from skprune.surgery.boosters import BoosterSurgeon, Kept, SavedTree, refuse_fields, refused
from skprune.surgery.boosting import compact_stages

# What a root has as its parent, and what marks the split of a node that was deleted.
NO_PARENT = DELETED = 2**31 - 1
# Fields of a tree with one value per node, and the types of those that are read.
OF_NODES = {
    "base_weights": float,
    "default_left": bool,
    "left_children": int,
    "loss_changes": float,
    "parents": int,
    "right_children": int,
    "split_conditions": np.float32,
    "split_indices": int,
    "split_type": int,
    "sum_hessian": float,
}
OF_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
LEARNER = {
    "attributes",
    "feature_names",
    "feature_types",
    "gradient_booster",
    "learner_model_param",
    "objective",
}
FOREST = {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"}
SIZES = {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"}
# Bytes of a node in the saved arrays: six numbers and children of 4 bytes, and two of one byte.
NODE_BYTES, CATEGORY_BYTES = 34, 4
# Attributes of a booster, and of its estimator, that describe all stages together.
OF_THE_FIT = ("best_iteration", "best_score")
LOSSES = {
    "reg:squarederror": "squared_error",
    "reg:absoluteerror": "absolute_error",
    "reg:quantileerror": "quantile",
    "reg:gamma": "gamma",
    "count:poisson": "poisson",
    "binary:logistic": "log_loss",
    "multi:softprob": "log_loss",
    "multi:softmax": "log_loss",
}


class XGBoostSurgeon(BoosterSurgeon):
    """Reads and cuts XGBoost.

    Thresholds, values and sums of them are single-precision numbers. A sample goes left if its
    value is less than the stored threshold; ``table.threshold`` is the largest number that is.
    For a split by categories `table` has the feature but not the categories, which `apply` leaves
    to the model.
    """

    @classmethod
    def check(cls, model):
        """Raise an error for boosters whose trees are not the whole model."""
        booster = model.booster or "gbtree"
        if booster != "gbtree":
            reason = {
                "dart": "of booster='dart' scales each tree by a weight of its own, which a cut "
                "would have to change. Use booster='gbtree'",
                "gblinear": "of booster='gblinear' has no trees. Use booster='gbtree'",
            }.get(booster, f"of booster={booster!r} is not known")
            raise refused(model, reason)
        if model.multi_strategy == "multi_output_tree":
            reason = (
                "of multi_strategy='multi_output_tree' has leaves that are vectors, which are not "
                "read. Use multi_strategy='one_output_per_tree'"
            )
            raise refused(model, reason)

    def _read_trees(self):
        self._document = json.loads(self.model.get_booster().save_raw("json"))
        learner = self._document["learner"]
        refuse_fields(self.model, "The booster", self._document, {"learner", "version"})
        refuse_fields(self.model, "The booster", learner, LEARNER)
        boosting = learner["gradient_booster"]
        if boosting["name"] != "gbtree":
            raise refused(self.model, f"holds a booster of the kind {boosting['name']!r}")
        refuse_fields(self.model, "The booster", boosting, {"model", "name"})
        refuse_fields(self.model, "The booster", boosting["model"], FOREST)
        self._n_parallel = int(boosting["model"]["gbtree_model_param"]["num_parallel_tree"])
        return self._predicting(boosting["model"])

    def _predicting(self, forest):
        """Return the trees of the stages that predict."""
        starts, column = forest["iteration_indptr"], np.array(forest["tree_info"], dtype=np.intp)
        model, n_stored = self.model, len(starts) - 1
        best = self._document["learner"]["attributes"].get("best_iteration")
        n_stages = n_stored if best is None else min(n_stored, int(best) + 1)
        column = column[: starts[n_stages]]
        width = int(column.max(initial=0)) + 1
        stage = np.repeat(np.arange(width), self._n_parallel)
        is_forest = self._n_parallel > 1
        if is_forest and n_stages > 1:
            reason = (
                f"of num_parallel_tree={self._n_parallel} boosts forests, whose stages of several "
                "trees each are not read. Use num_parallel_tree=1, or a random forest of one stage"
            )
            raise refused(model, reason)
        fits = np.array_equal(column, np.tile(stage, n_stages))
        require(fits, model, "its stages have other numbers of trees", "each has one per score")
        self._width, self._column = width, column
        # The nodes of trees that training deleted some of, by their former numbers.
        self._places: dict[int, np.ndarray] = {}
        return [self._tree(t, tree) for t, tree in enumerate(forest["trees"][: len(column)])]

    def _tree(self, index, saved):
        known = {*OF_NODES, *OF_CATEGORIES, "id", "tree_param"}
        if "leaf_weights" in saved or saved["tree_param"]["size_leaf_vector"] not in {"0", "1"}:
            raise refused(self.model, "has leaves that are vectors, which are not read")
        refuse_fields(self.model, "A tree", saved, known)
        refuse_fields(self.model, "A tree", saved["tree_param"], SIZES)
        node: dict[str, np.ndarray] = {
            name: np.array(saved[name], dtype=kind) for name, kind in OF_NODES.items()
        }
        lengths = {len(values) for values in node.values()}
        given = f"the arrays of a tree have lengths {lengths}"
        require(len(lengths) == 1, self.model, given, "a tree has one value per node")
        if (node["split_indices"] == DELETED).any():
            saved, node, self._places[index] = _without_deleted(saved, node, self.model)
        is_leaf, at = node["left_children"] == NO_NODE, node["split_conditions"]
        by_category = (node["split_type"] != 0) & ~is_leaf
        return SavedTree(
            saved,
            node["left_children"],
            node["right_children"],
            node["split_indices"],
            np.where(by_category, 0.0, np.nextafter(at, np.float32(-np.inf)).astype(float)),
            node["default_left"],
            ~by_category,
            np.where(is_leaf, at, 0.0).astype(float),
            node["sum_hessian"],
            node["loss_changes"],
        )

    @property
    def n_values_per_stage(self):
        """Trees per stage, the number of raw scores."""
        return self._width

    @property
    def tree_column(self):
        """Which raw score each tree adds to; ndarray of int, shape (n_trees,)."""
        return self._column

    @property
    def n_outputs(self):
        """Number of targets."""
        if self.is_classifier or self.loss == "quantile":
            return 1
        return int(self._document["learner"]["learner_model_param"].get("num_target", 1))

    @property
    def loss(self):
        """Name of the loss that is minimised, or of the objective of XGBoost without one."""
        name = self._document["learner"]["objective"]["name"]
        return LOSSES.get(name, name)

    @property
    def loss_level(self):
        """Level of the quantile that is predicted; NaN if there are several."""
        text = self._document["learner"]["objective"]["quantile_loss_param"]["quantile_alpha"]
        levels = np.atleast_1d(json.loads(text))
        return float(levels[0]) if len(levels) == 1 else np.nan

    @property
    def positive_weight(self):
        """Factor of the weights of the second class of two."""
        weights = self._document["learner"]["objective"].get("reg_loss_param", {})
        return float(weights.get("scale_pos_weight", 1.0))

    def _grid(self, n_trees):
        """Return the indices of trees by stage, or place in the forest, and column."""
        if self._n_parallel > 1:
            return np.arange(n_trees).reshape(self._width, -1).T
        return np.arange(n_trees).reshape(-1, self._width)

    def _arrange(self, keep_tree):
        grid = self._grid(len(keep_tree))
        grid = np.take_along_axis(grid, compact_stages(keep_tree[grid]), axis=0)
        return (grid.T if self._n_parallel > 1 else grid).ravel()

    def _split_sizes(self):
        n_bytes = np.full(self.table.n_nodes, 2 * NODE_BYTES)
        for tree, first in zip(self._trees, self.table.roots, strict=True):
            nodes = np.array(tree.saved["categories_nodes"], dtype=np.intp)
            sizes = np.array(tree.saved["categories_sizes"], dtype=np.intp)
            # A set of categories has a node, a segment and a size besides.
            n_bytes[first + nodes] += CATEGORY_BYTES * (sizes + 3)
        return np.full(self.table.n_nodes, 3), n_bytes

    def size(self):
        """Return leaves, parameters and bytes of the model; a tuple of int."""
        table = self.table
        n_bytes = self._split_sizes()[1][table.is_split].sum() + NODE_BYTES * table.n_trees
        return table.n_leaves, 2 * table.n_splits + table.n_leaves, int(n_bytes)

    def _leaves(self, X):
        leaf = np.asarray(self.model.apply(X)).reshape(-1, len(self._trees)).astype(np.intp).T
        for t, place in self._places.items():
            leaf[t] = place[leaf[t]]
        return leaf

    def raw_init(self, X):
        """Return the raw scores before the first stage; see `BoostingSurgeon.raw_init`."""
        leaf = Kept(np.zeros(1, np.intp), np.full(1, NO_NODE), np.full(1, NO_NODE), np.zeros(1))
        trees = self._grid(len(self._trees))[0]
        empty = self._with_trees([self._written(t, leaf) for t in trees], trees, 1, whole=False)
        start = empty.predict(rows_of(X, np.zeros(1, dtype=np.intp)), output_margin=True)
        return np.tile(start.reshape(1, -1).astype(float), (n_rows_of(X), 1))

    def _written(self, tree, kept):
        kept = _siblings_adjacent(kept)
        saved, nodes, is_leaf = self._trees[tree].saved, kept.nodes, kept.left == NO_NODE
        new = {name: np.array(saved[name])[nodes] for name in OF_NODES}
        parents = np.full(len(nodes), NO_PARENT)
        for child in (kept.left, kept.right):
            parents[child[~is_leaf]] = np.flatnonzero(~is_leaf)
        new |= {"left_children": kept.left, "right_children": kept.right, "parents": parents}
        for name in ("default_left", "loss_changes", "split_indices", "split_type"):
            new[name] = np.where(is_leaf, 0, new[name])
        new = {name: values.tolist() for name, values in new.items()}
        for node in np.flatnonzero(is_leaf):
            # The shortest decimal that is the same number in single precision.
            value = float(str(np.float32(kept.value[node])))
            new["split_conditions"][node] = new["base_weights"][node] = value
        sizes = saved["tree_param"] | {"num_nodes": str(len(nodes)), "num_deleted": "0"}
        return saved | new | _categories(saved, nodes, is_leaf) | {"tree_param": sizes}

    def _with_trees(self, saved, trees, n_stages, *, whole):
        forest = n_stages if self._n_parallel > 1 else 1
        n_rounds = 1 if self._n_parallel > 1 else n_stages
        stored = self._saved_booster(saved, self._column[trees], n_rounds, forest)
        attributes = stored["learner"]["attributes"]
        if not whole:
            for name in OF_THE_FIT:
                attributes.pop(name, None)
        model = self._shell(_Booster=None)
        model._Booster = _load(stored, model)
        if not whole:
            vars(model).pop("evals_result_", None)
        if self._n_parallel > 1:
            if n_stages != self._n_parallel:
                name = "num_parallel_tree" if model.num_parallel_tree else "n_estimators"
                setattr(model, name, n_stages)
        elif len(saved) != len(self._trees):
            model.n_estimators = n_stages
        return model

    def _saved_booster(self, saved, column, n_rounds, forest):
        """Return the saved form of a booster of other trees."""
        learner = self._document["learner"]
        old = learner["gradient_booster"]["model"]
        per_round = len(saved) // max(n_rounds, 1)
        sizes = {"num_trees": str(len(saved)), "num_parallel_tree": str(forest)}
        new = old | {
            "gbtree_model_param": old["gbtree_model_param"] | sizes,
            "iteration_indptr": [per_round * i for i in range(n_rounds + 1)],
            "tree_info": column.tolist(),
            "trees": [tree | {"id": i} for i, tree in enumerate(saved)],
        }
        boosting = learner["gradient_booster"] | {"model": new}
        attributes = dict(learner["attributes"])
        return self._document | {
            "learner": learner | {"gradient_booster": boosting, "attributes": attributes}
        }


def _load(stored, model):
    xgboost = import_extra("xgboost", "boosting", "A booster of XGBoost")
    params = {"nthread": model.n_jobs, "device": model.device}
    booster = xgboost.Booster({name: given for name, given in params.items() if given is not None})
    booster.load_model(bytearray(json.dumps(stored).encode()))
    return booster


def _siblings_adjacent(kept):
    """Return the nodes of a tree in breadth-first order.

    XGBoost grows both children of a split together, and parts of it take the right one to be the
    node after the left one.
    """
    levels = [np.zeros(1, dtype=np.intp)]
    while (splits := levels[-1][kept.left[levels[-1]] != NO_NODE]).size:
        levels.append(np.column_stack([kept.left[splits], kept.right[splits]]).ravel())
    order = np.concatenate(levels)
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    left, right = (
        np.where(child[order] == NO_NODE, NO_NODE, place[child[order]])
        for child in (kept.left, kept.right)
    )
    return Kept(kept.nodes[order], left, right, kept.value[order])


def _categories(saved, nodes, is_leaf):
    """Return the sets of categories of the kept splits of a tree."""
    place = {int(nodes[i]): int(i) for i in np.flatnonzero(~is_leaf)}
    new: dict[str, list[int]] = {name: [] for name in OF_CATEGORIES}
    sets = zip(
        saved["categories_nodes"],
        saved["categories_segments"],
        saved["categories_sizes"],
        strict=True,
    )
    kept = sorted((place[node], first, size) for node, first, size in sets if node in place)
    for node, first, size in kept:
        new["categories_nodes"].append(node)
        new["categories_segments"].append(len(new["categories"]))
        new["categories_sizes"].append(size)
        new["categories"] += saved["categories"][first : first + size]
    return new


def _without_deleted(saved, node, model):
    """Return a tree, its arrays, and the new places of nodes, without those that were deleted."""
    kept = np.flatnonzero(node["split_indices"] != DELETED)
    place = np.full(len(node["parents"]), NO_NODE)
    place[kept] = np.arange(len(kept))
    links = {}
    for name in ("left_children", "right_children", "parents"):
        number = node[name][kept]
        known = (number != NO_NODE) & (number != NO_PARENT)
        require_indices(model, name, number[known], len(place))
        links[name] = np.where(known, place[np.where(known, number, 0)], number)
    new = {name: values[kept] for name, values in node.items()} | links
    lists = {name: np.array(saved[name])[kept].tolist() for name in OF_NODES}
    lists |= {name: values.tolist() for name, values in links.items()}
    lists |= _categories(saved, kept, np.zeros(len(kept), dtype=bool))
    sizes = saved["tree_param"] | {"num_nodes": str(len(kept)), "num_deleted": "0"}
    return saved | lists | {"tree_param": sizes}, new, place
