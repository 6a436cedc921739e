"""Readers of a scheduler's events, most of them bad ones, and somebody who scrapes its metrics, until told to stop."""
import selectors
import socket
import threading

import web
from programs import expect

ASK = b"GET /v1/events HTTP/1.1\r\nHost: bench\r\n\r\n"
READ_EVERY_S = 0.1
READ_BYTES = 16 * 1024  # Each of those that read, so often.


class Readers:
    """`count` readers, every other of which never reads; with one scrape each second."""

    def __init__(self, port, count):
        self._port, self._stop = port, threading.Event()
        self.bytes_read, self.scrapes, self.failures = 0, 0, []
        self._sockets = []
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), 10)
            one.sendall(ASK)
            self._sockets.append(one)
        for one in self._sockets:
            expect(one.recv(12) == b"HTTP/1.1 200", "events to be told", "another answer")
            one.setblocking(False)
        self._threads = [threading.Thread(target=self._run, args=(work,), daemon=True)
                         for work in (self._read, self._scrape)]
        for thread in self._threads:
            thread.start()

    def _run(self, work):
        try:
            work()
        except Exception as problem:  # Shown where it is stopped.
            self.failures.append(repr(problem))

    def _read(self):
        with selectors.DefaultSelector() as selector:
            for one in self._sockets[::2]:
                selector.register(one, selectors.EVENT_READ)
            while not self._stop.wait(READ_EVERY_S):
                for key, _ in selector.select(0):
                    data = key.fileobj.recv(READ_BYTES)
                    expect(data, "a reader's stream to go on", "its end")
                    self.bytes_read += len(data)

    def _scrape(self):
        while not self._stop.wait(1):
            expect(web.get(f"http://127.0.0.1:{self._port}/metrics").status == 200, "/metrics 200", "another status")
            self.scrapes += 1

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        for one in self._sockets:
            one.close()
        expect(not self.failures, "the readers to be served", self.failures)
        return {"readers": len(self._sockets), "bytes_read": self.bytes_read, "scrapes": self.scrapes}
