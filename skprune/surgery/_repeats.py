"""Trees that stand several times in a model, as one object.

A model of weighted members holds a member as many times as its weight states. The object is the
same each time, which costs no memory, and which copies and pickles preserve.
"""

import copy

import numpy as np


def first_of(objects):
    """Return the position at which each object stands first; ndarray of int, shape (n_objects,)."""
    position: dict[int, int] = {}
    return np.array([position.setdefault(id(each), i) for i, each in enumerate(objects)], np.intp)


class NewTrees:
    """The new trees of a cut.

    Where the results of one tree differ, as its splits were scored separately, the later ones
    become trees of their own.

    Parameters
    ----------
    trees : list
        The tree objects of the model.

    Attributes
    ----------
    memo : dict
        The new tree for the id of each old one, as `deepcopy` takes it.
    apart : dict
        The new trees, by position, that differ from the first result of the same old tree.
    """

    def __init__(self, trees):
        self._trees, first = trees, first_of(trees)
        self._is_repeated = np.bincount(first, minlength=len(first))[first] > 1
        self._made = {}
        self.memo, self.apart = {}, {}

    def add(self, position, parts, build):
        """Add the result of a tree.

        Parameters
        ----------
        position : int
            Position of the tree.
        parts : tuple of (ndarray or None)
            What the result is made of; equal parts make one tree.
        build : callable
            Builds it from `parts`.
        """
        name = id(self._trees[position])
        if not self._is_repeated[position]:
            self.memo[name] = build(*parts)
            return
        made = self._made.setdefault(name, [])
        new = next((tree for known, tree in made if _equal(known, parts)), None)
        if new is None:
            new = build(*parts)
            made.append((parts, new))
        if self.memo.setdefault(name, new) is not new:
            self.apart[position] = self.memo[id(new)] = new

    def separated(self, shell, positions):
        """Return a shallow copy of a model, in which trees that differ have their own members.

        Parameters
        ----------
        shell : estimator
            A model whose `estimators_` hold the trees.
        positions : ndarray of int
            Position, in the model that was cut, of each of these.

        Returns
        -------
        estimator
            The same object if no trees differ.
        """
        if not self.apart:
            return shell
        shell = copy.copy(shell)
        shell.estimators_ = copy.copy(shell.estimators_)
        is_list = isinstance(shell.estimators_, list)
        members = shell.estimators_ if is_list else shell.estimators_.reshape(-1)
        own = {}
        for place, position in enumerate(positions):
            if (tree := self.apart.get(position)) is not None:
                if id(tree) not in own:
                    own[id(tree)] = copy.copy(members[place])
                    own[id(tree)].tree_ = tree
                members[place] = own[id(tree)]
        return shell


def _equal(first, second):
    pairs = zip(first, second, strict=True)
    return all((a is b) or np.array_equal(a, b, equal_nan=False) for a, b in pairs)
