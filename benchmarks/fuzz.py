"""Mutated files of dump, 10,000 of them: what load does, by kind of mutation.

Each row is a kind of mutation and an outcome: the error that `load` raised, predictions equal to
those of the original, an error of Python at the first prediction, or a crash or an execution.
"Different" predictions of a file that was loaded without a key are wrong for all kinds but the last
one, which writes valid values that no fit has written: only a signature tells, and with one all are
refused. `--repeat N` makes N thousand mutations; files are loaded in a process of their own.
"""

import io
import multiprocessing
import os
import tempfile
import warnings

import numpy as np
import pandas as pd

from skprune import load
from skprune.exceptions import PruningError, SignatureError
from tests._mutations import MUTATIONS, agree, answers, bases, bytes_of, edit_parts

# Predictions of a model whose shapes do not fit the samples end in one of these.
RAISED = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
EDITED = "edited parts, unsigned"
SIGNED = "edited parts, with a key"
BATCH = 250


def run(repeat):
    """Mutate and load; see the docstring of the module."""
    n_mutations = 1000 * (repeat if repeat != 5 else 10)
    found: dict[tuple[str, str], int] = {}
    for kind in [*MUTATIONS, EDITED, SIGNED]:
        total = n_mutations // len(MUTATIONS)
        for seed in range(0, total, BATCH):
            for outcome, count in in_a_process(kind, seed, min(BATCH, total - seed)).items():
                found[kind, outcome] = found.get((kind, outcome), 0) + count
    rows = [(kind, outcome, count) for (kind, outcome), count in found.items()]
    return pd.DataFrame(rows, columns=["mutation", "outcome", "files"])


def in_a_process(kind, seed, n_files):
    """Return outcomes of a batch of mutations; a process that dies is a crash."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=work, args=(kind, seed, n_files, queue))
    process.start()
    found: dict[str, int] = {}
    received = 0
    while received < n_files and (process.is_alive() or not queue.empty()):
        try:
            outcome = queue.get(timeout=1)
        except Exception:  # noqa: BLE001, S112 - nothing came within a second
            continue
        found[outcome] = found.get(outcome, 0) + 1
        received += 1
    process.join()
    if process.exitcode:
        found["CRASH of the interpreter"] = found.get("CRASH of the interpreter", 0) + 1
    return found


def work(kind, seed, n_files, queue):
    """Put the outcome of each mutation of a batch in a queue."""
    warnings.simplefilter("ignore")
    rng, table = np.random.default_rng([seed, len(kind)]), bases()
    contents = [bytes_of(fitted) for fitted, _ in table]
    originals = [answers(fitted, samples) for fitted, samples in table]
    key = signed_contents(table, contents) if kind == SIGNED else None
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for _ in range(n_files):
            place = rng.integers(len(table))
            data = MUTATIONS.get(kind, edit_parts)(contents[place], rng, contents)
            outcome = outcome_of(data, table[place][1], originals[place], key)
            queue.put("EXECUTED" if os.listdir(folder) else outcome)  # noqa: PTH208
        os.chdir("/")


def signed_contents(table, contents):
    """Return a public key; mutated files are signed by nobody, as their author has no key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
    )

    key = Ed25519PrivateKey.generate()
    contents[:] = [bytes_of(fitted, key=key) for fitted, _ in table]
    return key.public_key()


def outcome_of(data, samples, original, key):
    """Return what becomes of a file, in words."""
    try:
        loaded = load(io.BytesIO(data), key=key)
    except SignatureError:
        return "SignatureError"
    except PruningError as error:
        return type(error).__name__
    except Exception as error:  # noqa: BLE001 - whatever it is, load lets it through
        return f"UNEXPECTED {type(error).__name__} of load"
    try:
        found = answers(loaded, samples)
    except RAISED:
        return "predict raises an error of Python"
    return "equal predictions" if agree(found, original) else "DIFFERENT predictions"
