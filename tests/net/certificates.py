"""Certificates for tests, made by the command `openssl`, in a folder that the tests remove."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest

# A new key without a password, as options of `openssl req`.
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

needs_openssl = unittest.skipUnless(shutil.which("openssl"), "needs the command openssl")


class Certificates:
    """Two authorities, `ca` and `other_ca`, and certificates with their keys.

    `local` is for 127.0.0.1 and localhost, and `elsewhere` is for another host; `ca` has signed
    both. `other_ca` has signed `stranger`. `alone` is for 127.0.0.1, and signed by itself.
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
        self._openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
                      "-addext", "keyUsage=critical,keyCertSign",
                      "-keyout", self._path(f"{name}.key"), "-out", self._path(f"{name}.pem"))
        return self._path(f"{name}.pem")

    def _signed_by_itself(self, name: str, names: str) -> str:
        key, path = self._path(f"{name}.key"), self._path(f"{name}.pem")
        self._openssl("req", "-x509", *NEW_KEY, "-days", "2", "-subj", f"/CN={name}",
                      "-addext", f"subjectAltName={names}", "-keyout", key, "-out", path)
        return self._with_key(path, key)

    def _signed(self, name: str, names: str, authority: str) -> str:
        key, request, path = (self._path(f"{name}.{kind}") for kind in ("key", "csr", "pem"))
        extensions = self._path(f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n"
                       "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        self._openssl("req", *NEW_KEY, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self._path(f"{authority}.pem"),
                      "-CAkey", self._path(f"{authority}.key"), "-CAcreateserial", "-days", "2",
                      "-extfile", extensions, "-out", path)
        return self._with_key(path, key)

    def _with_key(self, path: str, key: str) -> str:
        """Adds the key to the certificate's file, where --tls-key looks for it by default."""
        with open(key, encoding="ascii") as source, open(path, "a", encoding="ascii") as target:
            target.write(source.read())
        return path

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                       stderr=subprocess.PIPE)
