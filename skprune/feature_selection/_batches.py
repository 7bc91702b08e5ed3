"""Pruners of features that read samples batch by batch, and tables of dask by partition."""

from abc import abstractmethod

from skprune.base._partitions import partitions_of
from skprune.base._pruner import all_or_nothing
from skprune.feature_selection._base import BaseFeaturePruner


class BaseBatchPruner(BaseFeaturePruner):
    """Base class of the pruners with a `partial_fit`, which calls `_fit_batch`.

    A subclass writes what it does with a batch. A criterion for which it hides its `partial_fit`
    reads all samples at once.
    """

    def _fit_batch(self, X, sample_weight):
        """Add a batch of samples and decide again; one that fails is not added."""
        with all_or_nothing(self):
            self._own_level()  # refused before any work
            self._add_batch(X, sample_weight)
            self._decide_batches(final=False)
        return self

    def _fit_partitions(self, X, y, sample_weight):
        """Fit to a table of dask, of which a partition is in memory at a time."""
        if not hasattr(self, "partial_fit"):
            super()._fit_partitions(X, y, sample_weight)
        self._begin_partitions(y)
        for part, weight in partitions_of(X, sample_weight, self._min_rows):
            self._add_batch(part, weight)
        self._decide_batches(final=True)

    @abstractmethod
    def _begin_partitions(self, y):
        """Forget earlier batches, and refuse what partitions cannot serve."""

    @abstractmethod
    def _add_batch(self, X, sample_weight):
        """Add a batch of samples to those seen so far."""

    @abstractmethod
    def _decide_batches(self, *, final):
        """Set the fitted attributes from the batches so far; `final` if no other follows."""
