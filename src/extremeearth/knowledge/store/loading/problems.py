"""What is wrong in the documents of a load: an error at once, or counted with the first ones kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from extremeearth.core.errors import DataBrokenError
from extremeearth.knowledge.store.contract import DocumentProblem

__all__ = ["MOST_EXAMPLES", "ProblemList"]

MOST_EXAMPLES = 20
"""How many problems are kept to be shown; all are counted."""


@dataclass(slots=True)
class ProblemList:
    """Takes note of problems.

    Attributes
    ----------
    skip_bad
        Whether to go on; otherwise the first problem is an error.
    hint
        What can be done, for the error.
    count
        How many there were.
    examples
        The first of them.

    Examples
    --------
    >>> problems = ProblemList(skip_bad=True)
    >>> problems.add("a.nt", 3, "It is not UTF-8.")
    >>> problems.count, str(problems.examples[0])
    (1, 'a.nt, line 3: It is not UTF-8.')
    """

    skip_bad: bool = False
    hint: str = "Mend it, or load with --skip-bad. Nothing was loaded."
    count: int = 0
    examples: list[DocumentProblem] = field(default_factory=list)

    def add(self, document: str, line: int | None, message: str) -> None:
        """Take note of one.

        Raises
        ------
        DataBrokenError
            Bad things are not to be skipped.
        """
        problem = DocumentProblem(document=document, line=line, message=message)
        if not self.skip_bad:
            raise DataBrokenError(str(problem), hint=self.hint)
        self.count += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(problem)
