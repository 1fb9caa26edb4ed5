"""Certificates for tests, made by the command `openssl` in a folder that goes away with the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest

needs_openssl = unittest.skipUnless(shutil.which("openssl"), "needs the command openssl")


class Certificates:
    """Two authorities, `ca` and `other_ca`; the rest are certificates with their keys, signed by the first.

    `local` is for 127.0.0.1 and localhost, `elsewhere` for another host; `stranger` is signed by the second. `alone` is
    for 127.0.0.1, and signed by itself.
    """

    def __init__(self, test_case: type[unittest.TestCase]) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ponte-tls-")
        test_case.addClassCleanup(folder.cleanup)
        self._folder = folder.name
        self.ca, self.other_ca = self._authority("ca"), self._authority("other_ca")
        self.local = self._signed("local", "IP:127.0.0.1,DNS:localhost", "ca")
        self.elsewhere = self._signed("elsewhere", "IP:192.0.2.1,DNS:elsewhere.example", "ca")
        self.stranger = self._signed("stranger", "IP:127.0.0.1", "other_ca")
        self.alone = self._signed_by_itself("alone", "IP:127.0.0.1")

    def with_password(self) -> str:
        """A key that only a password opens."""
        path = self._path("locked.pem")
        self._openssl("ec", "-in", self.local, "-aes128", "-passout", "pass:secret", "-out", path)
        return path

    def _authority(self, name: str) -> str:
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-days", "2", "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign",
                      "-keyout", self._path(f"{name}.key"), "-out", self._path(f"{name}.pem"))
        return self._path(f"{name}.pem")

    def _signed_by_itself(self, name: str, names: str) -> str:
        key, path = self._path(f"{name}.key"), self._path(f"{name}.pem")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}",
                      "-keyout", key, "-out", path)
        return self._with_key(path, key)

    def _signed(self, name: str, names: str, authority: str) -> str:
        key, request, path = (self._path(f"{name}.{kind}") for kind in ("key", "csr", "pem"))
        extensions = self._path(f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                      "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self._path(f"{authority}.pem"),
                      "-CAkey", self._path(f"{authority}.key"), "-CAcreateserial", "-days", "2", "-extfile", extensions,
                      "-out", path)
        return self._with_key(path, key)

    def _with_key(self, path: str, key: str) -> str:
        """One file for both, as the default of --tls-key has it."""
        with open(key, encoding="ascii") as source, open(path, "a", encoding="ascii") as target:
            target.write(source.read())
        return path

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
