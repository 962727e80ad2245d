"""Formatting that several commands share."""

from __future__ import annotations

from typing import Any

import click
import simplejson

from pipelines.base.escape import printable_json


def pluralize(count: int, noun: str) -> str:
    """Format a count with its noun: '1 segment', '2,000 segments'."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def print_json(document: Any, *, indent: int | None = 2) -> None:
    """Print one JSON document; decimals keep all their digits. Without ``indent`` it is one line."""
    click.echo(printable_json(simplejson.dumps(document, ensure_ascii=False, indent=indent, use_decimal=True)))


def print_alert_error(account_key: str, error: str) -> None:
    """Print why the alerts of an account's load or scan were not sent yet."""
    click.echo(f"account '{account_key}': alerts are deferred to the next load. {error}", err=True)


def print_unsent(error: str, what: str) -> None:
    """Print why an alert about a failed or recovered load or scan was not sent."""
    click.echo(f"An alert was not sent; the next {what} tries again. {error}", err=True)


def escape_cell(text: str | None) -> str:
    """Escape a text for a cell of a Markdown table."""
    return (text or "").replace("|", "\\|")
