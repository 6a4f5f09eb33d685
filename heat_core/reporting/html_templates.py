"""The HTML templates of this package (Jinja2): every value is escaped, unless its template marks it as `safe`.

A variable whose name ends in `_html` is markup that this package made; templates mark no other as safe.
"""

import html
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """The HTML of a template in `templates/`."""
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
    """As `html.escape`, which all pages have used so far (Jinja2's own writes quotes as other entities)."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))
