#!/usr/bin/env python3
"""A TCP proxy that watches: passes bytes on as they come and prints the moment (CLOCK_MONOTONIC, ns,
the same clock for every process) at which something of interest passed, one line each:

  <ns> up|down <what>     up: towards the target

It runs as a process of its own, one thread, so that the measurement does not queue behind the
measuring. The time is taken when the bytes have been read, before they are passed on.
ACKNOWLEDGEs, of which there are many, are told with --acknowledgements only."""
import re
import selectors
import socket
import sys
import time

# What is reported: the type of a call, and the task whose state an event carries.
UP = re.compile(rb'"type":\s*"(ACCEPT|REVIVE|SUPPRESS|SUBSCRIBE|DECLINE)"')
UP_ALL = re.compile(rb'"type":\s*"(ACCEPT|ACKNOWLEDGE|REVIVE|SUPPRESS|SUBSCRIBE|DECLINE)"')
TASK_ID = re.compile(rb'"task_id":\s*\{\s*"value":\s*"([^"]+)"')
DOWN = re.compile(rb'"(TASK_RUNNING|TASK_FINISHED|TASK_FAILED|TASK_DROPPED|TASK_LOST|OFFERS)"')
STEP = 1 << 18


def report(direction, at, data, up):
    if direction == "up":
        for found in up.finditer(data):
            kind = found.group(1).decode()
            ids = b",".join(TASK_ID.findall(data)).decode() if kind in ("ACCEPT", "ACKNOWLEDGE") else ""
            print(at, "up", kind, ids, flush=True)
    else:
        for found in DOWN.finditer(data):
            kind = found.group(1).decode()
            ids = b",".join(TASK_ID.findall(data)).decode() if kind != "OFFERS" else ""
            print(at, "down", kind, ids, flush=True)


def main():
    listen, target_host, target_port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    quiet = "--quiet" in sys.argv[4:]
    up = UP_ALL if "--acknowledgements" in sys.argv[4:] else UP
    listener = socket.create_server(("127.0.0.1", listen), backlog=64)
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ, None)
    print("listening", flush=True)

    def end(one, other):
        for peer in (one, other):
            try:
                ready.unregister(peer)
            except KeyError:
                pass
            peer.close()

    while True:
        for key, _ in ready.select():
            if key.data is None:
                client, _ = listener.accept()
                server = socket.create_connection((target_host, target_port))
                for peer in (client, server):
                    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.register(client, selectors.EVENT_READ, (client, server, "up"))
                ready.register(server, selectors.EVENT_READ, (server, client, "down"))
                continue
            source, sink, direction = key.data
            try:
                data = source.recv(STEP)
                at = time.monotonic_ns()
                if not data:
                    end(source, sink)
                    continue
                sink.sendall(data)  # First on, then told: telling must not delay what is measured next.
            except OSError:
                end(source, sink)
                continue
            if not quiet:
                report(direction, at, data, up)


if __name__ == "__main__":
    main()
