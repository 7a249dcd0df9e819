"""Twister2's module of this name, in whose place stands the class of this name."""

import sys

from dtset import TSetContext

# Programs write `from twister2 import TSetContext`, a module in Twister2, where they mean the class.
# The class serves as both, and is pickled as dtset's, which every worker has.
TSetContext.TSetContext = TSetContext  # type: ignore[attr-defined]
sys.modules[__name__] = TSetContext  # type: ignore[assignment]
