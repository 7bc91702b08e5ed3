"""
Prune a forest, and choose how far
==================================

A random forest predicts the progress of diabetes. The data have few samples and much noise,
so the forest is much larger than the data justify. Every level of pruning is cross-validated,
and the smallest forest within one standard error of the best score is selected. Then five
models are compared on held-out test data: the whole forest, the pruned one, one whose trees
are pruned and refitted together to a tenth of that size, one that is pruned at random to the
same size, and a forest that is trained from scratch with as many leaves.
"""

# %%
# Training data, and held-out test data
# -------------------------------------

import pandas as pd
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
# A forest of the same number of leaves can also be obtained by pruning at random, or by
# training a smaller forest.

leaves = model_size(pruned).units
backfitted = TreePruner(forest, criterion="backfitting", keep=leaves // 10, random_state=0)
at_random = TreePruner(forest, criterion="random", keep=leaves, random_state=0)
from_scratch = RandomForestRegressor(max_leaf_nodes=leaves // 100, random_state=0)
table = compare(
    {
        "whole": forest.fit(X_train, y_train),
        "pruned": pruned,
        "backfitted": backfitted.fit(X_train, y_train),
        "pruned at random": at_random.fit(X_train, y_train),
        "from scratch": from_scratch.fit(X_train, y_train),
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
