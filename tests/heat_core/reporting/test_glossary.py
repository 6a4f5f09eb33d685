"""The glossary: one text for the documentation and the app."""

from heat_core.reporting.glossary import TERMS, to_markdown
from tests.browser import ROOT


def test_the_page_is_made_from_the_terms():
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == to_markdown()


def test_terms_are_sentences_and_named_once():
    assert len({term.name for term in TERMS}) == len(TERMS) >= 20
    assert all(term.meaning[0].isupper() or term.meaning[0] in "pβ" for term in TERMS)
    assert all(term.meaning.endswith(".") for term in TERMS)
