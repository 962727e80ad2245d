"""Sources of view columns: which columns of the tables and views below a view column is computed from.

Postgres stores a view as a parsed query (``pg_rewrite.ev_action``), in which every name is resolved already. Conditions
and sort orders are no sources: they select rows, not values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

Node = dict[str, Any]
Source = tuple[int, int]
"""A relation's oid and the number of its column."""

TOKEN: Final = re.compile(r"[{}()]|(?:\\.|[^\s{}()\\])+", re.DOTALL)
RELATION, SUBQUERY, JOIN, VALUES, CTE, GROUP = "0", "1", "2", "5", "6", "9"
"""Kinds of entries of a query's range table (RTEKind in PostgreSQL's parsenodes.h)."""


def view_sources(rule: str) -> dict[int, set[Source]]:
    """Return the sources of each column of a view, by the column's number."""
    [[query]] = parse_node(iter(TOKEN.findall(rule)))
    numbers = [int(target["resno"]) for target in outputs(query)]
    return {number: set(query_sources(query, number, ())) for number in numbers}


def parse_node(tokens: Iterator[str]) -> list[Any]:
    """Parse Postgres' text form of parsed queries up to the next closing bracket: nodes, lists and words."""
    items: list[Any] = []
    for word in tokens:
        if word in ("}", ")"):
            break
        if word == "(":
            items.append(parse_node(tokens))
        elif word == "{":
            items.append(to_node(parse_node(tokens)))
        else:
            items.append(word)
    return items


def to_node(items: list[Any]) -> Node:
    """Convert the contents of a node, ``NAME :field value …``, to a dictionary; the name is ``node``."""
    node: Node = {"node": items[0]}
    field = ""
    for item in items[1:]:
        if isinstance(item, str) and item.startswith(":"):
            field = item[1:]
        else:
            node.setdefault(field, item)  # the first of several words, such as the length of a constant
    return node


def outputs(query: Node) -> list[Node]:
    """Return the query's result columns, without those that only sort. ``exists (select …)`` may have none."""
    return [target for target in query["targetList"] if isinstance(target, dict) and target["resjunk"] == "false"]


def expression_sources(expression: Any, queries: tuple[Node, ...]) -> Iterator[Source]:
    """Yield the columns in an expression of the innermost of nested queries."""
    if isinstance(expression, list):
        for item in expression:
            yield from expression_sources(item, queries)
    elif isinstance(expression, dict):
        if expression["node"] == "VAR":
            level = len(queries) - int(expression["varlevelsup"])
            yield from column_sources(int(expression["varno"]), int(expression["varattno"]), queries[:level])
        elif expression["node"] == "QUERY":
            yield from query_sources(expression, None, queries)
        else:
            yield from expression_sources(list(expression.values()), queries)


def column_sources(entry_number: int, column_number: int, queries: tuple[Node, ...]) -> Iterator[Source]:
    """Yield the sources of a column of a range table entry of the innermost query."""
    entry = queries[-1]["rtable"][entry_number - 1]
    kind = entry["rtekind"]
    if kind == RELATION:
        yield int(entry["relid"]), column_number
    elif kind == SUBQUERY:
        yield from query_sources(entry["subquery"], column_number, queries)
    elif kind == CTE:
        level = len(queries) - int(entry["ctelevelsup"])
        [cte] = [one for one in queries[level - 1]["cteList"] if one["ctename"] == entry["ctename"]]
        if not any(cte["ctequery"] is query for query in queries):  # otherwise it is recursive
            yield from query_sources(cte["ctequery"], column_number, queries[:level])
    elif kind in (JOIN, GROUP):
        columns = entry["joinaliasvars" if kind == JOIN else "groupexprs"]
        yield from expression_sources(columns[column_number - 1], queries)
    elif kind == VALUES:
        yield from expression_sources([row[column_number - 1] for row in entry["values_lists"]], queries)
    else:
        yield from expression_sources(entry.get("functions"), queries)


def query_sources(query: Node, column_number: int | None, outer: tuple[Node, ...]) -> Iterator[Source]:
    """Yield the sources of one result column of a nested query, or of all."""
    queries = (*outer, query)
    if isinstance(query["setOperations"], dict):  # union: the columns of its parts
        for entry in query["rtable"]:
            if entry["rtekind"] == SUBQUERY:
                yield from query_sources(entry["subquery"], column_number, queries)
        return
    for target in outputs(query):
        if column_number in (None, int(target["resno"])):
            yield from expression_sources(target["expr"], queries)
