"""The public surface in the order of the API page, which conf.py makes from this."""

SECTIONS = [
    {
        "title": "Pruning models",
        "text": "Meta-estimators. The pruned model is ``estimator_``, a plain scikit-learn model.",
        "names": [
            "TreePruner",
            "EnsemblePruner",
            "LinearPruner",
            "MLPPruner",
            "SVMPruner",
            "SamplePruner",
            "Quantizer",
            "make_pruner",
            "densify",
        ],
    },
    {
        "title": "Teaching smaller models",
        "text": "What a large model knows, in a small one.",
        "names": ["Distiller"],
    },
    {
        "title": "Pruning features",
        "text": "Transformers that drop columns.",
        "names": [
            "RulePruner",
            "CorrelationPruner",
            "InformationPruner",
            "ReliefPruner",
            "PermutationPruner",
            "ShadowPruner",
            "RandomPruner",
        ],
    },
    {
        "title": "Choosing a level",
        "text": "A search over pruning levels, and rules that choose from its results.",
        "names": [
            "PruningSearchCV",
            "OneStandardError",
            "WithinTolerance",
            "WithinBudget",
            "NonInferior",
        ],
    },
    {
        "title": "Paths and sizes",
        "text": "All levels of one fitted model, and what a model stores.",
        "names": ["PruningPath", "ModelSize", "model_size", "size_scorer"],
    },
    {
        "title": "Inspection",
        "text": "What pruning gained and what it cost.",
        "names": ["compare", "PruningPathDisplay"],
    },
]
