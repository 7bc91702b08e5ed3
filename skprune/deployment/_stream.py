"""The state of a monitor over its stream: counts, evidence and batches, and their JSON."""

import json
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skprune.criteria.sequential import exact_interval, initial_wealth, log_evidence
from skprune.deployment._agreement import Tally
from skprune.exceptions import InputError

FORMAT, VERSION = "skprune.AgreementMonitor", 1
# Batches that are listed; when there are more, each two become one.
MAX_BATCHES = 1000
# The largest evidence that is shown: its logarithm is kept, and may be larger.
LARGEST = 700.0


class Batch(NamedTuple):
    """One batch: what it adds up to, the evidence after it, whether there has been an alarm."""

    tally: Tally
    log_evidence: float
    alarm: bool


class Stream:
    """Samples seen since `fit`, without the samples.

    Attributes
    ----------
    total : Tally
        What all batches add up to.
    batches : list of Batch
        The batches.
    wealth : ndarray of shape (n_bets,)
        State of `log_evidence`.
    log_evidence : float
        Logarithm of the evidence after the last sample.
    alarm_at : int or None
        Number of samples at which the alarm came.
    """

    def __init__(self) -> None:
        self.total = Tally()
        self.batches: list[Batch] = []
        self.wealth = initial_wealth()
        self.log_evidence = 0.0
        self.alarm_at: int | None = None

    def add(self, agrees, tally, level, log_limit):
        """Add a batch; `log_limit` is the evidence that raises the alarm."""
        seen = self.total.n_samples
        losses = (~agrees).astype(np.float64)
        evidence, self.wealth = log_evidence(losses, 1.0 - level, self.wealth, seen)
        reached = np.flatnonzero(evidence >= log_limit)
        if self.alarm_at is None and len(reached):
            self.alarm_at = seen + int(reached[0]) + 1
        self.log_evidence = float(evidence[-1])
        self.total += tally
        self.batches.append(Batch(tally, self.log_evidence, self.alarm_at is not None))
        if len(self.batches) > MAX_BATCHES:
            self.batches = _in_pairs(self.batches)

    @property
    def evidence(self):
        """The evidence after the last sample."""
        return float(shown_evidence(self.log_evidence))

    def frame(self, confidence):
        """Return the batches as a table, with intervals of this coverage."""
        tallies = [batch.tally for batch in self.batches]
        n, hits = (np.array([getattr(t, k) for t in tallies]) for k in ("n_samples", "n_agree"))
        low, high = exact_interval(hits, n, confidence)
        columns = {
            "n_samples": n.astype(np.int64),
            "agreement": np.array([t.agreement for t in tallies], dtype=np.float64),
            "low": low,
            "high": high,
            "n_labelled": np.array([t.n_labelled for t in tallies], dtype=np.int64),
            "score_difference": np.array([t.score_difference for t in tallies], dtype=np.float64),
            "evidence": shown_evidence([batch.log_evidence for batch in self.batches]),
            "alarm": np.array([batch.alarm for batch in self.batches], dtype=bool),
        }
        return pd.DataFrame(columns, index=pd.RangeIndex(len(tallies), name="batch"))

    def to_dict(self):
        """Return the state, for JSON."""
        return {
            "total": self.total.values(),
            "wealth": [None if np.isneginf(w) else float(w) for w in self.wealth],
            "log_evidence": self.log_evidence,
            "alarm_at": self.alarm_at,
            "batches": [[b.tally.values(), b.log_evidence, b.alarm] for b in self.batches],
        }

    @classmethod
    def from_dict(cls, state):
        """Return the stream of a state; ValueError, TypeError or KeyError if it is malformed."""
        stream = cls()
        stream.total = Tally.read(state["total"])
        wealth = [-np.inf if w is None else float(w) for w in state["wealth"]]
        stream.wealth, stream.log_evidence = np.array(wealth), float(state["log_evidence"])
        stream.alarm_at = state["alarm_at"]
        for numbers, evidence, alarm in state["batches"]:
            stream.batches.append(Batch(Tally.read(numbers), float(evidence), bool(alarm)))
        numbers = [stream.log_evidence, *(b.log_evidence for b in stream.batches)]
        counts = sum((b.tally for b in stream.batches), Tally()).values()[:5]
        started = stream.total.n_samples > 0
        if (
            stream.wealth.shape != initial_wealth().shape
            or not np.isfinite(numbers).all()
            or not (np.isfinite(wealth) if started else np.isneginf(wealth)).all()
            or counts != stream.total.values()[:5]
            or not (stream.alarm_at is None or type(stream.alarm_at) is int)
            or not 0 < (stream.alarm_at or 1) <= max(stream.total.n_samples, 1)
        ):
            raise ValueError
        return stream


def shown_evidence(log_evidence):
    """Return e-values of their logarithms, finite ones."""
    return np.exp(np.minimum(log_evidence, LARGEST))


def _in_pairs(batches):
    """Return each two batches as one; the last one remains as it is if there is no other."""
    pairs = zip(batches[::2], batches[1::2], strict=False)
    found = [second._replace(tally=first.tally + second.tally) for first, second in pairs]
    return found + batches[2 * len(found) :]


def write_json(state: dict[str, Any]) -> str:
    """Return the state of a monitor as JSON, with its format and version."""
    return json.dumps({"format": FORMAT, "version": VERSION, **state}, allow_nan=False)


def read_json(text: str) -> dict[str, Any]:
    """Return the state of a monitor; InputError if the text is none, or of another version."""
    try:
        state = json.loads(text)
        found = state["format"], state["version"]
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        msg = "text is no monitor. Give what to_json returned."
        raise InputError(msg) from error
    if found != (FORMAT, VERSION):
        msg = (
            f"text has the format {found[0]!r}, version {found[1]!r}. This version of skprune "
            f"reads {FORMAT!r}, version {VERSION}. Give such a text, or update skprune."
        )
        raise InputError(msg)
    return state
