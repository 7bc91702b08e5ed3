"""
How many features are enough
============================

In this data set few features are relevant: eight are informative, eight more are
combinations of those, and forty-four are noise. Three pruners rank the features, one of
them at random, and one cross-validation for each pruner scores the numbers of features.
The selected features are then compared with all features on held-out test data.
"""

# %%
# Data with noise features, and held-out test data
# ------------------------------------------------

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skprune import (
    InformationPruner,
    PruningPathDisplay,
    PruningSearchCV,
    RandomPruner,
    ReliefPruner,
)

X, y = make_classification(
    800, 60, n_informative=8, n_redundant=8, class_sep=1.5, shuffle=False, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)

# %%
# Numbers of features, for three rankings
# ---------------------------------------
# The features are ranked once per fold; only the classifier is fitted again for each number
# of features (twenty numbers here, from one feature to all).

pruners = {
    "ReliefF": ReliefPruner(),
    "mRMR": InformationPruner(),
    "at random": RandomPruner(random_state=0),
}
searches = {}
for name, pruner in pruners.items():
    model = make_pipeline(StandardScaler(), pruner, KNeighborsClassifier())
    searches[name] = PruningSearchCV(model, max_levels=20).fit(X_train, y_train)

# %%
# The trade-off
# -------------

ax = plt.subplots(figsize=(7, 4.5))[1]
for name, search in searches.items():
    PruningPathDisplay.from_search(search, ax=ax, name=name)
lines = [line for line in ax.lines if line.get_label() in searches]
ax.legend(handles=lines, loc="lower right", frameon=False)

# %%
# Comparison on the test data
# ---------------------------

every = make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(X_train, y_train)
score = every.score(X_test, y_test)
noise = X[:, 16:].shape[1]
print(f"{'all features':12} {X.shape[1]:3} features, accuracy {score:.3f}; noise: {noise}")
for name, search in searches.items():
    kept = search.best_estimator_[1].get_support()
    score = search.score(X_test, y_test)
    print(f"{name:12} {kept.sum():3} features, accuracy {score:.3f}; noise: {kept[16:].sum()}")
