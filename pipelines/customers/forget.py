"""Forget a customer, or all: replace or delete what is stored of them, so that numbers stay.

A forgotten customer gets a random id. So that the next scan does not bring the old one back, a keyed
hash of it is stored. The key is a file of the data folder: with a key in the database, anyone who has
a dump could try all ids.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from pipelines.base.atomic_file import replace_file
from pipelines.base.bounded_file import read_text
from pipelines.base.errors import SettingsError
from pipelines.customers.projection import FORGOTTEN_FROM
from pipelines.warehouse.engine import transaction
from pipelines.warehouse.queries import statement

KEY_FILE: Final = "customers.key"
MEMBER_TABLES: Final = ("delete_pages_of_account", "delete_stays_of_account", "delete_forgotten_of_account")


def forget_customer(engine: Engine, data_dir: Path, account_key: str, account_id: int, customer_id: int) -> bool:
    """Replace a customer's id by a random one everywhere; return True if anything was stored of it.

    Its stays end with the next scan, which skips the customer.
    """
    with transaction(engine, account=account_key) as connection:
        connection.execute(statement("lock_account"), {"account_id": account_id})
        key = _read_key(connection, data_dir, account_id) or _create_key(data_dir)
        values = {
            "account_id": account_id,
            "customer_id": customer_id,
            "random_id": FORGOTTEN_FROM + secrets.randbelow(2**62 - 2),
            "id_hash": _hash(key, customer_id),
            "key_hash": _hash(key, 0),
        }
        connection.execute(statement("insert_forgotten"), values)
        queries = ("forget_in_stays", "forget_in_pages")
        return sum(connection.execute(statement(name), values).rowcount for name in queries) > 0


def forget_all(engine: Engine, account_key: str, account_id: int) -> int:
    """Delete all that is stored of an account's single customers; return the number of stays. Numbers stay."""
    with transaction(engine, account=account_key) as connection:
        connection.execute(statement("lock_account"), {"account_id": account_id})
        counts = [connection.execute(statement(name), {"account_id": account_id}).rowcount for name in MEMBER_TABLES]
    return counts[1]


def read_forgotten(connection: Connection, data_dir: Path, account_id: int) -> Callable[[int], bool]:
    """Return a function that tells if a customer was forgotten. Raises ``SettingsError`` without the key."""
    rows = connection.execute(statement("forgotten_hashes"), {"account_id": account_id}).all()
    if not rows:
        return lambda _: False
    key = _read_key(connection, data_dir, account_id)
    assert key is not None
    hashes = {bytes(row.id_hash) for row in rows}
    return lambda customer_id: _hash(key, customer_id) in hashes


def _read_key(connection: Connection, data_dir: Path, account_id: int) -> bytes | None:
    """Read the key; None if there is none and none is needed. Raises ``SettingsError`` if it is another one."""
    file = data_dir / KEY_FILE
    rows = connection.execute(statement("forgotten_hashes"), {"account_id": account_id}).all()
    try:
        key = bytes.fromhex(read_text(file).strip())
    except FileNotFoundError:
        key = None
    except (OSError, ValueError):
        raise SettingsError(f"{file} cannot be read.", advice="Restore it from a backup of the data folder.") from None
    if any(key is None or bytes(row.key_hash) != _hash(key, 0) for row in rows):
        raise SettingsError(
            f"{file} is not the key with which customers of this account were forgotten: a scan would bring them back.",
            advice="Restore it from a backup of the data folder.",
        )
    return key


def _create_key(data_dir: Path) -> bytes:
    key = secrets.token_bytes(32)
    replace_file(data_dir / KEY_FILE, key.hex().encode())
    return key


def _hash(key: bytes, customer_id: int) -> bytes:
    return hmac.digest(key, str(customer_id).encode(), "sha256")
