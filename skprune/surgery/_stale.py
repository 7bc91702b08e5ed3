"""Fitted attributes of linear models that a smaller model does not take over."""

# Fitted attributes that describe the whole model, and would be wrong for a smaller one.
STALE_IN_LINEAR = (
    "rank_",
    "singular_",
    "dual_gap_",
    "cv_results_",
    "best_score_",
    "mse_path_",
    "coefs_paths_",
    "scores_",
    "active_",
    "coef_path_",
    "outliers_",
    "scale_",
    "sparse_coef_",
    "standard_coef_",
    "standard_intercept_",
    "average_coef_",
    "average_intercept_",
    # The projection of `transform` in discriminant analysis.
    "scalings_",
    "xbar_",
    "means_",
    "covariance_",
    "explained_variance_ratio_",
)
