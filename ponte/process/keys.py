"""The key that signs heartbeats: where it comes from, who may read it, and who needs one.

A key is the content of a file, without the white space around it. `registry.py --make-key FILE`
writes a new one, and any 16 bytes or more will do. All machines that take part have the same key,
and nobody else may have it. So a file that other users can read is refused, as ssh refuses it,
where the system knows who can read a file (POSIX).

A key is changed without a stop by two keys at a time: `--key-file NEW,OLD` signs with the first,
and accepts both.

Without a key, everybody who reaches the registry's port can register a server, and then receives
calls that were meant for others. That is why a process without a key listens on this machine only,
unless --insecure declares that the network is trusted. docs/security.md shows such an attack.
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import stat
import sys
import time

from ponte.net import windows
from ponte.net.address import is_loopback
from ponte.net.names import look_up
from ponte.net.threads import wait_for
from ponte.process.options import UsageError, given_by
from ponte.process.typed import typed

# Bytes that a key must have: a shorter one could be guessed. NIST SP 800-107 asks for 14 at least.
MIN_KEY_BYTES = 16
# Bytes of a new key: as many as SHA-256 returns. More add nothing (RFC 2104 section 3).
NEW_KEY_BYTES = 32
# Seconds to look up the name given as --host. With fewer, a slow name server ends a start.
LOOK_UP_S = 2.0
# The rights of all users but the owner, in the mode of a file.
OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Who can read a new key.
OURS_ALONE = "which only you can read"
NOT_OURS_ALONE = ("which other users of this computer may be able to read (keep it in a folder "
                  "that only you may open)")


def read_keys(paths: str | None, option: str = "--key-file") -> tuple[bytes, ...]:
    """The keys in these files, with commas between the paths; none where no file is named.

    `option` is how the user named them. Raises UsageError as `read_key` does.
    """
    if not paths:
        return ()
    given = [path.strip() for path in paths.split(",")]
    if "" in given:
        raise UsageError(f"{option} {paths}: a path is empty: give FILE, or NEW,OLD")
    return tuple(read_key(path, option) for path in given)


def read_key(path: str | None, option: str = "--key-file") -> bytes:
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
        raise UsageError(f"{option} {path}: {error.strerror}") from None
    if os.name == "posix" and mode & OTHERS:
        raise UsageError(f"{option} {path}: other users than its owner may read or change it - "
                         f"type: {typed(['chmod', '600', path])}")
    if len(key) < MIN_KEY_BYTES:
        raise UsageError(f"{option} {path}: a key needs {MIN_KEY_BYTES} bytes at least, "
                         f"this one has {len(key)}")
    return key


def make_key(path: str) -> str:
    """Writes a new key to a new file that only its owner may read.

    Returns, in words for the user, who can read it: a file system may know no owners. Raises
    UsageError where the file exists already or cannot be written.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"--make-key {path}: it exists, and is not overwritten - choose another "
                         "name, or delete the old file first") from None
    except OSError as error:
        raise UsageError(f"--make-key {path}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        # Before there is a key in it. Windows gives a new file the rights of its folder.
        if sys.platform == "win32":
            is_kept = windows.keep_to_owner(path)
        else:
            is_kept = not os.fstat(handle).st_mode & OTHERS
        file.write(secrets.token_hex(NEW_KEY_BYTES) + "\n")
    return OURS_ALONE if is_kept else NOT_OURS_ALONE


def keys_for_listening(chosen: argparse.Namespace) -> tuple[bytes, ...]:
    """The keys that the command line names, for a process that listens on `chosen.host`.

    Raises UsageError as `read_keys` does; where a process without a key would listen beyond this
    machine; and where no name server tells in time what that host is.
    """
    keys = read_keys(chosen.key_file, given_by(chosen, "--key-file"))
    host, option = chosen.host, given_by(chosen, "--host")
    try:
        is_ours_alone = is_local_only(host)
    except socket.timeout:
        raise UsageError(f"{option} {host}: no name server told its address within "
                         f"{LOOK_UP_S:.0f} s - give an address") from None
    if not keys and not chosen.insecure and not is_ours_alone:
        raise UsageError(f"{option} {host}: without a key, anybody on the network could "
                         "register a server - give a --key-file, or --insecure if you trust "
                         "everybody there")
    return keys


def is_local_only(host: str) -> bool:
    """Whether only this machine can reach a socket that listens on `host`, an address or a name.

    Blocks while a name is looked up. Raises socket.timeout after LOOK_UP_S.
    """
    try:
        # "" stands for every address of this machine.
        found = wait_for(look_up((host, 0), time.monotonic() + LOOK_UP_S)) if host else []
    except socket.timeout:
        raise
    except (OSError, UnicodeError):
        # Nothing can listen there: the attempt to listen raises a better error than this function.
        return True
    return bool(found) and all(is_loopback(str(place[0])) for _, place in found)
