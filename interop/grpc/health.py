"""Whether a server takes calls, as gRPC's clients, proxies and Consul ask for it.

Source: "GRPC Health Checking Protocol" (github.com/grpc/grpc, doc/health-checking.md). "" stands
for the whole server. A server that drains is NOT_SERVING.
"""

from __future__ import annotations

from typing import Callable

from interop.grpc.descriptors import File, MethodType
from interop.grpc.protobuf import ENUM, STRING, Enum, Field, Malformed, Message, decode, pair
from interop.grpc.statuses import INVALID_ARGUMENT, Refused

SERVICE = "grpc.health.v1.Health"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
_REQUEST = Message("grpc.health.v1.HealthCheckRequest", (Field("service", 1, STRING),))
_STATUS = Enum("grpc.health.v1.HealthCheckResponse.ServingStatus", (
    ("UNKNOWN", 0), ("SERVING", SERVING), ("NOT_SERVING", NOT_SERVING),
    ("SERVICE_UNKNOWN", SERVICE_UNKNOWN)))
_REPLY = Message("grpc.health.v1.HealthCheckResponse", (
    Field("status", 1, ENUM, type_name=_STATUS.name),))
FILE = File("grpc/health/v1/health.proto", "grpc.health.v1", (_REQUEST, _REPLY), {SERVICE: (
    MethodType("Check", _REQUEST.name, _REPLY.name),
    MethodType("Watch", _REQUEST.name, _REPLY.name, streams_replies=True))}, enums=(_STATUS,))


class Health:
    """The health of the services of a server.

    Attribute: `watching`, what is called at each change, by who watches. Only on the loop's thread.
    """

    def __init__(self, services: tuple[str, ...]) -> None:
        self._services = ("", *services)
        self._is_serving = True
        self.watching: dict[object, Callable[[], None]] = {}

    def asked(self, message: bytes) -> str:
        """The name of the service in a question. Raises Refused."""
        try:
            name: str = decode(_REQUEST, message, {})["service"]
        except Malformed as error:
            raise Refused(INVALID_ARGUMENT, str(error)) from None
        return name

    def knows(self, service: str) -> bool:
        """Whether there is such a service."""
        return service in self._services

    def state(self, service: str) -> bytes:
        """The answer about a service."""
        serving = SERVING if self._is_serving else NOT_SERVING
        return pair(1, serving if self.knows(service) else SERVICE_UNKNOWN)

    def stop(self) -> None:
        """From now on nothing is served, and all that watch are told."""
        if self._is_serving:
            self._is_serving = False
            for tell in list(self.watching.values()):
                tell()
