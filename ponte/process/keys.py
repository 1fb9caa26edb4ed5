"""The key that signs heartbeats: where it comes from, who may read it, and how far Ponte listens without one.

A key is the content of a file, without the white space around it: `registry.py --make-key FILE` writes one, and any
16 bytes or more will do. It is the same on every machine that takes part, and nobody else may have it. So, as ssh
does, a file that others can read is refused where the system tells (POSIX): a key that others have signs nothing.

Without a key anybody who reaches the registry's port can register a server, and is then sent other people's calls.
That is why a process without one listens on this machine alone, unless --insecure says that the network is trusted.
docs/security.md shows what happens otherwise, and has more.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
import socket
import stat

from ponte.process.options import UsageError

MIN_KEY_BYTES = 16          # fewer could be guessed; NIST SP 800-107 asks HMAC keys for 14 at least
NEW_KEY_BYTES = 32          # as long as what SHA-256 makes of it: more adds nothing (RFC 2104 section 3)


def read_key(path: str | None) -> bytes:
    """The key in a file, without white space around it; empty where no file is named. Else UsageError."""
    if path is None:
        return b""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read().strip()
    except OSError as error:
        raise UsageError(f"--key-file {path}: {error.strerror}") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"--key-file {path}: others than its owner may read or change it - type: chmod 600 {path}")
    if len(key) < MIN_KEY_BYTES:
        raise UsageError(f"--key-file {path}: a key needs {MIN_KEY_BYTES} bytes at least, this one has {len(key)}")
    return key


def make_key(path: str) -> None:
    """Writes a new key to a file that is not there yet, and that only its owner may read. Else UsageError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"--make-key {path}: it exists, and is not overwritten - choose another name, "
                         "or take the old one away first") from None
    except OSError as error:
        raise UsageError(f"--make-key {path}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(NEW_KEY_BYTES) + "\n")


def key_for_listening(chosen: argparse.Namespace) -> bytes:
    """The key that the command line names. UsageError where there is none, and it listens beyond this machine."""
    key = read_key(chosen.key_file)
    if not key and not chosen.insecure and not is_loopback(chosen.host):
        raise UsageError(f"--host {chosen.host}: without a key, anybody on the network could register a server - "
                         "give a --key-file, or --insecure if you trust everybody there")
    return key


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a socket that listens on `host`, an address or a name."""
    try:
        found = socket.getaddrinfo(host, None) if host else []      # "" is every address there is
    except (OSError, UnicodeError):
        return True         # it can not be listened on either; whoever tries says so in better words
    return bool(found) and all(ipaddress.ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found)
