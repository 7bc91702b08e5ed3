"""
Watch a pruned model in production
==================================

A forest is pruned to a tenth of its leaves. Both models predict a stream of samples, and a
monitor compares their predictions, batch by batch. Halfway through the stream a sensor fails, and
reports -999 from then on. The models disagree more often on such samples, and the monitor raises
an alarm.
"""

# %%
# A forest, and the pruned one
# ----------------------------

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from skprune import AgreementMonitor, TreePruner

X, y = make_classification(42_000, 10, n_informative=6, random_state=0)
X_train, y_train = X[:2000], y[:2000]
X_held_out, y_held_out = X[2000:22_000], y[2000:22_000]
X_stream, y_stream = X[22_000:].copy(), y[22_000:]

forest = RandomForestClassifier(30, random_state=0).fit(X_train, y_train)
pruner = TreePruner(RandomForestClassifier(30, random_state=0), keep=0.1).fit(X_train, y_train)

# %%
# The baseline, and the stream
# ----------------------------
# Held-out samples show how often the models agree before anything changes. The true targets of the
# stream are known for its first half only, and are missing in the rest.

monitor = AgreementMonitor(forest, pruner).fit(X_held_out, y_held_out)
changed = 10_000
X_stream[changed:, 4] = -999.0

for start in range(0, len(X_stream), 500):
    rows = slice(start, start + 500)
    monitor.update(X_stream[rows], y_stream[rows] if start < changed else None)

# %%
# What the monitor found
# ----------------------

print(f"agreement in fit {monitor.baseline_['agreement']:.3f}, tested level {monitor.level_:.3f}")
low, high = monitor.interval_
print(f"agreement in the stream {monitor.agreement_:.3f}, from {low:.3f} to {high:.3f}")
print(f"score difference {monitor.score_difference_:.4f} on the samples with known targets")
print(f"alarm at sample {monitor.alarm_at_:,}")
print(monitor.drift_.round(3))

# %%
# The batches
# -----------

ax = monitor.plot()
