"""Descriptors: messages that describe messages. And the same as the text of a .proto file.

gRPC's tools ask a server by reflection which services it has, and get each file as a
`FileDescriptorProto`. It is a message like any other, so it is written and read here with the same
few lines as all others.

Source: descriptor.proto, of which only the fields that are used here are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from interop.grpc.protobuf import (
    BOOL,
    DOUBLE,
    ENUM,
    INT32,
    LIST,
    MESSAGE,
    STRING,
    STRUCT,
    VALUE,
    WORDS,
    Enum,
    Field,
    Message,
    can_be_read,
    decode,
    encode,
)

OPTIONAL, REPEATED = 1, 3
STRUCT_FILE = "google/protobuf/struct.proto"


def _of(name: str, *fields: tuple[Any, ...]) -> Message:
    return Message(name, tuple(Field(*field) for field in fields))


_ENUM_VALUE = _of("EnumValue", ("name", 1, STRING), ("number", 2, INT32))
_ENUM = _of("Enum", ("name", 1, STRING), ("value", 2, MESSAGE, True, "EnumValue"))
_OPTIONS = _of("Options", ("map_entry", 7, BOOL))
_FIELD = _of("Field", ("name", 1, STRING), ("number", 3, INT32), ("label", 4, INT32),
             ("type", 5, INT32), ("type_name", 6, STRING),
             ("oneof_index", 9, INT32, False, "", True), ("json_name", 10, STRING),
             ("proto3_optional", 17, BOOL))
_ONEOF = _of("Oneof", ("name", 1, STRING))
_MESSAGE = _of("Message", ("name", 1, STRING), ("field", 2, MESSAGE, True, "Field"),
               ("nested_type", 3, MESSAGE, True, "Message"),
               ("enum_type", 4, MESSAGE, True, "Enum"), ("options", 7, MESSAGE, False, "Options"),
               ("oneof_decl", 8, MESSAGE, True, "Oneof"))
_METHOD = _of("Method", ("name", 1, STRING), ("input_type", 2, STRING), ("output_type", 3, STRING),
              ("client_streaming", 5, BOOL), ("server_streaming", 6, BOOL))
_SERVICE = _of("Service", ("name", 1, STRING), ("method", 2, MESSAGE, True, "Method"))
_FILE = _of("File", ("name", 1, STRING), ("package", 2, STRING), ("dependency", 3, STRING, True),
            ("message_type", 4, MESSAGE, True, "Message"), ("enum_type", 5, MESSAGE, True, "Enum"),
            ("service", 6, MESSAGE, True, "Service"), ("syntax", 12, STRING))
_TYPES = {each.name: each for each in (_ENUM_VALUE, _ENUM, _OPTIONS, _FIELD, _ONEOF, _MESSAGE,
                                       _METHOD, _SERVICE, _FILE)}


class MethodType(NamedTuple):
    """A method of a service: its name, the full names of its messages, and what is a stream."""

    name: str
    request: str
    reply: str
    streams_requests: bool = False
    streams_replies: bool = False


class File(NamedTuple):
    """A file of types. Services by full names; `needs`: the names of files that it imports."""

    name: str
    package: str
    messages: tuple[Message, ...]
    services: Mapping[str, tuple[MethodType, ...]] = {}
    needs: tuple[str, ...] = ()
    # Each within the message that its name begins with.
    enums: tuple[Enum, ...] = ()


# ---- written -------------------------------------------------------------------------------------

def file_bytes(file: File) -> bytes:
    """A file as a FileDescriptorProto."""
    services = [{"name": _last(name), "method": [
        {"name": method.name, "input_type": f".{method.request}",
         "output_type": f".{method.reply}", "client_streaming": method.streams_requests,
         "server_streaming": method.streams_replies} for method in methods]}
        for name, methods in file.services.items()]
    values = {"name": file.name, "package": file.package, "dependency": file.needs,
              "message_type": [_described(message, file.enums) for message in file.messages],
              "service": services, "syntax": "proto3"}
    return encode(_FILE, values, _TYPES)


def _described(message: Message, enums: tuple[Enum, ...]) -> dict[str, Any]:
    """A message as a DescriptorProto. A field that may be missing is a choice of one."""
    optional = [field for field in message.fields if field.is_optional]
    fields = []
    for field in message.fields:
        values = {"name": field.name, "number": field.number, "type": field.kind,
                  "label": REPEATED if field.is_repeated else OPTIONAL, "json_name": field.name}
        if field.type_name:
            values["type_name"] = f".{field.type_name}"
        if field.is_optional:
            values["oneof_index"] = optional.index(field)
            values["proto3_optional"] = True
        fields.append(values)
    return {"name": _last(message.name), "field": fields,
            "enum_type": [{"name": _last(enum.name),
                           "value": [{"name": name, "number": number}
                                     for name, number in enum.names]}
                          for enum in enums if enum.name.rpartition(".")[0] == message.name],
            "oneof_decl": [{"name": f"_{field.name}"} for field in optional]}


def struct_bytes() -> bytes:
    """google/protobuf/struct.proto, which has what we use nowhere else: a map, and a choice."""
    def field(name: str, number: int, kind: int, type_name: str = "", **more: Any
              ) -> dict[str, Any]:
        values = {"name": name, "number": number, "type": kind, "label": OPTIONAL,
                  "json_name": "".join(part.title() if at else part
                                       for at, part in enumerate(name.split("_"))), **more}
        return {**values, "type_name": f".{type_name}"} if type_name else values

    entry = f"{STRUCT}.FieldsEntry"
    choice: dict[str, Any] = {"oneof_index": 0}
    messages = [
        {"name": "Struct", "field": [field("fields", 1, MESSAGE, entry, label=REPEATED)],
         "nested_type": [{"name": "FieldsEntry", "options": {"map_entry": True},
                          "field": [field("key", 1, STRING), field("value", 2, MESSAGE, VALUE)]}]},
        {"name": "Value", "oneof_decl": [{"name": "kind"}], "field": [
            field("null_value", 1, ENUM, "google.protobuf.NullValue", **choice),
            field("number_value", 2, DOUBLE, **choice), field("string_value", 3, STRING, **choice),
            field("bool_value", 4, BOOL, **choice),
            field("struct_value", 5, MESSAGE, STRUCT, **choice),
            field("list_value", 6, MESSAGE, LIST, **choice)]},
        {"name": "ListValue", "field": [field("values", 1, MESSAGE, VALUE, label=REPEATED)]}]
    null = {"name": "NullValue", "value": [{"name": "NULL_VALUE", "number": 0}]}
    return encode(_FILE, {"name": STRUCT_FILE, "package": "google.protobuf", "syntax": "proto3",
                          "message_type": messages, "enum_type": [null]}, _TYPES)


def proto_text(file: File) -> str:
    """The file as people write it, for clients that are made from a .proto."""
    lines = ['syntax = "proto3";', "", f"package {file.package};", ""]
    lines += [f'import "{name}";' for name in file.needs] + [""] * bool(file.needs)
    for name, methods in file.services.items():
        lines += [f"service {_last(name)} {{"]
        lines += [f"  rpc {method.name}({_last(method.request)}) returns ({_last(method.reply)});"
                  for method in methods] + ["}", ""]
    for message in file.messages:
        lines += [f"message {_last(message.name)} {{"]
        lines += [f"  {_words(field)} {field.name} = {field.number};" for field in message.fields]
        lines += ["}", ""]
    return "\n".join(lines)


def _words(field: Field) -> str:
    kind = WORDS.get(field.kind, field.type_name)
    return f"repeated {kind}" if field.is_repeated else \
        f"optional {kind}" if field.is_optional else kind


def _last(name: str) -> str:
    return name.rpartition(".")[2]


# ---- read ----------------------------------------------------------------------------------------

def read_files(files: Iterable[bytes]) -> tuple[dict[str, Message | Enum],
                                                dict[str, dict[str, MethodType]]]:
    """The types, and the methods of services, in some FileDescriptorProtos: by full names.

    A message with a field that is not read here, such as a group of proto2, is left out: so the
    others can be used. Raises Malformed.
    """
    types: dict[str, Message | Enum] = {}
    services: dict[str, dict[str, MethodType]] = {}
    for data in files:
        file = decode(_FILE, data, _TYPES)
        before = f"{file['package']}." if file["package"] else ""
        _read_types(before, file["message_type"], file["enum_type"], types)
        for service in file["service"]:
            services[before + service["name"]] = {
                each["name"]: MethodType(each["name"], each["input_type"].lstrip("."),
                                         each["output_type"].lstrip("."), each["client_streaming"],
                                         each["server_streaming"]) for each in service["method"]}
    return types, services


def _read_types(before: str, messages: list[dict[str, Any]], enums: list[dict[str, Any]],
                types: dict[str, Message | Enum]) -> None:
    for enum in enums:
        name = before + enum["name"]
        types[name] = Enum(name, tuple((each["name"], each["number"]) for each in enum["value"]))
    for message in messages:
        name = before + message["name"]
        # A member of a choice may be missing, as well as an optional one.
        fields = tuple(Field(each["name"], each["number"], each["type"],
                             each["label"] == REPEATED, each["type_name"].lstrip("."),
                             "oneof_index" in each or each["proto3_optional"])
                       for each in message["field"])
        is_entry = message.get("options", {}).get("map_entry", False)
        if all(map(can_be_read, fields)) and (not is_entry or _is_pair(fields)):
            types[name] = Message(name, fields, is_entry)
        _read_types(f"{name}.", message["nested_type"], message["enum_type"], types)


def _is_pair(fields: tuple[Field, ...]) -> bool:
    """Whether they are those of an entry of a map. No key is a message."""
    return [(field.name, field.is_repeated) for field in fields] == [("key", False),
                                                                     ("value", False)] \
        and fields[0].kind != MESSAGE
