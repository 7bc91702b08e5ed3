"""
Prune a forest, and choose how far
==================================

A random forest predicts the progress of diabetes. The data have few samples and much noise,
so the forest is much larger than the data justify. Backfitting prunes and refits its trees
together; all its levels are cross-validated, and the smallest forest within one standard error of
the best score is selected. Then it is compared on held-out test data with the whole forest, with
one that is trained from scratch with as many leaves, and with two that keep 4 % of the leaves: one
whose splits are pruned by their cost, and one that is pruned at random.
"""

# %%
# Training data, and held-out test data
# -------------------------------------

import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import train_test_split

from skprune import PruningPathDisplay, PruningSearchCV, TreePruner, compare, model_size

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)

# %%
# One cross-validation scores every level
# ---------------------------------------

forest = RandomForestRegressor(random_state=0)
search = PruningSearchCV(forest).fit(X_train, y_train)
pruned = search.best_estimator_.estimator_  # a plain RandomForestRegressor

# %%
# Comparison on the test data
# ---------------------------
# A small forest can also be trained from scratch. Collapsing the splits that contribute least keeps
# the values of the leaves, and needs more leaves; at random it needs most.

leaves = model_size(pruned).units
from_scratch = RandomForestRegressor(leaves // 8 + 1, max_leaf_nodes=8, random_state=0)
by_cost = TreePruner(clone(forest), criterion="cost_complexity", keep=0.04)
at_random = TreePruner(clone(forest), criterion="random", keep=0.04, random_state=0)
table = compare(
    {
        "whole": forest.fit(X_train, y_train),
        "pruned": pruned,
        "from scratch": from_scratch.fit(X_train, y_train),
        "pruned by cost": by_cost.fit(X_train, y_train),
        "pruned at random": at_random.fit(X_train, y_train),
    },
    X_test,
    y_test,
)
table = table.rename(columns={"units": "leaves", "mean_absolute_error": "abs. error"})
columns = ["r2", "abs. error", "leaves", "bytes", "batch_us", "row_us", "agreement"]
with pd.option_context("display.width", 120, "display.precision", 3):
    print(table[columns].round(3).to_string())

# %%
# The whole trade-off
# -------------------

display = PruningPathDisplay.from_search(search)
display.figure_.savefig("quickstart.png", dpi=150)
print("\nScore against size, for every level: quickstart.png")
