"""Tables and plots of what pruning gained and what it cost."""

from skprune.inspection._compare import compare
from skprune.inspection._display import PruningPathDisplay

__all__ = ["PruningPathDisplay", "compare"]
