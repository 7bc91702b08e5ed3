"""Drift of the columns of a table that arrives in batches, against a table that was read before."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

from skprune.arrays.bins import Bins, find_bins
from skprune.base._column_groups import name_columns
from skprune.base._frames import column_names
from skprune.criteria.drift import Drift, binned_ks, count_bins, stability_index
from skprune.exceptions import InputError
from skprune.feature_selection._columns import LARGEST_EXACT, encode_columns

# Numbers of bins: the usual limits of the index are meant for ten, the statistic needs fine ones.
N_BINS = {"psi": 10, "ks": 100}


class Table(NamedTuple):
    """A table as numbers.

    Attributes
    ----------
    X : ndarray or csc array of shape (n_samples, n_features)
        Numbers, and codes of categories that depend on the category alone.
    nominal, temporal : ndarray of bool, shape (n_features,)
        Features that hold categories; those of them that hold dates or durations.
    names : list of str or None
        Names of the features.
    """

    X: Any
    nominal: Any
    temporal: Any
    names: Any


def read_table(X):
    """Return a `Table`; InputError if its values are of no use here."""
    names = column_names(X)
    X, text, times = encode_columns(X, "AgreementMonitor", categories=True, times=True, hashed=True)
    values = check_array(
        X, accept_sparse="csc", dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
    )
    nominal, temporal = (np.isin(np.arange(values.shape[1]), places) for places in (text, times))
    names = None if names is None else [str(name) for name in names]
    return Table(values, nominal, temporal, names)


class ColumnDrift:
    """Histograms of the columns of an earlier table, of all later ones and of the last one."""

    def __init__(self, names, nominal, temporal, histograms, last):
        self.names = names
        self.nominal = nominal
        self.temporal = temporal
        self.histograms = histograms
        self.last = last

    @classmethod
    def of(cls, X):
        """Return the histograms of the earlier table, and nothing later."""
        table = read_table(X)
        histograms, last = {}, {}
        for name, n_bins in N_BINS.items():
            bins = find_bins(table.X, table.nominal, n_bins)
            earlier = count_bins(table.X, bins)
            histograms[name] = Drift(bins, earlier, np.zeros_like(earlier))
            last[name] = np.zeros_like(earlier)
        return cls(table.names, table.nominal, table.temporal, histograms, last)

    def count(self, X):
        """Return the histograms of a later table; nothing is changed yet."""
        table = read_table(X)
        self._check(table)
        return {name: count_bins(table.X, each.bins) for name, each in self.histograms.items()}

    def add(self, counts):
        """Add the histograms of a later table."""
        self.last = counts
        for name, drift in self.histograms.items():
            self.histograms[name] = drift._replace(later=drift.later + counts[name])

    def frame(self):
        """Return the drift; a row per column."""
        found = {}
        for when in ("", "_last"):
            for name, measure in (("psi", stability_index), ("ks", binned_ks)):
                drift = self.histograms[name]
                drift = drift._replace(later=self.last[name]) if when else drift
                if not drift.later.any():
                    found[name + when] = np.full(len(self.nominal), np.nan)
                    continue
                unknown = self.temporal if name == "psi" else self.nominal
                found[name + when] = np.where(unknown, np.nan, measure(drift))
        return pd.DataFrame(found, index=pd.Index(self._labels(), name="feature"))

    def _check(self, table):
        """Refuse a table with other features than the earlier one."""
        if len(table.nominal) != len(self.nominal):
            msg = (
                f"X has {len(table.nominal)} feature(s), but fit was given {len(self.nominal)}. "
                "Give the same features, in their order."
            )
            raise InputError(msg)
        if None not in (table.names, self.names) and table.names != self.names:
            pairs = zip(table.names, self.names, strict=True)
            new, old = next(pair for pair in pairs if pair[0] != pair[1])
            msg = (
                f"X has the feature {new!r} where fit was given {old!r}. Give the same features, "
                "in their order."
            )
            raise InputError(msg)
        # A column without values is of any type.
        present = self.histograms["psi"].earlier[:, 1:].any(axis=1)
        clash = np.flatnonzero((table.nominal != self.nominal) & present)
        values = table.X[:, clash]
        values = values.toarray() if hasattr(values, "toarray") else values
        clash = clash[~np.isnan(values).all(axis=0)]
        if len(clash):
            shown = ", ".join(map(repr, self._labels()[clash[:10]]))
            msg = (
                f"{len(clash)} feature(s) hold text in X and numbers in the table given to fit, or "
                f"the other way round: {shown}. Give all samples the same types."
            )
            raise InputError(msg)

    def _labels(self):
        return np.array(name_columns(self.names, len(self.nominal)), dtype=object)

    # As plain lists and dicts.

    def to_dict(self):
        """Return the state, for JSON."""
        tables = {}
        for name, (bins, earlier, later) in self.histograms.items():
            tables[name] = {
                "n_codes": bins.n_codes.tolist(),
                "edges": [[float(v) for v in row if np.isfinite(v)] for row in bins.edges],
                "categories": {str(j): values.tolist() for j, values in bins.categories.items()},
                "earlier": earlier.astype(np.int64).tolist(),
                "later": later.astype(np.int64).tolist(),
                "last": self.last[name].astype(np.int64).tolist(),
            }
        masks = {"nominal": self.nominal.tolist(), "temporal": self.temporal.tolist()}
        return {"names": self.names, **masks, "histograms": tables}

    @classmethod
    def from_dict(cls, state):
        """Return the object of a state; ValueError, TypeError or KeyError if it is malformed."""
        nominal = np.array(state["nominal"], dtype=bool)
        temporal = np.array(state["temporal"], dtype=bool)
        names, n = state["names"], len(nominal)
        if temporal.shape != (n,) or not (names is None or list(map(type, names)) == [str] * n):
            raise ValueError
        histograms, last = {}, {}
        for name, n_bins in N_BINS.items():
            table = state["histograms"][name]
            bins = _read_bins(table, nominal, n_bins)
            shape = n, int(bins.n_codes.max())
            counts = [
                np.array(table[key], dtype=np.float64) for key in ("earlier", "later", "last")
            ]
            if not all(c.shape == shape and _are_counts(c) for c in counts):
                raise ValueError
            histograms[name], last[name] = Drift(bins, *counts[:2]), counts[2]
        return cls(names, nominal, temporal, histograms, last)


def _are_counts(values):
    """Return whether all values are whole numbers that are exact as floats, and not negative."""
    return bool((values == np.clip(np.rint(values), 0, LARGEST_EXACT)).all())


def _read_bins(table, nominal, n_bins):
    """Return the bins of a state; ValueError, TypeError or KeyError if they are malformed."""
    edges = np.full((len(nominal), n_bins - 1), np.inf)
    for row, values in zip(edges, table["edges"], strict=True):
        row[: len(values)] = values
    categories = {int(j): np.array(v, dtype=np.float64) for j, v in table["categories"].items()}
    n_codes = np.isfinite(edges).sum(axis=1) + 2
    for j, values in categories.items():
        n_codes[j] = len(values) + 2
    ordered = [each for each in (*edges, *categories.values()) if np.isfinite(each).any()]
    if (
        table["n_codes"] != n_codes.tolist()
        or sorted(categories) != np.flatnonzero(nominal).tolist()
        or any((np.diff(each[np.isfinite(each)]) <= 0).any() for each in ordered)
        or np.isnan(edges).any()
    ):
        raise ValueError
    return Bins(n_codes, edges, categories)
