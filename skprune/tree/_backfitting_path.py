"""The path of penalised backfitting, in which every level is refitted as a whole."""

import numpy as np

from skprune.base._path import tabulate
from skprune.base._snapshot import Snapshot
from skprune.solvers.backfitting import predict_raw
from skprune.surgery import surgeon_for
from skprune.surgery.additive import additive_classifier
from skprune.surgery.embedded import PRECISION, embedded_classifier
from skprune.tree._path import BaseTreePath


class AdditiveSnapshot(Snapshot):
    """Predictions of an additive classifier for given samples.

    Parameters
    ----------
    model : fitted estimator
        The whole model, for labels and tags.
    value : ndarray of shape (n_samples, n_classes)
        Class probabilities.
    raw : ndarray of shape (n_samples, n_columns)
        Raw predictions.
    tie_wins : bool
        Whether the second class is predicted at even odds.
    """

    def __init__(self, model, value, raw, tie_wins):
        super().__init__(model, value)
        self.raw = raw
        self.tie_wins = tie_wins

    def predict(self, X):  # noqa: ARG002 - the samples are given
        """Return the predictions of the given samples."""
        if self.raw.shape[1] > 1:
            return self.classes_.take(self.raw.argmax(axis=1))
        second = self.raw[:, 0] > 0
        return self.classes_.take((second | (self.tie_wins & (self.raw[:, 0] == 0))).astype(int))

    def decision_function(self, X):  # noqa: ARG002 - the samples are given
        """Return the raw predictions of the given samples."""
        return self.raw[:, 0] if self.raw.shape[1] == 1 else self.raw


