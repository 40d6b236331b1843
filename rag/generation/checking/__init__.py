"""Check an answer sentence by sentence while it streams: is it said where it says, and do its figures stand there?

Nothing here asks a chat model. Figures, dates and names are looked up exactly; sentences by their words, and by their meaning
where an embedding model is given. A check costs milliseconds.
"""

from rag.generation.checking.checker import Checker, check_answer
from rag.generation.checking.meaning import Meaning

__all__ = ["Checker", "Meaning", "check_answer"]
