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
        "title": "Distillation",
        "text": "A small model is trained on the predictions of a large one.",
        "names": ["Distiller"],
    },
    {
        "title": "Pruning features",
        "text": "Transformers that remove features.",
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
        "text": "A search over pruning levels, and rules that select one from its results.",
        "names": [
            "PruningSearchCV",
            "make_search",
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
        "text": "Compare pruned models with the whole model, and see what was removed.",
        "names": [
            "compare",
            "report",
            "report_of",
            "PruningPathDisplay",
            "ParetoDisplay",
            "ReportDisplay",
        ],
    },
    {
        "title": "Deployment",
        "text": "What runs in production, without skprune, and what watches it.",
        "names": ["strip", "dump", "load", "to_onnx", "AgreementMonitor"],
    },
]
