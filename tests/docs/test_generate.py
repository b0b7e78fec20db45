"""The main results of the README, from the tables of the snapshot."""

import importlib.util

import pytest
from repository import ROOT

TABLE = """label,test_percent,test_low,test_high,distortion,distortion_low,distortion_high,\
success_count,success_n,paper_test_percent,paper_distortion
FC10,7.454,6.951,7.981,0.03979,0.03811,0.04147,921,922,7.4,0.062
Own,1,0.9,1.1,0.05,0.04,0.06,10,10,,
"""
CLAIMS = """of,sentence,verdict
paper,A.,reproduced
paper,B.,not
ours,C.,not
paper,D.,reproduced
paper,E.,not testable here
"""


@pytest.fixture
def generate(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SNAPSHOT", tmp_path)
    (tmp_path / "table1.csv").write_text(TABLE)
    return module


def test_a_row_for_each_model_of_the_paper(generate):
    _, _, *rows = generate.results().splitlines()
    assert rows == [
        "| FC10 | 7.45 [6.95, 7.98] | 7.4 | 0.040 [0.038, 0.041] | 0.062 | 921 of 922 |"
    ]


def test_claims_of_the_paper_are_counted_where_there_are_any(generate, tmp_path):
    assert "laims" not in generate.results()
    (tmp_path / "claims.csv").write_text(CLAIMS)
    sentence = generate.results().splitlines()[-1]
    assert "tests: 2 reproduced, 1 not (see" in sentence
