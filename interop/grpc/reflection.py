"""Reflection: a server tells which services it has, and sends the files that describe them.

So `grpcurl` can call a function that it has never heard of.

Source: "GRPC Server Reflection Protocol" (github.com/grpc/grpc, doc/server-reflection.md), whose
messages are the same in the versions v1 and v1alpha.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interop.grpc.descriptors import STRUCT_FILE, File, MethodType, file_bytes, struct_bytes
from interop.grpc.protobuf import BYTES, INT32, MESSAGE, STRING, Field, Message, decode, encode
from interop.grpc.statuses import NOT_FOUND, UNIMPLEMENTED

VERSIONS = ("v1", "v1alpha")
METHOD = "ServerReflectionInfo"


def _types(version: str) -> dict[str, Message]:
    package = f"grpc.reflection.{version}."
    extension = Message(package + "ExtensionRequest", (
        Field("containing_type", 1, STRING), Field("extension_number", 2, INT32)))
    # All but the host are a choice: one of them is there.
    request = Message(package + "ServerReflectionRequest", (
        Field("host", 1, STRING), Field("file_by_filename", 3, STRING, is_optional=True),
        Field("file_containing_symbol", 4, STRING, is_optional=True),
        Field("file_containing_extension", 5, MESSAGE, type_name=extension.name, is_optional=True),
        Field("all_extension_numbers_of_type", 6, STRING, is_optional=True),
        Field("list_services", 7, STRING, is_optional=True)))
    files = Message(package + "FileDescriptorResponse", (
        Field("file_descriptor_proto", 1, BYTES, is_repeated=True),))
    numbers = Message(package + "ExtensionNumberResponse", (
        Field("base_type_name", 1, STRING), Field("extension_number", 2, INT32, is_repeated=True)))
    service = Message(package + "ServiceResponse", (Field("name", 1, STRING),))
    services = Message(package + "ListServiceResponse", (
        Field("service", 1, MESSAGE, is_repeated=True, type_name=service.name),))
    error = Message(package + "ErrorResponse", (
        Field("error_code", 1, INT32), Field("error_message", 2, STRING)))
    reply = Message(package + "ServerReflectionResponse", (
        Field("valid_host", 1, STRING),
        Field("original_request", 2, MESSAGE, type_name=request.name),
        Field("file_descriptor_response", 4, MESSAGE, type_name=files.name, is_optional=True),
        Field("all_extension_numbers_response", 5, MESSAGE, type_name=numbers.name,
              is_optional=True),
        Field("list_services_response", 6, MESSAGE, type_name=services.name, is_optional=True),
        Field("error_response", 7, MESSAGE, type_name=error.name, is_optional=True)))
    return {each.name: each for each in (request, extension, reply, files, numbers, service,
                                         services, error)}


TYPES = _types("v1")
REQUEST = TYPES["grpc.reflection.v1.ServerReflectionRequest"]
REPLY = TYPES["grpc.reflection.v1.ServerReflectionResponse"]


def _file(version: str) -> File:
    package = f"grpc.reflection.{version}"
    types = _types(version)
    method = MethodType(METHOD, f"{package}.ServerReflectionRequest",
                        f"{package}.ServerReflectionResponse", True, True)
    return File(f"grpc/reflection/{version}/reflection.proto", package, tuple(types.values()),
                {f"{package}.ServerReflection": (method,)})


class Reflected:
    """Answers what is asked about some files. Safe to share between threads.

    Attribute: `paths` of the methods of reflection itself, without the first slash.
    """

    def __init__(self, files: Sequence[File]) -> None:
        files = [*files, *map(_file, VERSIONS)]
        self.paths = frozenset(f"grpc.reflection.{version}.ServerReflection/{METHOD}"
                               for version in VERSIONS)
        self._services = [name for file in files for name in file.services]
        self._bytes = {file.name: file_bytes(file) for file in files}
        self._bytes[STRUCT_FILE] = struct_bytes()
        self._needs = {file.name: file.needs for file in files}
        # The file of each service, method and message.
        self._places: dict[str, str] = {}
        for file in files:
            for name, methods in file.services.items():
                self._places.update((symbol, file.name) for symbol in
                                    (name, *(f"{name}.{method.name}" for method in methods)))
            self._places.update((message.name, file.name) for message in file.messages)
        for name in ("Struct", "Struct.FieldsEntry", "Value", "ListValue", "NullValue"):
            self._places[f"google.protobuf.{name}"] = STRUCT_FILE

    def answer(self, message: bytes) -> bytes:
        """The reply to a question, both as bytes. Raises Malformed."""
        asked = decode(REQUEST, message, TYPES)
        return encode(REPLY, {"valid_host": asked["host"], "original_request": asked,
                              **self._found(asked)}, TYPES)

    def _found(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "list_services" in asked:
            services = [{"name": name} for name in self._services]
            return {"list_services_response": {"service": services}}
        if "file_by_filename" in asked:
            return self._file(asked["file_by_filename"], asked["file_by_filename"])
        if "file_containing_symbol" in asked:
            symbol = asked["file_containing_symbol"]
            return self._file(self._places.get(symbol, ""), symbol)
        base = asked.get("all_extension_numbers_of_type", "")
        if base in self._places:
            return {"all_extension_numbers_response": {"base_type_name": base}}
        if base or "file_containing_extension" in asked:
            return _error(NOT_FOUND, "proto3 has no extensions")
        return _error(UNIMPLEMENTED, "nothing that is known here was asked")

    def _file(self, name: str, wanted: str) -> dict[str, Any]:
        if name not in self._bytes:
            return _error(NOT_FOUND, f"there is no {wanted[:100]!r}")
        return {"file_descriptor_response": {"file_descriptor_proto": self._with(name)}}

    def _with(self, name: str) -> list[bytes]:
        """A file, and those that it needs."""
        return [self._bytes[each] for each in (name, *self._needs.get(name, ()))]


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error_response": {"error_code": code, "error_message": message}}
