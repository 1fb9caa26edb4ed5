"""What every server says of itself: the methods of system.* that a caller may ask first.

Wire format: "introspection" as xmlrpc.usefulinc.com/doc/reserved.html has it; and
system.getCapabilities of groups.yahoo.com/group/xml-rpc/message/2897: for each capability the
address of its specification, and the version of that.
"""

from __future__ import annotations

from typing import Any, Callable
from xmlrpc.client import Fault

from ponte.rpc.marshal import INVALID_PARAMETERS, METHOD_NOT_FOUND
from ponte.rpc.method import Method

MULTICALL = "system.multicall"

# What is really done here: name, specification and version. The versions are those of the
# specifications; the one of faults is a day.
_CAPABILITIES = {
    "xmlrpc": ("http://www.xmlrpc.com/spec", 1),
    "introspection": ("http://xmlrpc.usefulinc.com/doc/reserved.html", 1),
    "faults_interop": ("http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php", 20010516),
    "nil": ("http://www.ontosys.com/xml-rpc/extensions.php", 1),
}
# Only where it is on.
_MULTICALL_SPEC = ("http://www.xmlrpc.com/discuss/msgReader$1208", 1)


class Introspection:
    """Answers from `methods`, the table of a dispatcher, as it is at the time of the call."""

    def __init__(self, methods: dict[str, Method]) -> None:
        self._methods = methods
        self.by_name: dict[str, Callable[..., Any]] = {
            "system.listMethods": self._list_methods,
            "system.methodHelp": self._method_help,
            "system.methodSignature": self._method_signature,
            "system.getCapabilities": self._capabilities}

    def _list_methods(self) -> list[str]:
        """The names of all methods."""
        return sorted(self._methods)

    def _method_help(self, name: str) -> str:
        """The documentation of a method; an empty string where it has none."""
        return self._named(name).help()

    def _method_signature(self, name: str) -> list[list[str]] | str:
        """The types of a method's result and parameters, for each number of parameters; "undef"
        where an annotation is missing.
        """
        return self._named(name).types() or "undef"

    def _capabilities(self) -> dict[str, dict[str, Any]]:
        """Which specifications this server follows: for each its address and its version."""
        told = {**_CAPABILITIES, MULTICALL: _MULTICALL_SPEC} if MULTICALL in self._methods \
            else _CAPABILITIES
        return {name: {"specUrl": url, "specVersion": version}
                for name, (url, version) in told.items()}

    def _named(self, name: Any) -> Method:
        if not isinstance(name, str):
            raise Fault(INVALID_PARAMETERS, "the name of a method is a string")
        method = self._methods.get(name)
        if method is None:
            raise Fault(METHOD_NOT_FOUND, f"no method {name!r}")
        return method
