"""HTML templates of this package (Jinja2), which escape every value that they do not mark as `safe`.

A variable whose name ends in `_html` is markup made by this package; templates mark no other variable as safe.
"""

import html
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """Render a template of `templates/` as HTML."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("heat_core.reporting"),
        autoescape=True,
        finalize=_escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _escape(value: Any) -> Markup:
    """Escape a value by `html.escape`, so that quotes become the entities that pages have always used."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))
