"""A gRPC client for the field tests with grpcio's own retries, configured by a service config.

    grpcio_client.py PORT SERVICE_CONFIG DEADLINE_MS

It reads `ID METHOD` from standard input, one call per line, makes the call at once, and writes
`ID CODE` when it has ended. It writes `ready` when it has connected, and exits when standard input
closes.
"""

import sys
import threading

import grpc

port, config, deadline_ms = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = [("grpc.enable_retries", 1), ("grpc.service_config", config)]
channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
lock = threading.Lock()


def write(line):
    with lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def start(identity, method):
    call = channel.unary_unary(f"/field.Store/{method}").future(
        b"field", timeout=deadline_ms / 1000, metadata=(("x-request-id", identity),)
    )
    call.add_done_callback(lambda call: write(f"{identity} {call.code().name}"))


grpc.channel_ready_future(channel).result(timeout=5)
write("ready")
for line in sys.stdin:
    start(*line.split())
