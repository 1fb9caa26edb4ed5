"""A client of grpcio, which knows nothing of Ponte: it learns all messages by reflection.

    grpcio_client.py calls ADDRESS          each kind of call once; prints what came of them as JSON
    grpcio_client.py load ADDRESSES COUNT   COUNT calls of journal.slow by eight threads, to several
                                            addresses in turn; prints a line for each: ID STATUS
"""

import json
import sys
import threading
import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

MAX_BYTES = 8 * 1024 * 1024
OPTIONS = [("grpc.max_receive_message_length", MAX_BYTES), ("grpc.lb_policy_name", "round_robin"),
           ("grpc.enable_http_proxy", 0)]
CALLERS = 8


def stub(channel, service):
    """A function for each method of a service, which takes the fields of its request."""
    pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    methods = {}
    for method in pool.FindServiceByName(service).methods:
        request = message_factory.GetMessageClass(method.input_type)
        reply = message_factory.GetMessageClass(method.output_type)
        call = channel.unary_unary(f"/{service}/{method.name}",
                                   request_serializer=request.SerializeToString,
                                   response_deserializer=reply.FromString)
        methods[method.name] = (lambda call, request: lambda how={}, **fields:
                                call(request(**fields), **how).value)(call, request)
    return methods


def told(call):
    """The status and the trailers of a call that fails."""
    try:
        call()
    except grpc.RpcError as error:
        return [error.code().name, error.details(), dict(error.trailing_metadata() or ())]
    return ["OK", "", {}]


def calls(address):
    channel = grpc.insecure_channel(address, OPTIONS)
    sized = stub(channel, "ponte.sized.Sized")
    health = health_pb2_grpc.HealthStub(channel)
    watched = health.Watch(health_pb2.HealthCheckRequest(service="ponte.sized.Sized"))
    found = {
        "sizes": [len(sized["echo"](data=bytes(size))) for size in (0, 65_536, 3_000_000)],
        "gzip": len(sized["echo"](how={"compression": grpc.Compression.Gzip},
                                  data=bytes(100_000))),
        "sum": sized["add"](a=40, b=2),
        "default": sized["add"](a=40),
        "deadline": told(lambda: sized["slow"](how={"timeout": 0.2}, seconds=5.0)),
        "fault": told(lambda: sized["fails"]()),
        "unknown method": told(lambda: channel.unary_unary("/ponte.sized.Sized/nothing")(b"")),
        "broken": told(lambda: channel.unary_unary("/ponte.sized.Sized/add")(b"\xff\xff")),
        "health": health.Check(health_pb2.HealthCheckRequest()).status,
        "watched": next(watched).status,
    }
    watched.cancel()
    print(json.dumps(found))


def load(addresses, count):
    channel = grpc.insecure_channel("ipv4:" + addresses, OPTIONS)
    grpc.channel_ready_future(channel).result(10)
    slow = stub(channel, "ponte.journal.Journal")["slow"]
    numbers = iter(range(count))
    lock = threading.Lock()

    def call_all():
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                slow(how={"timeout": 10}, token={"string_value": f"g{number}"},
                     seconds={"number_value": 0.005})
                status = "OK"
            except grpc.RpcError as error:
                status = error.code().name
                # Calls that find nobody must not be over before somebody is there again.
                time.sleep(0.02)
            with lock:
                print(f"g{number}", status, flush=True)

    threads = [threading.Thread(target=call_all) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if sys.argv[1] == "calls":
    calls(sys.argv[2])
else:
    load(sys.argv[2], int(sys.argv[3]))
