"""Timing of two sides in turn, so that the noise of the machine hits both alike."""

import os
import time

import numpy as np
import pandas as pd

import skprune.arrays.compiled as look_up


def load_kernels():
    """Load compiled kernels at their first call, or with SKPRUNE_FAST=0 never.

    Otherwise they are loaded in the midst of a measurement, once there was enough work for it.
    """
    never = os.environ.get("SKPRUNE_FAST") == "0"
    look_up.WORTH_LOADING = np.inf if never else 0.0


def seconds(function):
    """Return the seconds that one call takes, and what it returns."""
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


def processor_seconds(function):
    """Return the seconds of processor time that one call takes, and what it returns."""
    started = time.process_time()
    result = function()
    return time.process_time() - started, result


def side_by_side(what, ours, peer, repeat, note="", *, peer_repeat=None):
    """Time two functions in alternation and return a row of the table.

    Parameters
    ----------
    what : str
        What is measured.
    ours, peer : callable
        The two sides, without arguments.
    repeat : int
        Rounds.
    note : str, default=""
        What the reader should know.
    peer_repeat : int, default=None
        Rounds of a peer that takes minutes; `repeat` if None.

    Returns
    -------
    dict
        `ratio` is the median of the peer's time over ours, with its range.
    """
    peer_repeat = repeat if peer_repeat is None else min(repeat, peer_repeat)
    mine, theirs = [], []
    for round_ in range(repeat):
        mine.append(seconds(ours)[0])
        if round_ < peer_repeat:
            theirs.append(seconds(peer)[0])
    ratios = np.array(theirs) / np.array(mine[: len(theirs)])
    rounds = f"{repeat} rounds" if peer_repeat == repeat else f"{repeat} and {peer_repeat} rounds"
    return row(
        what,
        f"{np.median(mine):.3g} s",
        f"{np.median(theirs):.3g} s",
        f"{np.median(theirs) / np.median(mine):.3g} ({ratios.min():.3g}-{ratios.max():.3g})",
        f"{rounds}; {note}" if note else rounds,
    )


def row(what, ours, peer, ratio, note=""):
    """Return a row of the table."""
    return {"what": what, "ours": ours, "peer": peer, "ratio": ratio, "note": note}


def table(*rows):
    """Return the table of some rows."""
    return pd.DataFrame(rows)
