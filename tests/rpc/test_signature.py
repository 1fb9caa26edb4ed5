"""system.methodSignature: a signature for each number of parameters, from annotations of all kinds.
"""

# Annotations of old programs are read, too.
# ruff: noqa: UP006, UP035, UP045

from __future__ import annotations

import collections.abc
import datetime as dt  # noqa: F401
import functools
import unittest
import xmlrpc.client
from datetime import date, datetime
from decimal import Decimal
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Literal,
    Mapping,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypedDict,
    TypeVar,
    Union,
)

from ponte.rpc.dispatcher import Dispatcher
from ponte.rpc.marshal import decode_result, encode_call
from ponte.rpc.method import Method
from ponte.rpc.signature import MAX_REST, signatures

if TYPE_CHECKING:
    from collections.abc import Hashable as Absent  # noqa: F401

UserId = NewType("UserId", int)
Json = Dict[str, Any]
Number = TypeVar("Number", bound=float)
OneOfTwo = TypeVar("OneOfTwo", int, float)


class Movie(TypedDict):
    title: str


class Other:
    pass


# As annotations of a function, and as their texts.
WORDS: tuple[tuple[Any, str | None], ...] = (
    (int, "int"), (bool, "boolean"), (float, "double"), (str, "string"), (None, "nil"),
    (type(None), "nil"), (bytes, "base64"), (bytearray, "base64"), (xmlrpc.client.Binary, "base64"),
    (datetime, "dateTime.iso8601"), (xmlrpc.client.DateTime, "dateTime.iso8601"),
    (list, "array"), (list[int], "array"), (List, "array"), (List[int], "array"),
    (list[list[int]], "array"), (tuple, "array"), (Tuple[int, str], "array"),
    (tuple[int, ...], "array"), (Sequence[int], "array"), (Iterable[str], "array"),
    (collections.abc.Sequence, "array"), (collections.abc.Iterable[int], "array"),
    (dict, "struct"), (Dict[str, int], "struct"), (dict[str, list[int]], "struct"),
    (Mapping[str, int], "struct"), (collections.abc.Mapping, "struct"), (Json, "struct"),
    (Movie, "struct"), (Optional[int], "int"), (Union[None, str], "string"),
    (Optional[List[int]], "array"), (Union[List[int], Tuple[int]], "array"),
    (Annotated[int, "cents"], "int"), (Literal["a", "b"], "string"), (Literal[1, None], "int"),
    (UserId, "int"), (Number, "double"), (Optional["int"], "int"),
    # XML-RPC has no word for these.
    (Any, None), (object, None), (Union[int, str], None), (Literal[1, "a"], None), (OneOfTwo, None),
    (Decimal, None), (date, None), (Set[int], None), (complex, None), (Other, None),
    (Callable[[], int], None), (7, None), ([int], None), ({}, None))
TEXTS: tuple[tuple[str, str | None], ...] = (
    ("int", "int"), ("List[int]", "array"), ("list[int]", "array"),
    ("datetime", "dateTime.iso8601"), ("dt.datetime", "dateTime.iso8601"),
    ("Optional[int]", "int"), ("int | None", "int"), ("None | list[int | str]", "array"),
    ("int | str", None), ("Json", "struct"), ("UserId", "int"),
    ("None", "nil"), (" int ", "int"), ("Movie", "struct"), ("'int'", "int"), ("Absent", None),
    ("List[Absent]", None), ("no python", None), ("1 / 0", None), ("", None), ("dt.date", None))


def annotated(annotation: Any) -> Callable[..., Any]:
    def function(value):  # type: ignore[no-untyped-def]
        return value
    function.__annotations__ = {"value": annotation, "return": annotation}
    return function


class Words(unittest.TestCase):
    """XML-RPC's word for an annotation."""

    def test_each_type_has_its_word(self) -> None:
        for annotation, word in (*WORDS, *TEXTS):
            with self.subTest(annotation):
                expected = None if word is None else [[word, word]]
                self.assertEqual(signatures(annotated(annotation)), expected)

    def test_all_of_them_or_none(self) -> None:
        """One without a word makes the rest useless: a caller could not tell which it is."""
        def mixed(a: int, b, c: int = 0) -> int:  # type: ignore[no-untyped-def]
            return a

        def no_result(a: int):  # type: ignore[no-untyped-def]
            return a
        self.assertIsNone(signatures(mixed))
        self.assertIsNone(signatures(no_result))


def fixed(a: int, b: str) -> bool:
    return True


def defaults(a: int, b: str = "", c: Optional[datetime] = None) -> bool:
    return True


def rest(a: int, *more: float) -> None:
    pass


def only_rest(*more: str) -> None:
    pass


def keyword(a: int = 0, *, b: Other | None = None, **more: Other) -> int:
    return a


def nothing() -> list[int]:
    return []


class Counts(unittest.TestCase):
    """A signature for each number of parameters that a call may have."""

    def test_each_number_has_its_signature(self) -> None:
        for function, expected in (
                (fixed, [["boolean", "int", "string"]]),
                (defaults, [["boolean", "int"], ["boolean", "int", "string"],
                            ["boolean", "int", "string", "dateTime.iso8601"]]),
                (rest, [["nil", "int", *["double"] * count] for count in range(MAX_REST + 1)]),
                (only_rest, [["nil", *["string"] * count] for count in range(MAX_REST + 1)]),
                (keyword, [["int"], ["int", "int"]]),
                (nothing, [["array"]]),
                (functools.partial(fixed, 1), [["boolean", "string"]]),
                (functools.partial(defaults, 1), [["boolean"], ["boolean", "string"],
                                                  ["boolean", "string", "dateTime.iso8601"]]),
                (functools.lru_cache()(fixed), [["boolean", "int", "string"]]),
                (len, None)):
            with self.subTest(function):
                self.assertEqual(signatures(function), expected)

    def test_each_is_one_that_the_function_takes(self) -> None:
        """The counts of `Method.takes`, and no other."""
        for function in (fixed, defaults, keyword, nothing):
            method = Method.of(function)
            counts = [len(signature) - 1 for signature in method.types() or []]
            self.assertEqual(counts, [count for count in range(10) if method.takes(count)])
        for endless in (rest, only_rest):
            method = Method.of(endless)
            counts = [len(signature) - 1 for signature in method.types() or []]
            self.assertEqual(counts, [count for count in range(len(counts) + counts[0])
                                      if method.takes(count)])

    def test_a_caller_gets_them(self) -> None:
        """Also for the methods of system.*; "undef" where there is none."""
        dispatcher = Dispatcher([defaults, len], multicall=True)
        for name, expected in (
                ("defaults", signatures(defaults)), ("len", "undef"),
                ("system.listMethods", [["array"]]), ("system.methodHelp", [["string", "string"]]),
                ("system.multicall", [["array", "array"]]),
                ("system.getCapabilities", [["struct"]])):
            with self.subTest(name):
                body = dispatcher.dispatch(encode_call("system.methodSignature", (name,)))
                self.assertEqual(decode_result(body), expected)


if __name__ == "__main__":
    unittest.main()
