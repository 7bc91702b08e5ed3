"""Random trees, and what the level passes compute, written as plain recursion."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from skprune.arrays.nodes import NO_NODE, NodeTable, preorder

N_FEATURES = 3
N_CLASSES = 3

# Small classifiers that average the votes of trees, one of each kind.
SMALL = {"n_estimators": 5, "random_state": 0}
VOTING_TREES = {
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(**SMALL),
    "extra trees": ExtraTreesClassifier(**SMALL),
    "bagging": BaggingClassifier(**SMALL),
    "bagging of columns": BaggingClassifier(max_features=0.4, **SMALL),
    "columns drawn twice": BaggingClassifier(bootstrap_features=True, max_samples=5, **SMALL),
}

# The same examples in every run; `reproducible` decorates each test that draws.
reproducible = settings(derandomize=True, deadline=None, database=None, max_examples=50)


@st.composite
def node_tables(draw, max_trees=3, max_splits=7):
    """Draw a forest of any shapes; nodes stand in any order behind their root."""
    left, right, offsets = [], [], [0]
    for _ in range(draw(st.integers(1, max_trees))):
        children = _grow(draw(st.lists(st.integers(0, max_splits), max_size=max_splits)))
        inner = draw(st.permutations(range(1, len(children))))
        place = offsets[-1] + np.array([0, *inner])
        sides = np.full((2, len(children)), NO_NODE)
        for node, pair in enumerate(children):
            if pair:
                sides[:, place[node] - offsets[-1]] = place[list(pair)]
        left.append(sides[0])
        right.append(sides[1])
        offsets.append(offsets[-1] + len(children))
    return _furnish(np.concatenate(left), np.concatenate(right), offsets, draw(_seeds))


_seeds = st.integers(0, 2**32 - 1)


def _grow(choices):
    """Split one leaf per choice; returns the children of each node, None for leaves."""
    children, leaves = [None], [0]
    for choice in choices:
        node = leaves.pop(choice % len(leaves))
        pair = len(children), len(children) + 1
        children[node] = pair
        children += [None, None]
        leaves += pair
    return children


def _furnish(left, right, offsets, seed):
    rng = np.random.default_rng(seed)
    n_nodes, leaf = len(left), left == NO_NODE
    value = rng.integers(0, 4, size=(n_nodes, 1, N_CLASSES)).astype(float)
    return NodeTable(
        left=left,
        right=right,
        feature=np.where(leaf, -2, rng.integers(0, N_FEATURES, n_nodes)),
        threshold=np.where(leaf, -2.0, rng.integers(-2, 3, n_nodes) / 2),
        missing_left=~leaf & (rng.random(n_nodes) < 0.5),
        value=value,
        weight=rng.integers(1, 9, n_nodes).astype(float),
        impurity=rng.random(n_nodes),
        offsets=np.array(offsets),
    )


def per_node(elements, dtype=float, width=None):
    """Draw a forest together with an array that has an entry, or a row, per node."""

    def with_amounts(table):
        shape = table.n_nodes if width is None else (table.n_nodes, width)
        return st.tuples(st.just(table), hnp.arrays(dtype, shape, elements=elements))

    return node_tables().flatmap(with_amounts)


# Few distinct whole numbers: ties, zeros and negatives are the rule, sums are exact.
tied = st.integers(-4, 4).map(float)
mixed = st.one_of(tied, st.floats(-10, 10, allow_subnormal=False))
rows = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.just(N_FEATURES)),
    elements=st.sampled_from([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, np.nan]),
)


def naive_preorder(table, node, keep_split):
    """Return the nodes that stay below and at a node, parents first, left before right."""
    if not keep_split[node]:
        return [node]
    left, right = table.left[node], table.right[node]
    return [
        node,
        *naive_preorder(table, left, keep_split),
        *naive_preorder(table, right, keep_split),
    ]


def naive_depth(table, node, keep_split):
    if not keep_split[node]:
        return 0
    below = (table.left[node], table.right[node])
    return 1 + max(naive_depth(table, child, keep_split) for child in below)


def subtree(table, node):
    return naive_preorder(table, node, table.is_split)


def ancestors(table, node):
    """Return a node and all nodes above it, by looking for who has it as a child."""
    way = [node]
    while True:
        above = np.flatnonzero((table.left == way[-1]) | (table.right == way[-1]))
        if above.size == 0:
            return way
        way.append(above.item())


def naive_route(table, root, row, keep_split):
    """Send one row down one tree, stopping at the first split that does not stay."""
    node = root
    while keep_split[node]:
        x = row[table.feature[node]]
        goes_left = table.missing_left[node] if np.isnan(x) else x <= table.threshold[node]
        node = table.left[node] if goes_left else table.right[node]
    return node


def cut_table(table, keep_split):
    """Return the table of the pruned trees, and which old node each new one was."""
    order, offsets, _ = preorder(table, keep_split)
    position = {old: new for new, old in enumerate(order)}
    stays = keep_split[order]

    def children(side):
        return np.array(
            [position[child] if s else NO_NODE for child, s in zip(side[order], stays, strict=True)]
        )

    smaller = NodeTable(
        left=children(table.left),
        right=children(table.right),
        feature=np.where(stays, table.feature[order], -2),
        threshold=np.where(stays, table.threshold[order], -2.0),
        missing_left=stays & table.missing_left[order],
        value=table.value[order],
        weight=table.weight[order],
        impurity=table.impurity[order],
        offsets=offsets,
    )
    return smaller, order


def single_tree(table, t):
    """Return the table of one tree alone."""
    first, end = table.offsets[t : t + 2]
    own = slice(first, end)

    def local(side):
        return np.where(side[own] == NO_NODE, NO_NODE, side[own] - first)

    return NodeTable(
        left=local(table.left),
        right=local(table.right),
        feature=table.feature[own],
        threshold=table.threshold[own],
        missing_left=table.missing_left[own],
        value=table.value[own],
        weight=table.weight[own],
        impurity=table.impurity[own],
        offsets=np.array([0, end - first]),
    )
