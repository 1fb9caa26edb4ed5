"""Calls Ponte with the client of Python's standard library.

    python3 stock.py URL-OF-THE-GREETER URL-OF-THE-VALUES
"""

from __future__ import annotations

import datetime
import sys
from xmlrpc.client import Fault, ServerProxy


def check(name: str, found: object, expected: object) -> None:
    print(f"ok {name}" if found == expected else f"FAILED {name}: {found!r}")


def fault_of(method: str, *arguments: object) -> tuple[int, str]:
    try:
        getattr(values, method)(*arguments)
    except Fault as fault:
        return fault.faultCode, fault.faultString
    return 0, "no fault"


greeter = ServerProxy(sys.argv[1])
values = ServerProxy(sys.argv[2], allow_none=True, use_builtin_types=True)

check("hello", greeter.hello("Hello"), "World")
TEXT = "São Tomé, 日本, 🐘 <&>"
check("text", values.echo(TEXT), TEXT)
check("int", [values.kind(2**31 - 1), values.echo(-2**31)], ["int 2147483647", -2**31])
# It reads <i8>, and refuses to write it.
check("i8", values.big(), 2**40)
check("double", [values.small(), values.echo(0.1), values.echo(-1e300)], [1e-09, 0.1, -1e300])
check("boolean", [values.kind(True), values.echo(False)], ["bool True", False])
check("nil", [values.nothing(), values.kind(None)], [None, "NoneType None"])
check("base64", [values.all_bytes(), values.echo(b"\0\xff")], [bytes(range(256)), b"\0\xff"])
LEAP_DAY = datetime.datetime(2024, 2, 29, 13, 14, 15)
check("date sent", values.kind(LEAP_DAY), "datetime 2024-02-29T13:14:15")
check("date read", values.leap_day(), LEAP_DAY)
PERSON = {"name": "Ana", "marks": [10, 9.5, "-"], "address": {"city": "Recife", "empty": []}}
check("struct", values.echo(PERSON), PERSON)
check("fault", fault_of("refuse", "no boat left"), (-32500, "ValueError: no boat left"))
check("no method", fault_of("invented")[0], -32601)
check("kept", values.connection(), values.connection())
check("methods", "echo" in values.system.listMethods(), True)  # type: ignore[operator]

greeter("close")()
values("close")()
