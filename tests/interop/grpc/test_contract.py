"""The methods and messages that signatures become, and how parameters and results pass."""

from __future__ import annotations

import math
import unittest
from typing import Any, Callable

from interop.grpc.contract import Contract, Rpc, contract
from interop.grpc.descriptors import File, file_bytes, proto_text, read_files, struct_bytes
from interop.grpc.protobuf import (
    BOOL,
    BYTES,
    DOUBLE,
    INT64,
    MESSAGE,
    STRING,
    VALUE,
    Enum,
    Field,
    Malformed,
    Message,
    decode,
    encode,
    pair,
)
from interop.grpc.server import file_of


def hello(text: str) -> str:
    return text


def several(  # noqa: PLR0917
        text: str, count: int, ratio: float, is_new: bool, raw: bytes, names: list[str],
        anything: Any, nested: list[dict[str, int]], maybe: Any = 5,
        last: str = "x") -> float:
    return 0.5


def rest(first: int, *others: str) -> None:
    return None


def with_keywords(text: str, *, limit: int = 3, **more: Any) -> list[int]:
    return []


def rpc(function: Callable[..., Any]) -> Rpc:
    made, = contract("greeter", {"it": function}).rpcs.values()
    return made


def kinds(message: Message) -> list[tuple[str, int, str, bool, bool]]:
    return [(field.name, field.kind, field.type_name, field.is_repeated, field.is_optional)
            for field in message.fields]


class Signatures(unittest.TestCase):
    def test_each_annotation_has_its_type(self) -> None:
        self.assertEqual(kinds(rpc(several).request), [
            ("text", STRING, "", False, False), ("count", INT64, "", False, False),
            ("ratio", DOUBLE, "", False, False), ("is_new", BOOL, "", False, False),
            ("raw", BYTES, "", False, False), ("names", STRING, "", True, False),
            ("anything", MESSAGE, VALUE, False, False), ("nested", MESSAGE, VALUE, True, False),
            ("maybe", MESSAGE, VALUE, False, True), ("last", STRING, "", False, True)])
        self.assertEqual([field.number for field in rpc(several).request.fields],
                         list(range(1, 11)))
        self.assertEqual(kinds(rpc(several).reply), [("value", DOUBLE, "", False, False)])

    def test_other_kinds_of_parameters_and_results(self) -> None:
        self.assertEqual(kinds(rpc(rest).request), [("first", INT64, "", False, False),
                                                    ("others", STRING, "", True, False)])
        self.assertEqual(rpc(rest).reply.fields, ())
        self.assertEqual(kinds(rpc(with_keywords).request), [("text", STRING, "", False, False)])
        self.assertEqual(kinds(rpc(with_keywords).reply), [("value", INT64, "", True, False)])

    def test_a_function_that_does_not_tell_takes_anything(self) -> None:
        for function in (print, max, dict, int):
            made = rpc(function)
            self.assertTrue(made.reply.fields)
        broken = eval("lambda text: text")
        broken.__annotations__["text"] = "no such name"
        self.assertEqual(kinds(rpc(broken).request), [("text", MESSAGE, VALUE, False, False)])

    def test_names_that_gRPC_does_not_have(self) -> None:
        made = contract("my-shop.v2", {"get.price": hello, "get_price": hello, "getPrice": hello,
                                       "1st": hello, "größe": hello})
        self.assertEqual(made.package, "ponte.my_shop_v2")
        self.assertEqual(made.service, "ponte.my_shop_v2.MyShopV2")
        self.assertEqual(list(made.rpcs), ["get_price", "get_price2", "getPrice", "_1st", "gr__e"])
        self.assertEqual([each.method for each in made.rpcs.values()],
                         ["get.price", "get_price", "getPrice", "1st", "größe"])
        messages = [each.request.name for each in made.rpcs.values()]
        self.assertEqual(len(set(messages)), 5)

    def test_two_methods_never_share_a_message(self) -> None:
        made = contract("s", {"get": hello, "Get": hello, "getRequest": hello})
        names = [message.name for each in made.rpcs.values()
                 for message in (each.request, each.reply)]
        self.assertEqual(len(set(names)), len(names))


