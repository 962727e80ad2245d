"""Forgotten customers: each is recognized by a keyed hash of its id.

The key is a file of the data folder. With a key in the database, anyone who has a dump could try all ids.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from pipelines.base.atomic_file import replace_file
from pipelines.base.bounded_file import read_text
from pipelines.base.errors import SettingsError
from pipelines.warehouse.queries import statement

KEY_FILE: Final = "customers.key"
KEY_BYTES: Final = 32
RESTORE_ADVICE: Final = (
    "Restore it from a backup of the data folder. If there is none, './run forget --all-customers' deletes what it "
    "protects, and all stays."
)


def read_forgotten(connection: Connection, data_dir: Path, account_id: int) -> Callable[[int], bool]:
    """Return a function that tells if a customer was forgotten.

    Raises ``SettingsError`` if the key is missing, cannot be used or is another one.
    """
    rows = connection.execute(statement("forgotten_hashes"), {"account_id": account_id}).all()
    if not rows:
        return lambda _: False
    key = read_key(data_dir)
    if key is None or any(bytes(row.key_hash) != hash_of_key(key) for row in rows):
        raise SettingsError(
            f"{data_dir / KEY_FILE} is {'missing' if key is None else 'another one'}: only with the key with which "
            "customers of this account were forgotten does a scan recognize them.",
            advice=RESTORE_ADVICE,
        )
    hashes = {bytes(row.id_hash) for row in rows}
    return lambda customer_id: hash_of(key, customer_id) in hashes


def read_key(data_dir: Path) -> bytes | None:
    """Read the key; None if there is none. Raises ``SettingsError`` if the file cannot be used."""
    file = data_dir / KEY_FILE
    try:
        key = bytes.fromhex(read_text(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.", advice=RESTORE_ADVICE) from None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{file} is damaged: it holds no key.", advice=RESTORE_ADVICE)
    return key


def create_key(data_dir: Path) -> bytes:
    """Create the key with mode 0600."""
    key = secrets.token_bytes(KEY_BYTES)
    replace_file(data_dir / KEY_FILE, key.hex().encode())
    return key


def hash_of(key: bytes, customer_id: int) -> bytes:
    """Return the keyed hash of a customer's id."""
    return hmac.digest(key, str(customer_id).encode(), "sha256")


def hash_of_key(key: bytes) -> bytes:
    """Return the hash that recognizes a key: that of no customer."""
    return hash_of(key, 0)
