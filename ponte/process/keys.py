"""The key that signs heartbeats: where it comes from, who may read it, and who needs one.

A key is the content of a file, without the white space around it. `registry.py --make-key FILE`
writes a new one, and any 16 bytes or more will do. All machines that take part have the same key,
and nobody else may have it. So a file that other users can read is refused, as ssh refuses it,
where the system knows who can read a file (POSIX).

Without a key, everybody who reaches the registry's port can register a server, and then receives
calls that were meant for others. That is why a process without a key listens on this machine only,
unless --insecure declares that the network is trusted. docs/security.md shows such an attack.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
import socket
import stat

from ponte.process.options import UsageError

# Bytes that a key must have: a shorter one could be guessed. NIST SP 800-107 asks for 14 at least.
MIN_KEY_BYTES = 16
# Bytes of a new key: as many as SHA-256 returns. More add nothing (RFC 2104 section 3).
NEW_KEY_BYTES = 32


def read_key(path: str | None) -> bytes:
    """The key in a file, without the white space around it; empty where no file is named.

    Raises UsageError where the file cannot be read, is too short, or can be read by other users.
    """
    if path is None:
        return b""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read().strip()
    except OSError as error:
        raise UsageError(f"--key-file {path}: {error.strerror}") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"--key-file {path}: other users than its owner may read or change it - "
                         f"type: chmod 600 {path}")
    if len(key) < MIN_KEY_BYTES:
        raise UsageError(f"--key-file {path}: a key needs {MIN_KEY_BYTES} bytes at least, "
                         f"this one has {len(key)}")
    return key


def make_key(path: str) -> None:
    """Writes a new key to a new file that only its owner may read.

    Raises UsageError where the file exists already or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"--make-key {path}: it exists, and is not overwritten - choose another "
                         "name, or delete the old file first") from None
    except OSError as error:
        raise UsageError(f"--make-key {path}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(NEW_KEY_BYTES) + "\n")


def key_for_listening(chosen: argparse.Namespace) -> bytes:
    """The key that the command line names, for a process that listens on `chosen.host`.

    Raises UsageError as `read_key` does, and where a process without a key would listen beyond this
    machine.
    """
    key = read_key(chosen.key_file)
    if not key and not chosen.insecure and not is_loopback(chosen.host):
        raise UsageError(f"--host {chosen.host}: without a key, anybody on the network could "
                         "register a server - give a --key-file, or --insecure if you trust "
                         "everybody there")
    return key


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a socket that listens on `host`, an address or a name.

    Blocks while a name is looked up.
    """
    try:
        # "" stands for every address of this machine.
        found = socket.getaddrinfo(host, None) if host else []
    except (OSError, UnicodeError):
        # Nothing can listen there: the attempt to listen raises a better error than this function.
        return True
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    return bool(addresses) and all(ipaddress.ip_address(each).is_loopback for each in addresses)
