"""What a run tells of itself."""

from __future__ import annotations

import pyarrow as pa
import pytest

from extremeearth.core.errors import DataBrokenError
from extremeearth.infrastructure.engine import LocalEngine

TWO_MAPS = """
<urn:a> rml:logicalSource [ rml:source "t" ] ; rml:subjectMap [ rml:template "urn:a:{id}" ; rml:class ex:A ] ;
    rml:predicateObjectMap [ rml:predicate ex:near ; rml:objectMap [ rml:parentTriplesMap <urn:c> ;
        rml:joinCondition [ rml:child "id" ; rml:parent "id" ] ] ] .
<urn:b> rml:logicalSource [ rml:source "t" ] ; rml:subjectMap [ rml:template "urn:b:{id}" ; rml:class ex:B ] .
<urn:c> rml:logicalSource [ rml:source "u" ] ; rml:subjectMap [ rml:template "urn:c:{id}" ; rml:class ex:C ] .
"""


@pytest.mark.parametrize("engine", [None, LocalEngine()])
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_of_a_source_are_counted_once_beside_those_of_each_map(mapped, engine, threads):
    tables = {"t": pa.table({"id": list(range(6))}), "u": pa.table({"id": [1, 2]})}
    _, report = mapped(TWO_MAPS, sources=tables, batch_rows=4, engine=engine, threads=threads)
    assert (report.rows, report.source_rows, report.triples) == (14, 8, 16)


def test_a_report_is_a_table_in_a_notebook(mapped):
    mapping = """<urn:a> rml:logicalSource [ rml:source "t" ] ;
        rml:subjectMap [ rml:template "urn:a:{id}" ; rml:class ex:A ] ."""
    ids = pa.array([*range(1200), 1, None], pa.int64())
    _, report = mapped(mapping, sources={"t": pa.table({"id": ids})})
    shown = report._repr_html_()
    assert "1,200 triples of 1,202 rows" in shown
    assert "the subject has no value" in shown
    assert shown.count("<tr>") == 1 + 4  # the head, rows, rows of maps, triples, the reason


def test_a_broken_term_says_how_to_go_on_in_python_and_on_the_command_line(mapped):
    mapping = """<urn:a> rml:logicalSource [ rml:source "t" ] ;
        rml:subjectMap [ rml:reference "id" ; rml:class ex:A ] ."""
    with pytest.raises(DataBrokenError) as caught:
        mapped(mapping, sources={"t": pa.table({"id": ["a b"]})})
    assert "--skip-bad" in caught.value.hint
    assert "on_error='skip'" in caught.value.hint