class BackfitPath(BaseTreePath):
    """The levels of backfitting; a cut gives a plain model.

    Level 0 is the whole model. The others are not nested: a split that is removed at one level
    may be present at a smaller one, with other values.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader and writer of the whole model.
    problem : Problem
        The optimisation problem.
    structures : Structures
        The trees.
    solutions : list of Solution
        From the smallest to the largest.
    total : float
        Total weight of the samples, which thresholds are relative to.
    missing : bool
        Whether models of two classes must route missing values.
    """

    def __init__(self, surgeon, problem, structures, solutions, total, *, missing):
        self._surgeon, self._problem, self._structures = surgeon, problem, structures
        # Whether the result is a pipeline of an embedding, whose leaves hold a value per class.
        self._embeds = problem.shared and surgeon.is_classifier and len(problem.center) > 1
        stored = [self._as_stored(solution) for solution in solutions[::-1]]
        self._solutions = self._shrinking(stored)
        self._missing = missing
        self._total = total
        super().__init__(surgeon.model, self._tabulate(), unit="leaves")
        self.scores = self._score_splits()

    def _as_stored(self, solution):
        """Return a solution with its values in the precision of the resulting model."""
        if not self._embeds:
            return solution
        return solution._replace(value=solution.value.astype(PRECISION).astype(float))

    @property
    def _n_structures(self):
        """Number of pruned trees that each tree becomes."""
        return 1 if self._problem.shared else len(self._problem.center)

    def _alive(self, solution):
        """Return the splits above the kept leaves; bool of shape (n_structures, n_nodes)."""
        seen = np.zeros((self._n_structures, self._surgeon.table.n_nodes), dtype=bool)
        self._climb(solution, seen)
        return seen

    def _climb(self, solution, seen):
        """Mark the ancestors of the kept leaves, and return the newly marked nodes.

        O(n_new_nodes): climbing stops at marked nodes.
        """
        table, column, node, new = self._surgeon.table, solution.column, solution.node, []
        while node.size:
            node = table.parent[node]
            column, node = column[node >= 0], node[node >= 0]
            fresh = ~seen[column, node]
            column, node = column[fresh], node[fresh]
            key = np.unique(column * table.n_nodes + node)
            column, node = key // table.n_nodes, key % table.n_nodes
            seen[column, node] = True
            new.append(node)
        return np.concatenate([*new, np.empty(0, dtype=np.intp)])

    def _count(self, solution):
        """Return the number of leaves and trees of the resulting model."""
        table, column = self._surgeon.table, solution.column
        grown = np.zeros((self._n_structures, table.n_trees), dtype=bool)
        grown[column, table.tree[solution.node]] = True
        # Each stage of boosting has a tree per column; missing ones are single leaves.
        n_trees = max(1, grown.sum(axis=1).max()) * self._n_structures
        return len(column) + n_trees - grown.sum(), n_trees

    def _shrinking(self, solutions):
        """Leave out solutions with no fewer leaves than one of a smaller penalty has."""
        leaves = [self._count(solution)[0] for solution in solutions]
        least = np.minimum.accumulate([np.inf, *leaves])[:-1]
        return [s for s, n, bound in zip(solutions, leaves, least, strict=True) if n < bound]

    def _tabulate(self):
        whole = self._surgeon.size()
        counts = np.array([self._count(s) for s in self._solutions]).reshape(-1, 2).T
        leaves, trees = (np.append(0, count) for count in counts)
        nodes = 2 * leaves - trees
        n_values = len(self._problem.center) if self._problem.shared else 1
        parameters = 2 * (nodes - leaves) + n_values * leaves
        n_bytes = self._bytes(nodes, leaves)
        if not np.all(self._surgeon.is_ordered):  # sizes of categorical splits vary
            n_bytes[1:] = [surgeon_for(self._build(i)).size()[2] for i in range(1, len(nodes))]
        for column, value in zip((leaves, parameters, n_bytes), whole, strict=True):
            column[0] = value
        trees[0], nodes[0] = self._surgeon.table.n_trees, self._surgeon.table.n_nodes
        thresholds = np.append(0.0, [s.penalty / self._total for s in self._solutions])
        columns = {
            "ridge": np.append(np.nan, [s.ridge for s in self._solutions]),
            "leaves": leaves,
            "trees": trees,
            "nodes": nodes,
            "parameters": parameters,
            "bytes": n_bytes,
        }
        return tabulate("leaves", thresholds, columns)

    def _bytes(self, nodes, leaves):
        """Return the bytes of all levels, from those of the smallest."""
        if not self._solutions:
            return 0 * nodes
        smallest = surgeon_for(self._build(len(nodes) - 1))
        if self._embeds:
            return nodes * smallest.node_bytes + leaves * smallest.leaf_bytes
        return smallest.bytes_of(nodes, leaves)

    def _score_splits(self):
        """Return the largest threshold at which each split is kept, 0 for none."""
        score = np.zeros(self._surgeon.table.n_nodes)
        seen = np.zeros((self._n_structures, self._surgeon.table.n_nodes), dtype=bool)
        for solution in self._solutions[::-1]:
            new = self._climb(solution, seen)
            score[new] = np.maximum(score[new], solution.penalty / self._total)
        return score[self._surgeon.table.is_split]

    def mask(self, index):
        """Return the splits kept at a level for some column; bool, shape (n_splits,)."""
        is_split = self._surgeon.table.is_split
        if index == 0:
            return np.ones(is_split.sum(), dtype=bool)
        return self._alive(self._solutions[index - 1]).any(axis=0)[is_split]

    def count_by_tree(self, index):
        """Return leaves, over all columns, and depth of each tree; 0 leaves: it is removed."""
        table = self._surgeon.table
        leaf = np.flatnonzero(~table.is_split)
        if index > 0:
            leaf = self._solutions[index - 1].node
        leaves = np.bincount(table.tree[leaf], minlength=table.n_trees)
        depth = np.zeros(table.n_trees, dtype=np.intp)
        np.maximum.at(depth, table.tree[leaf], table.depth[leaf])
        return leaves, depth

    def snapshots(self, X, index=None):
        """Yield replacements of the models of successive levels, for given samples.

        Parameters and result as for `PruningPath.snapshots`. Samples are routed through the
        whole trees once, unless another library adds up the predictions.
        """
        surgeon, rank, offset = self._surgeon, None, None
        if not surgeon.has_snapshots:
            yield from super().snapshots(X, index)
            return
        for level in self._ascending(index):
            if level == 0:
                yield self.model
                continue
            if rank is None:
                rank = self._structures.rank(surgeon.apply(X))
                offset = self._problem.offset(surgeon, X)
            solution = self._solutions[level - 1]
            if not self._embeds:
                raw = predict_raw(self._structures, surgeon.table.tree, rank, solution, offset)
                yield self._snapshot(raw)
                continue
            # In the order in which the pipeline adds: sums in another one differ in the last bit.
            plain = solution._replace(intercept=np.zeros_like(solution.intercept))
            raw = predict_raw(self._structures, surgeon.table.tree, rank, plain)
            yield self._snapshot(raw + solution.intercept[:, np.newaxis])

    def _snapshot(self, raw):
        problem = self._problem
        raw = problem.center[:, np.newaxis] + problem.scale[:, np.newaxis] * raw
        answer = problem.inverse_link(raw)
        if not self._surgeon.is_classifier:
            return Snapshot(self.model, answer.T)
        if len(answer) == 1:
            answer = np.concatenate([1 - answer, answer])
        surgeon = self._surgeon
        tie_wins = surgeon.even_odds_win if surgeon.is_boosting else not self._missing
        return AdditiveSnapshot(self.model, answer.T, raw.T, tie_wins=tie_wins)

    def _build(self, index):
        surgeon, table = self._surgeon, self._surgeon.table
        if index == 0:
            return surgeon.cut(table.is_split)
        solution = self._solutions[index - 1]
        if surgeon.is_classifier and not surgeon.is_boosting:
            return self._build_log_odds(solution)
        return self._build_same(solution)

    def _build_log_odds(self, solution):
        """Build a classifier from the log-odds of a forest."""
        surgeon, table = self._surgeon, self._surgeon.table
        value = np.zeros((len(self._problem.center), table.n_nodes))
        value[:, solution.node] = solution.value.T
        keep_tree = np.zeros(table.n_trees, dtype=bool)
        keep_tree[table.tree[solution.node]] = True
        kept = surgeon, self._alive(solution)[0], keep_tree
        if self._embeds:
            return embedded_classifier(*kept, value, solution.intercept)
        return additive_classifier(*kept, value[0], solution.intercept[0], missing=self._missing)

    def _build_same(self, solution):
        """Build a model of the original class: a regression forest, or boosting."""
        surgeon, table, problem = self._surgeon, self._surgeon.table, self._problem
        alive = self._alive(solution).any(axis=0)
        keep_tree = np.zeros(table.n_trees, dtype=bool)
        keep_tree[table.tree[solution.node]] = True
        constant = solution.intercept * problem.scale + problem.center
        value = np.zeros(table.value.shape)
        if not surgeon.is_boosting:
            keep_tree[0] |= not keep_tree.any()
            own = solution.value * problem.scale * keep_tree.sum()
            value[solution.node, :, 0] = own
            return surgeon.cut(alive, keep_tree=keep_tree, value=value + constant[:, np.newaxis])
        value[solution.node, 0, 0] = solution.value[:, 0] * problem.scale[solution.column]
        column = surgeon.tree_column
        for own in range(self._n_structures):  # add the constant to the first tree of its column
            mine = np.flatnonzero(keep_tree & (column == own))
            first = mine[0] if mine.size else np.flatnonzero(column == own)[0]
            keep_tree[first] = True
            value[table.tree == first] += constant[own]
        return surgeon.cut(alive, keep_tree=keep_tree, value=value / surgeon.learning_rate)

    def _index_of_threshold(self, threshold):
        if threshold <= 0 or not self._solutions:
            return 0
        breaks = self.levels.threshold.to_numpy()[1:]
        return max(1, np.searchsorted(breaks, threshold * (1 + 1e-9), side="right"))
