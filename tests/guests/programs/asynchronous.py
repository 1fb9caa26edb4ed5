"""Calls Ponte with aiohttp-xmlrpc, a client for asyncio.

    python3 asynchronous.py URL-OF-THE-GREETER URL-OF-THE-VALUES
"""

from __future__ import annotations

import asyncio
import datetime
import sys
from typing import Any

from aiohttp_xmlrpc.client import ServerProxy  # type: ignore[import-not-found]


def check(name: str, found: object, expected: object) -> None:
    print(f"ok {name}" if found == expected else f"FAILED {name}: {found!r}")


async def fault_of(values: Any, method: str, *arguments: object) -> str:
    """Type and text of the exception into which it turns a fault, by its code."""
    try:
        await getattr(values, method)(*arguments)
    except Exception as fault:
        return f"{type(fault).__name__}: {fault}"
    return "no fault"


async def main() -> None:
    greeter, values = ServerProxy(sys.argv[1]), ServerProxy(sys.argv[2])
    check("hello", await greeter.hello("Hello"), "World")
    text = "São Tomé, 日本, 🐘 <&>"
    check("text", await values.echo(text), text)
    # The least and the greatest number of 32 bits would already be sent as <double>.
    check("int", [await values.kind(2**31 - 2), await values.echo(1 - 2**31)],
          ["int 2147483646", 1 - 2**31])
    print("cannot i8: its schema of replies does not know the tag")
    check("double", [await values.small(), await values.echo(0.1)], [1e-09, 0.1])
    check("boolean", [await values.kind(True), await values.echo(False)], ["bool True", False])
    check("nil", [await values.nothing(), await values.kind(None)], [None, "NoneType None"])
    # It reads bytes. To write them, it makes them a text.
    check("base64", await values.all_bytes(), bytes(range(256)))
    leap_day = datetime.datetime(2024, 2, 29, 13, 14, 15)
    check("date sent", await values.kind(leap_day), "datetime 2024-02-29T13:14:15")
    check("date read", await values.leap_day(), leap_day)
    person = {"name": "Ana", "marks": [10, 9.5, "-"], "address": {"city": "Recife"}}
    check("struct", await values.echo(person), person)
    check("fault", await fault_of(values, "refuse", "no boat left"),
          "ApplicationError: ValueError: no boat left")
    check("no method", (await fault_of(values, "invented")).partition(":")[0], "MethodNotFound")
    check("kept", await values.connection(), await values.connection())
    check("methods", "echo" in await getattr(values, "system.listMethods")(), True)
    await greeter.close()
    await values.close()


asyncio.run(main())
