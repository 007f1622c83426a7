"""The skill file: the documents for a context that holds nothing else."""

import re

HEAD = """\
# TikTok Organic: the Airbyte source connector `source-tiktok-organic`

<!-- Made by `make docs` from the page docs/integrations/sources/tiktok-organic.md and from docs/. -->

Everything needed to set up, run and repair the connector, in one file.
"""
# Sections that it does not need.
OMITS = {"Prerequisites", "IP allow list", "Performance considerations", "Tutorials", "Changelog"}
# What only Airbyte's panel and this script understand.
MARKERS = re.compile(r"(?:\n+(?:<!-- /?(?:generated|env).*?-->|</?FieldAnchor.*?>))+\n+")


def skill(page: str, *others: str) -> str:
    """The skill file: most of the page and what it leads to, for a context that holds nothing else."""
    introduction, *sections = re.split(r"^(?=##+ )", page.split("</HideInUI>\n")[1], flags=re.MULTILINE)
    kept = [section for section in sections if section.split("\n")[0].lstrip("# ") not in OMITS]
    deeper = (re.sub("^#", "##", other, flags=re.MULTILINE) for other in others)
    return without_links(MARKERS.sub("\n\n", "\n".join([HEAD + introduction + "".join(kept), *deeper])))


def without_links(text: str) -> str:
    """The text of links within the page and the checkout, which lead nowhere in a context."""
    return re.sub(r"\[([^\]\n]*)\]\((?!https)[^)\n]*\)", r"\1", text)
