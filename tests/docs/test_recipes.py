"""The recipes: their files are written, their changes applied, and their commands run for real."""

import pytest
from repository import ROOT

RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.md"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipe_works(path, run_page):
    run_page(path)
