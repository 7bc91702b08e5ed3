"""The text form of a saved LightGBM booster: reading and writing.

The numbers of what stays are written as the text states them, so that nothing is rounded.
"""

from typing import NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE

# One value per split, and one per leaf.
OF_SPLITS = (
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "internal_value",
    "internal_weight",
    "internal_count",
)
OF_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
OF_CATEGORIES = ("cat_boundaries", "cat_threshold")
# All fields of a tree, in their order.
OF_TREES = (
    "num_leaves",
    "num_cat",
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    *OF_LEAVES,
    "internal_value",
    "internal_weight",
    "internal_count",
    *OF_CATEGORIES,
    "is_linear",
    "shrinkage",
)
END_OF_TREES, IMPORTANCES = "end of trees", "feature_importances:"
CATEGORICAL = 1


class Document(NamedTuple):
    """The text of a booster.

    Attributes
    ----------
    head : list of str
        The lines before the first tree, without sizes of the trees.
    trees : list of dict of str to str
        The fields of each tree.
    tail : str
        What follows the importances.
    """

    head: list[str]
    trees: list[dict[str, str]]
    tail: str

    @property
    def fields(self):
        """The fields of the head; a dict of str to str."""
        return dict(line.partition("=")[::2] for line in self.head)

    @property
    def parameters(self):
        """The parameters of the training; a dict of str to str."""
        lines = self.tail.partition("parameters:\n")[2].partition("\nend of parameters")[0]
        pairs = (line.strip("[]").partition(": ") for line in lines.splitlines())
        return {name: value for name, _, value in pairs}


def parse(text):
    """Read the text of a booster; a `Document`. O(length)."""
    body, _, rest = text.partition(END_OF_TREES)
    head, *blocks = body.split("\n\nTree=")
    trees = [dict(line.partition("=")[::2] for line in b.strip().splitlines()[1:]) for b in blocks]
    tail = rest.partition(IMPORTANCES)[2].partition("\n\n")[2]
    lines = [line for line in head.splitlines() if not line.startswith("tree_sizes=")]
    return Document(lines, trees, tail)


def write(document, trees):
    """Return the text of a booster of other trees.

    Parameters
    ----------
    document : Document
        The booster.
    trees : list of dict of str to str
        The fields of each tree.

    Returns
    -------
    str
        It is loaded by LightGBM. O(length).
    """
    blocks = [f"Tree={i}\n{_block(tree)}\n" for i, tree in enumerate(trees)]
    sizes = " ".join(str(len(block.encode())) for block in blocks)
    head = "\n".join([*document.head, f"tree_sizes={sizes}"])
    counts = _importances(document, trees)
    return f"{head}\n\n{''.join(blocks)}{END_OF_TREES}\n\n{IMPORTANCES}\n{counts}\n{document.tail}"


def _block(tree):
    lines = [f"{name}={tree[name]}\n" for name in OF_TREES if name in tree]
    return "".join([*lines, "\n"])


def _importances(document, trees):
    """Return the table of importances, as LightGBM states it."""
    names = document.fields["feature_names"].split(" ")
    by_gain = document.parameters.get("saved_feature_importance_type") == "1"
    total = np.zeros(len(names))
    for tree in trees:
        feature = np.array(tree["split_feature"].split(), dtype=np.intp)
        gain = np.array(tree["split_gain"].split(), dtype=float)
        np.add.at(total, feature, gain if by_gain else 1.0)
    order = np.argsort(-total.astype(np.intp), kind="stable")
    return "".join(f"{names[i]}={int(total[i])}\n" for i in order if int(total[i]) > 0)


def cut(tree, kept):
    """Return the fields of what a cut leaves of a tree.

    Parameters
    ----------
    tree : dict of str to str
        Its fields.
    kept : Kept
        Its nodes: splits as they are numbered, then leaves.

    Returns
    -------
    dict of str to str
        The fields of the smaller tree. O(nodes).
    """
    n_splits = int(tree["num_leaves"]) - 1
    is_split = kept.left != NO_NODE
    code = np.where(is_split, np.cumsum(is_split) - 1, -np.cumsum(~is_split))
    splits, ends = kept.nodes[is_split], kept.nodes[~is_split]
    words = {name: np.array(tree[name].split(), dtype=object) for name in OF_SPLITS}
    new = {name: values[splits] for name, values in words.items()}
    new["left_child"], new["right_child"] = code[kept.left[is_split]], code[kept.right[is_split]]
    for name in ("leaf_weight", "leaf_count"):
        inner = words[name.replace("leaf", "internal")]
        values = np.concatenate([inner, np.array(tree[name].split(), dtype=object)])
        new[name] = values[ends] if len(values) == 2 * n_splits + 1 else values
    new["leaf_value"] = [f"{value:.17g}" for value in kept.value[~is_split]]
    if not is_split.any():  # a single leaf has a count only
        new["leaf_weight"] = []
    sets = _category_sets(tree, new)
    lines = {name: " ".join(map(str, values)) for name, values in (new | sets).items()}
    n_sets = max(0, len(sets.get("cat_boundaries", [])) - 1)
    lines |= {"num_leaves": str(len(ends)), "num_cat": str(n_sets)}
    same = {name: text for name, text in tree.items() if name not in OF_CATEGORIES}
    return same | lines


def _category_sets(tree, new):
    """Return the sets of categories of the kept splits, which are numbered anew; O(sets)."""
    kinds = np.array(new["decision_type"], dtype=np.intp)
    categorical = np.flatnonzero(kinds & CATEGORICAL)
    if not len(categorical):
        return {}
    bounds = np.array(tree["cat_boundaries"].split(), dtype=np.intp)
    words, boundaries, sets = tree["cat_threshold"].split(), [0], []
    for number, split in enumerate(categorical):
        old = int(float(new["threshold"][split]))
        sets += words[bounds[old] : bounds[old + 1]]
        boundaries.append(len(sets))
        new["threshold"][split] = str(number)
    return {"cat_boundaries": boundaries, "cat_threshold": sets}
