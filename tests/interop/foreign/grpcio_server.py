"""The greeter, as a server of grpcio with reflection. Prints its port.

    grpcio_server.py
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection

SERVICE = "foreign.Greeter"
TEXT = descriptor_pb2.FieldDescriptorProto.TYPE_STRING

file = descriptor_pb2.FileDescriptorProto(name="foreign.proto", package="foreign", syntax="proto3")
for name in ("Asked", "Told"):
    message = file.message_type.add(name=name)
    message.field.add(name="text", number=1, type=TEXT, label=1)
service = file.service.add(name="Greeter")
for name in ("hello", "fails", "away"):
    service.method.add(name=name, input_type=".foreign.Asked", output_type=".foreign.Told")
pool = descriptor_pool.Default()
pool.Add(file)
Asked, Told = (message_factory.GetMessageClass(pool.FindMessageTypeByName(f"foreign.{name}"))
               for name in ("Asked", "Told"))


def hello(asked, context):
    return Told(text="World" if asked.text == "Hello" else f"Hello, {asked.text}")


def fails(asked, context):
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")


def away(asked, context):
    """What a proxy says of a server that it has lost: nobody knows whether the call ran."""
    context.abort(grpc.StatusCode.UNAVAILABLE, "lost")


def handler(function):
    return grpc.unary_unary_rpc_method_handler(
        function, request_deserializer=Asked.FromString, response_serializer=Told.SerializeToString)


server = grpc.server(ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
    SERVICE, {function.__name__: handler(function) for function in (hello, fails, away)}),))
reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(0)
