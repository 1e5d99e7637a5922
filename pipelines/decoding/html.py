"""Whether a text is an HTML page."""

import re

_FIRST_TAG = re.compile(
    r"\ufeff?(?:\s|<!--.*?-->|<\?xml[^>]*>)*<(?:!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)


def is_html(text: str) -> bool:
    """Returns whether the first tag is that of a page, after comments: "<!-- x --><html>"; a fragment isn't known."""
    return bool(_FIRST_TAG.match(text))