class Parameters(unittest.TestCase):
    def params(self, function: Callable[..., Any], **values: Any) -> list[Any]:
        made = rpc(function)
        return made.params(encode(made.request, values, {}))

    def test_what_is_missing_at_the_end_is_left_to_the_function(self) -> None:
        given = {"text": "a", "count": 1, "ratio": 0.5, "is_new": True, "raw": b"r",
                 "names": ["n"], "anything": {"k": 1}, "nested": [{"x": 1}]}
        first = ["a", 1, 0.5, True, b"r", ["n"], {"k": 1}, [{"x": 1}]]
        self.assertEqual(self.params(several, **given), first)
        self.assertEqual(self.params(several, **given, last="z"), [*first, 5, "z"])
        self.assertEqual(self.params(several, **given, maybe=None), [*first, None])

    def test_zeros_are_not_missing(self) -> None:
        self.assertEqual(self.params(hello), [""])
        self.assertEqual(self.params(hello, text=""), [""])

    def test_all_further_parameters(self) -> None:
        self.assertEqual(self.params(rest, first=1), [1])
        self.assertEqual(self.params(rest, first=1, others=["a", "b"]), [1, "a", "b"])

    def test_a_message_that_does_not_fit(self) -> None:
        for data in (pair(1, 5), pair(1, b"\xff"), b"\x80"):
            with self.subTest(data), self.assertRaises(Malformed):
                rpc(hello).params(data)


class Results(unittest.TestCase):
    def test_there_and_back(self) -> None:
        for function, value in ((hello, "World"), (several, 1.5), (with_keywords, [1, 2])):
            made = rpc(function)
            self.assertEqual(decode(made.reply, made.encode_result(value), {})["value"], value)

    def test_a_whole_number_is_a_float_too(self) -> None:
        self.assertEqual(rpc(several).encode_result(2), rpc(several).encode_result(2.0))

    def test_none_where_none_is_announced(self) -> None:
        self.assertEqual(rpc(rest).encode_result(None), b"")
        with self.assertRaises(Malformed):
            rpc(rest).encode_result(1)

    def test_a_result_that_is_not_what_was_announced(self) -> None:
        for function, value in ((hello, 1), (hello, b"x"), (several, "x"), (several, True),
                                (with_keywords, ["x"]), (with_keywords, 1)):
            with self.subTest(value), self.assertRaises(Malformed):
                rpc(function).encode_result(value)
        self.assertTrue(rpc(several).encode_result(math.nan))


class Descriptors(unittest.TestCase):
    """What reflection sends can be read, and says the same."""

    def made(self) -> Contract:
        return contract("greeter", {"hello": hello, "several": several, "rest": rest})

    def test_types_and_methods_there_and_back(self) -> None:
        made = self.made()
        types, services = read_files([file_bytes(file_of(made)), struct_bytes()])
        for each in made.rpcs.values():
            self.assertEqual(types[each.request.name], each.request)
            self.assertEqual(types[each.reply.name], each.reply)
        methods = services["ponte.greeter.Greeter"]
        self.assertEqual(methods["hello"].request, "ponte.greeter.HelloRequest")
        self.assertFalse(methods["hello"].streams_replies)
        self.assertIn("google.protobuf.Struct.FieldsEntry", types)

    def test_any_value_needs_its_file(self) -> None:
        self.assertEqual(file_of(self.made()).needs, ("google/protobuf/struct.proto",))
        self.assertEqual(file_of(contract("s", {"hello": hello})).needs, ())

    def test_a_map_an_enum_and_a_choice_of_others(self) -> None:
        types, _ = read_files([struct_bytes()])
        entry = types["google.protobuf.Struct.FieldsEntry"]
        self.assertTrue(isinstance(entry, Message) and entry.is_entry)
        self.assertEqual(types["google.protobuf.NullValue"],
                         Enum("google.protobuf.NullValue", (("NULL_VALUE", 0),)))
        value = types["google.protobuf.Value"]
        assert isinstance(value, Message)
        self.assertTrue(all(field.is_optional for field in value.fields))

    def test_the_text_of_a_proto(self) -> None:
        text = proto_text(file_of(self.made()))
        for line in ('syntax = "proto3";', "package ponte.greeter;", "service Greeter {",
                     "rpc hello(HelloRequest) returns (HelloReply);", "string text = 1;",
                     "repeated string others = 2;", "optional string last = 10;",
                     "optional google.protobuf.Value maybe = 9;",
                     'import "google/protobuf/struct.proto";'):
            self.assertIn(line, text)

    def test_hostile_files(self) -> None:
        for data in (b"\x80", pair(4, b"\x80"), pair(6, pair(2, b"\xff"))):
            with self.subTest(data), self.assertRaises(Malformed):
                read_files([data])
        self.assertEqual(read_files([b""]), ({}, {}))
        file = File("a", "b", (Message("b.M", (Field("x", 1, STRING),)),))
        self.assertEqual(file_bytes(file)[:3], b"\x0a\x01a")


if __name__ == "__main__":
    unittest.main()
