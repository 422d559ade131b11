"""A gRPC server for the field tests. It returns the bytes that it receives.

It reads commands from standard input, one per line, and exits when standard input closes:

    listen              opens the port
    mode ok             responds to every call after 5 ms
    mode once CODE MS   fails the first attempt of each request id with CODE, accepts the others
    mode always CODE MS fails every attempt with CODE
    mode limit RATE MS  fails calls above RATE per second and client with RESOURCE_EXHAUSTED
    mode slow MS        responds after MS milliseconds

It responds to accepted calls after 5 ms, unless the mode is `slow`. MS of `once`, `always` and
`limit` is the value of grpc-retry-pushback-ms, or `none`.

It writes one line per event to standard output: `ready`, `listening`, and for each attempt either
`+ ID METHOD` (executed) or `- ID METHOD CODE` (failed). It writes the line before it responds, with
one write to the pipe, so the log also survives a kill -9.
"""

import asyncio
import os
import signal
import sys
import threading
import time

import grpc


class Store(grpc.GenericRpcHandler):
    """Handles every method of every service according to the current mode."""

    def __init__(self):
        self.mode = ["ok"]
        self.seen = set()
        self.buckets = {}

    def service(self, details):
        method = details.method.rsplit("/", 1)[-1]

        async def answer(request, context):
            identity = "?"
            for key, value in context.invocation_metadata():
                if key == "x-request-id":
                    identity = value
            refusal = self.refusal(identity)
            if refusal is not None:
                code, pushback = refusal
                write(f"- {identity} {method} {code}")
                trailers = () if pushback == "none" else (("grpc-retry-pushback-ms", pushback),)
                await context.abort(grpc.StatusCode[code], "by the field tests", trailers)
            write(f"+ {identity} {method}")
            latency = int(self.mode[1]) if self.mode[0] == "slow" else 5
            await asyncio.sleep(latency / 1000)
            return request

        return grpc.unary_unary_rpc_method_handler(answer)

    def refusal(self, identity):
        """Returns the code and the pushback if this attempt fails, or None."""
        kind, *rest = self.mode
        if kind == "always":
            return rest
        if kind == "once" and identity not in self.seen:
            self.seen.add(identity)
            return rest
        if kind == "limit":
            rate, pushback = float(rest[0]), rest[1]
            client, now = identity.split("-")[0], time.monotonic()
            tokens, refilled = self.buckets.get(client, (0.0, now))
            tokens = min(rate / 10, tokens + (now - refilled) * rate)
            admitted = tokens >= 1
            self.buckets[client] = (tokens - 1 if admitted else tokens, now)
            if not admitted:
                return ("RESOURCE_EXHAUSTED", pushback)
        return None


def write(line):
    os.write(1, (line + "\n").encode())


async def main(port):
    loop = asyncio.get_running_loop()
    store = Store()
    # Without SO_REUSEPORT, a second process can't open the port while the first one uses it.
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((store,))
    stopped = asyncio.Event()

    async def listen():
        if server.add_insecure_port(f"127.0.0.1:{port}") != port:
            write("failed")
            os._exit(1)
        await server.start()
        write("listening")

    async def stop():
        await server.stop(2)
        stopped.set()

    def command(words):
        if words[0] == "listen":
            loop.create_task(listen())
        elif words[0] == "mode":
            store.mode = words[1:]
            store.seen.clear()
            write("mode")

    def read_commands():
        for line in sys.stdin:
            words = line.split()
            if words:
                loop.call_soon_threadsafe(command, words)
        os._exit(0)

    loop.add_signal_handler(signal.SIGTERM, lambda: loop.create_task(stop()))
    threading.Thread(target=read_commands, daemon=True).start()
    write("ready")
    await stopped.wait()
    os._exit(0)


asyncio.run(main(int(sys.argv[1])))
