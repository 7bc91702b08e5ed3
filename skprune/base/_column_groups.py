"""Features as users name them: by name, by index and in groups."""

from collections.abc import Iterable, Mapping
from numbers import Integral

import numpy as np

from skprune.exceptions import InputError


def name_columns(names, n_columns):
    """Return the names of the features, or "x0", "x1", ... without names."""
    return np.array([f"x{i}" for i in range(n_columns)], dtype=object) if names is None else names


def place_columns(given, names, n_columns, parameter):
    """Turn names or indices of features into indices.

    Parameters
    ----------
    given : array-like of str or int
        Names, or indices (negative ones count from the end).
    names : ndarray of str or None
        Names of all features, if they have any.
    n_columns : int
        Number of features.
    parameter : str
        The parameter that names them; begins the messages.

    Returns
    -------
    ndarray of int
        Indices, in the order given.

    Raises
    ------
    InputError
        If a feature does not exist, or two have the name.
    """
    given = [given] if isinstance(given, (str, Integral)) else list(given)
    known = {} if names is None else {name: i for i, name in enumerate(names)}
    span = f"an index from {-n_columns} to {n_columns - 1}"
    places = []
    for name in given:
        number = isinstance(name, Integral) and not isinstance(name, (bool, np.bool_))
        if number and -n_columns <= name < n_columns:
            places.append(int(name) % n_columns)
        elif isinstance(name, str) and name in known:
            if len(known) < len(names):
                _refuse_twice(name, names, parameter)
            places.append(known[name])
        else:
            if names is None and isinstance(name, str):
                allowed = (
                    f"features have no names here. Give {span}, or a DataFrame (in a pipeline: "
                    "set_output(transform='pandas'))"
                )
            else:
                shown = list(map(repr, known))[:10] + ["..."] * (len(known) > 10)
                named = f", or one of the names {', '.join(shown)}" if known else ""
                allowed = f"allowed is {span}{named}"
            msg = f"{parameter} names the feature {name!r}, which does not exist: {allowed}."
            raise InputError(msg)
    return np.array(places, dtype=np.intp)


def _refuse_twice(name, names, parameter):
    places = np.flatnonzero(names == name).tolist()
    if len(places) > 1:
        msg = (
            f"{parameter} names the feature {name!r}, but the features {places} all have that "
            "name. Give an index."
        )
        raise InputError(msg)


def units_of(groups, names, n_columns):
    """Find the unit of each feature: each group is one, and each feature without a group.

    Parameters
    ----------
    groups : list of lists, dict of lists, or None
        Features, by name or index, that are kept or removed together.
    names : ndarray of str or None
        Names of all features, if they have any.
    n_columns : int
        Number of features.

    Returns
    -------
    ndarray of int, shape (n_columns,)
        The unit of each feature, numbered in the order of their first features.

    Raises
    ------
    InputError
        If a feature does not exist, or is in two groups.
    """
    first = np.arange(n_columns)
    taken = np.zeros(n_columns, dtype=bool)
    for group in groups.values() if isinstance(groups, Mapping) else groups or ():
        if isinstance(group, (str, bytes)) or not isinstance(group, Iterable):
            msg = (
                f"groups has {group!r} in place of a group. Give a list of groups, each a list of "
                "names or indices, for example groups=[['a', 'b'], ['c', 'd']]."
            )
            raise InputError(msg)
        places = np.unique(place_columns(group, names, n_columns, "groups"))
        if taken[places].any():
            twice = name_columns(names, n_columns)[places[taken[places]][0]]
            msg = (
                f"groups has the feature {twice!r} twice, but a feature can be in one group only. "
                "Leave it out of the others."
            )
            raise InputError(msg)
        taken[places] = True
        first[places] = places[:1]
    return np.unique(first, return_inverse=True)[1]
