"""Certificates for tests, made by the command `openssl`, in a folder that the tests remove.

Where there is no such command, certificates that were made elsewhere can be used, for two days:
`python3 -m tests.net.certificates FOLDER` makes them, and the environment variable FOLDER_VARIABLE
tells the tests where they are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

# A new key without a password, as options of `openssl req`.
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

# A folder of certificates that were made elsewhere.
FOLDER_VARIABLE = "PONTE_TEST_CERTIFICATES"
MADE_ELSEWHERE = os.environ.get(FOLDER_VARIABLE, "")

needs_openssl = unittest.skipUnless(MADE_ELSEWHERE or shutil.which("openssl"),
                                    "needs the command openssl")


class Certificates:
    """Two authorities, `ca` and `other_ca`, and certificates with their keys.

    `local` is for 127.0.0.1 and localhost, and `elsewhere` is for another host; `ca` has signed
    both. `other_ca` has signed `stranger`. `alone` is for 127.0.0.1, and signed by itself. Only a
    password opens `locked`, the key of `local`.
    """

    def __init__(self, test_case: type[unittest.TestCase]) -> None:
        folder = MADE_ELSEWHERE
        if not folder:
            made = tempfile.TemporaryDirectory(prefix="ponte-tls-")
            test_case.addClassCleanup(made.cleanup)
            folder = made.name
            make(folder)
        self.ca, self.other_ca, self.local, self.elsewhere, self.stranger, self.alone, \
            self.locked = (os.path.join(folder, f"{name}.pem") for name in (
                "ca", "other_ca", "local", "elsewhere", "stranger", "alone", "locked"))


def make(folder: str) -> None:
    """Makes all certificates in this folder, and their keys."""
    _Maker(folder).make()


class _Maker:
    """Makes certificates and keys in a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def make(self) -> None:
        self._authority("ca")
        self._authority("other_ca")
        self._signed("local", "IP:127.0.0.1,DNS:localhost", "ca")
        self._signed("elsewhere", "IP:192.0.2.1,DNS:elsewhere.example", "ca")
        self._signed("stranger", "IP:127.0.0.1", "other_ca")
        self._signed_by_itself("alone", "IP:127.0.0.1")
        self._openssl("ec", "-in", self._path("local.pem"), "-aes128",
                      "-passout", "pass:secret", "-out", self._path("locked.pem"))

    def _authority(self, name: str) -> None:
        self._openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
                      "-addext", "keyUsage=critical,keyCertSign",
                      "-keyout", self._path(f"{name}.key"), "-out", self._path(f"{name}.pem"))

    def _signed_by_itself(self, name: str, names: str) -> None:
        key, path = self._path(f"{name}.key"), self._path(f"{name}.pem")
        self._openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
                      "-addext", f"subjectAltName={names}", "-keyout", key, "-out", path)
        self._add_key(path, key)

    def _signed(self, name: str, names: str, authority: str) -> None:
        key, request, path = (self._path(f"{name}.{kind}") for kind in ("key", "csr", "pem"))
        extensions = self._path(f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n"
                       "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        self._openssl("req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self._path(f"{authority}.pem"),
                      "-CAkey", self._path(f"{authority}.key"), "-CAcreateserial", "-days", "2",
                      "-extfile", extensions, "-out", path)
        self._add_key(path, key)

    def _add_key(self, path: str, key: str) -> None:
        """Adds the key to the certificate's file, where --tls-key looks for it by default."""
        with open(key, encoding="ascii") as source, open(path, "a", encoding="ascii") as target:
            target.write(source.read())

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                       stderr=subprocess.PIPE)


if __name__ == "__main__":
    os.makedirs(sys.argv[1])
    make(sys.argv[1])
