"""False alarms and delays of `AgreementMonitor`, over simulated streams.

`ours` is the share of the streams with an alarm. For streams without a change it must be at most
`peer`, the stated probability; for streams with a drop, it is the share found within the number of
samples in `what`, and must be at least `peer`. The note has the median delay, and the delay within
which 90 % are found. `ratio` is the time of a stream, in milliseconds.
"""

import time

import numpy as np

from benchmarks._measure import row, table
from skprune import AgreementMonitor

N_STREAMS = 1000
BATCH = 2000
# Parameters, samples given to `fit`, agreement and length of streams without a change.
CALM = [
    ("at the stated level 0.98", {"level": 0.98}, 0, 0.98, 50_000),
    ("baseline of 5,000, agreement 0.98, tolerance 0", {"tolerance": 0.0}, 5000, 0.98, 20_000),
    ("baseline of 5,000, agreement 0.98, tolerance 0.01", {}, 5000, 0.98, 20_000),
    ("baseline of 1,000, agreement 0.90, tolerance 0", {"tolerance": 0.0}, 1000, 0.90, 20_000),
]
# Parameters, samples given to `fit`, samples before the drop, agreement after it, and the number
# of samples after it within which 90 % are stated to be found.
DROPS = [
    ("stated level 0.98", {"level": 0.98}, 0, 0, 0.96, 1200),
    ("stated level 0.98", {"level": 0.98}, 0, 10_000, 0.96, 2500),
    ("baseline of 20,000, tolerance 0", {"tolerance": 0.0}, 20_000, 0, 0.96, 1800),
    ("baseline of 20,000, tolerance 0", {"tolerance": 0.0}, 20_000, 10_000, 0.96, 3700),
    ("baseline of 5,000, tolerance 0", {"tolerance": 0.0}, 5000, 10_000, 0.96, 6000),
    ("baseline of 20,000, tolerance 0.01", {}, 20_000, 10_000, 0.96, 23_000),
]


def run(repeat):  # noqa: ARG001 - as all benchmarks are called; streams are seeded
    """Simulate; see the docstring of the module."""
    rows = []
    for what, params, n_fit, agreement, n_samples in CALM:
        at, seconds = simulate(params, n_fit, agreement, 0, agreement, n_samples)
        rows.append(checked(f"no change: {what}", at <= n_samples, 0.05, seconds, at, most=True))
    for what, params, n_fit, calm, after, within in DROPS:
        at, seconds = simulate(params, n_fit, 0.98, calm, after, 4 * within)
        name = f"0.98 to 0.96 after {calm:,}: {what}: {within:,}"
        rows.append(checked(name, (at > 0) & (at <= within), 0.9, seconds, at, most=False))
    return table(*rows)


def checked(what, found, limit, seconds, at, *, most):
    """Return the row of one kind of stream; an error if the figure is not as stated."""
    share = found.mean()
    if (share > limit) if most else (share < limit):
        msg = f"{what}: {share:.3f}, but {limit} was stated"
        raise RuntimeError(msg)
    note = f"{len(found):,} streams"
    if not most:
        late = at[at > 0]  # an alarm before the drop is a false one
        note += f"; half within {np.median(late):,.0f}, 90 % within {np.quantile(late, 0.9):,.0f}"
        note += f"; {np.mean(at <= 0):.1%} before the drop"
    return row(what, f"{share:.1%}", f"{limit:.0%}", f"{1e3 * seconds:.3g}", note)


def simulate(params, n_fit, agreement, calm, after, n_samples):
    """Return how many samples after the change each alarm came, and the seconds of a stream.

    Infinity without an alarm; zero or less if it came before the change.
    """
    found, started = np.full(N_STREAMS, np.inf), time.perf_counter()
    for i in range(N_STREAMS):
        rng = np.random.default_rng(i)
        monitor = AgreementMonitor(**params)
        if n_fit:
            monitor.fit_predictions(np.zeros(n_fit), rng.random(n_fit) >= agreement)
        for size, share in ((calm, agreement), (n_samples, after)):
            for start in range(0, size, BATCH):
                n = min(BATCH, size - start)
                monitor.update_predictions(np.zeros(n), rng.random(n) >= share)
                if monitor.alarm_:
                    break
            if monitor.alarm_:
                found[i] = monitor.alarm_at_ - calm
                break
    return found, (time.perf_counter() - started) / N_STREAMS
