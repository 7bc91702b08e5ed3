"""Columns as users name them: names, places and groups."""

from collections.abc import Mapping
from numbers import Integral

import numpy as np

from skprune.exceptions import InputError


def name_columns(names, n_columns):
    """Return the names of columns, or "x0", "x1", ... where they have none."""
    return np.array([f"x{i}" for i in range(n_columns)], dtype=object) if names is None else names


def place_columns(given, names, n_columns, parameter):
    """Turn names or places of columns into places.

    Parameters
    ----------
    given : array-like of str or int
        Names, or places (negative ones count from the end).
    names : ndarray of str or None
        Names of all columns, if they have any.
    n_columns : int
        Number of columns.
    parameter : str
        Who asks; begins the messages.

    Returns
    -------
    ndarray of int
        Places, as given.

    Raises
    ------
    InputError
        If a column does not exist, or two have the name.
    """
    given = [given] if isinstance(given, (str, Integral)) else list(given)
    known = {} if names is None else {name: i for i, name in enumerate(names)}
    places = []
    for name in given:
        number = isinstance(name, Integral) and not isinstance(name, (bool, np.bool_))
        if number and -n_columns <= name < n_columns:
            places.append(int(name) % n_columns)
        elif name in known:
            if len(known) < len(names):
                _refuse_twice(name, names, parameter)
            places.append(known[name])
        else:
            if names is None and isinstance(name, str):
                allowed = (
                    f"the columns have no names here, only places from 0 to {n_columns - 1}. Give "
                    "places, or a DataFrame (in a pipeline: set_output(transform='pandas'))"
                )
            else:
                shown = list(map(str, known))[:10] + ["..."] * (len(known) > 10)
                named = f", or one of the names {', '.join(shown)}" if known else ""
                allowed = f"allowed is a place from 0 to {n_columns - 1}{named}"
            msg = f"{parameter} names the column {name!r}, which does not exist: {allowed}."
            raise InputError(msg)
    return np.array(places, dtype=np.intp)


def _refuse_twice(name, names, parameter):
    places = np.flatnonzero(names == name).tolist()
    if len(places) > 1:
        msg = (
            f"{parameter} names the column {name!r}, but the columns {places} all have that name. "
            "Give a place."
        )
        raise InputError(msg)


def units_of(groups, names, n_columns):
    """Find the unit of each column: each group is one, and each column without a group.

    Parameters
    ----------
    groups : list of lists, dict of lists, or None
        Columns, by name or place, that stand or fall together.
    names : ndarray of str or None
        Names of all columns, if they have any.
    n_columns : int
        Number of columns.

    Returns
    -------
    ndarray of int, shape (n_columns,)
        The unit of each column, numbered in order of their first columns.

    Raises
    ------
    InputError
        If a column does not exist, or is in two groups.
    """
    first = np.arange(n_columns)
    taken = np.zeros(n_columns, dtype=bool)
    for group in groups.values() if isinstance(groups, Mapping) else groups or ():
        if isinstance(group, (str, Integral)):
            msg = (
                f"groups has {group!r} in place of a group. Give a list of groups, each a list of "
                "names or places, for example groups=[['a', 'b'], ['c', 'd']]."
            )
            raise InputError(msg)
        places = np.unique(place_columns(group, names, n_columns, "groups"))
        if taken[places].any():
            twice = name_columns(names, n_columns)[places[taken[places]][0]]
            msg = f"groups has the column {twice!r} twice; a column is in one group at most."
            raise InputError(msg)
        taken[places] = True
        first[places] = places[:1]
    return np.unique(first, return_inverse=True)[1]
