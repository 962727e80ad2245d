"""Generated sections of Markdown pages, each between two marks."""

from __future__ import annotations

from typing import Final

from pipelines.amocrm.anomalies import ANOMALY_KINDS

ANOMALIES_BEGIN: Final = "<!-- anomalies: written by './run dictionary' -->\n"
ANOMALIES_END: Final = "<!-- end of anomalies -->\n"


def replace_section(page: str, begin: str, end: str, section: str) -> str:
    """Replace what is between the two marks; a page without them stays as it is."""
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    return f"{before}{begin}{section}{end}{after}" if found_begin and found_end else page


def insert_anomalies(page: str) -> str:
    """Write the table of anomaly kinds into ``docs/operations.md``'s text."""
    rows = "".join(f"| `{kind}` | {meaning} |\n" for kind, meaning in ANOMALY_KINDS.items())
    return replace_section(page, ANOMALIES_BEGIN, ANOMALIES_END, f"\n| kind | meaning |\n|---|---|\n{rows}\n")
