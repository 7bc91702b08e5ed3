"""Tables, plots and pages of what pruning gained and what it cost."""

from skprune.inspection._compare import compare
from skprune.inspection._display import PruningPathDisplay
from skprune.inspection._pareto import ParetoDisplay
from skprune.inspection._report import report
from skprune.inspection._report_display import ReportDisplay
from skprune.inspection._report_of import report_of

__all__ = ["ParetoDisplay", "PruningPathDisplay", "ReportDisplay", "compare", "report", "report_of"]
