"""Forget a customer, or all: replace or delete what is stored of them, so that numbers stay."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from pipelines.base.errors import SettingsError
from pipelines.customers.forgotten import create_key, hash_of, hash_of_key, read_forgotten, read_key
from pipelines.customers.projection import FORGOTTEN_FROM
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

MEMBER_TABLES: Final = ("delete_stays_of_account", "delete_pages_of_account", "delete_useless_hashes")


def forget_customer(engine: Engine, data_dir: Path, account_key: str, account_id: int, customer_id: int) -> bool:
    """Replace a customer's id by a random one everywhere; return True if anything was stored of it.

    Its stays end with the next scan, which skips the customer, also if it is running now. Raises ``SettingsError`` if
    the key cannot be used.
    """
    with transaction(engine, account=account_key) as connection:
        connection.execute(statement("lock_account"), {"account_id": account_id})
        connection.execute(statement("lock_forgotten"))  # the first of two that begin at once creates the key
        read_forgotten(connection, data_dir, account_id)
        key = read_key(data_dir) or create_key(data_dir)
        values = {
            "account_id": account_id,
            "customer_id": customer_id,
            "random_id": FORGOTTEN_FROM + secrets.randbelow(2**62 - 2),
            "id_hash": hash_of(key, customer_id),
            "key_hash": hash_of_key(key),
        }
        connection.execute(statement("insert_forgotten"), values)
        queries = ("forget_in_stays", "forget_in_pages")
        return sum(connection.execute(statement(name), values).rowcount for name in queries) > 0


def forget_all(engine: Engine, data_dir: Path, account_key: str, account_id: int) -> int:
    """Delete all stays and pages of an account; return the number of stays. Numbers stay, and a running scan fails.

    Customers that were forgotten stay forgotten, unless the key is lost: then their hashes are deleted too.
    """
    try:
        key = read_key(data_dir)
    except SettingsError:
        key = None
    values = {"account_id": account_id, "key_hash": None if key is None else hash_of_key(key)}
    with transaction(engine, account=account_key) as connection:
        connection.execute(statement("lock_account"), {"account_id": account_id})
        counts = [connection.execute(statement(name), values).rowcount for name in MEMBER_TABLES]
    return counts[0]
