"""A few lines of a Mesos v1 framework and operator, in JSON, to look at a cluster from beside."""
import http.client
import json
import socket
import threading
import urllib.parse

import web
from programs import wait_for


class Records:
    """RecordIO: a decimal length, a newline, that many bytes. Feed any split, take whole records."""

    def __init__(self):
        self._bytes = b""

    def feed(self, data):
        self._bytes += data
        records = []
        while b"\n" in self._bytes:
            length, _, rest = self._bytes.partition(b"\n")
            if len(rest) < int(length):
                break
            records.append(rest[:int(length)])
            self._bytes = rest[int(length):]
        return records


def operator(master, call, **body):
    """An operator call; `master` is host:port. Returns the part of the answer that bears its name."""
    message = {"type": call}
    if body:
        message[call.lower()] = body
    answer = web.request("POST", f"http://{master}/api/v1", body=json.dumps(message),
                         headers={"Content-Type": "application/json", "Accept": "application/json"})
    if answer.status not in (200, 202):
        raise ValueError(f"{call} answered {answer.status} {answer.body[:200]!r}")
    return json.loads(answer.body).get(call.lower(), {}) if answer.body else {}


def agents(master):
    """Agent id -> its entry, active ones only."""
    found = operator(master, "GET_AGENTS").get("agents", [])
    return {a["agent_info"]["id"]["value"]: a for a in found if a.get("active", True)}


def frameworks(master):
    """Framework id -> its entry, those that live."""
    found = operator(master, "GET_FRAMEWORKS").get("frameworks", [])
    return {f["framework_info"]["id"]["value"]: f for f in found}


def executors_of(master, framework_id):
    found = operator(master, "GET_EXECUTORS").get("executors", [])
    return [e["executor_info"]["executor_id"]["value"] for e in found
            if e["executor_info"].get("framework_id", {}).get("value") == framework_id]


def tasks_of(master, framework_id):
    """Task id -> state, of tasks the master holds as not completed."""
    found = operator(master, "GET_TASKS")
    return {t["task_id"]["value"]: t["state"] for t in found.get("tasks", []) + found.get("unreachable_tasks", [])
            if t["framework_id"]["value"] == framework_id}


class Framework:
    """Subscribes and keeps what comes. Offers are held by agent until declined; nothing is launched.
    `offers` is offer id -> offer, `agents_seen` every agent ever offered."""

    def __init__(self, master, name, role="*", user="root", failover_timeout=0.0, labels=None):
        self.master = master
        host, _, port = master.rpartition(":")
        self.address = (host, int(port))
        self.info = {"user": user, "name": name, "roles": [role], "failover_timeout": failover_timeout,
                     "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"},
                                      {"type": "RESERVATION_REFINEMENT"}]}
        if labels:
            self.info["labels"] = {"labels": [{"key": key, "value": value} for key, value in labels.items()]}
        self.events = []
        self.offers = {}
        self.agents_seen = set()
        self.id = None
        self.error = None
        self._changed = threading.Lock()
        self._subscribe()

    def _subscribe(self):
        self._stream = http.client.HTTPConnection(*self.address, timeout=90)
        self._stream.request("POST", "/api/v1/scheduler",
                             body=json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info}}),
                             headers={"Content-Type": "application/json", "Accept": "application/json",
                                      "Connection": "close"})
        self._socket = self._stream.sock
        self._answer = self._stream.getresponse()
        if self._answer.status != 200:
            raise ValueError(f"SUBSCRIBE answered {self._answer.status} {self._answer.read()[:200]!r}")
        self._stream_id = self._answer.getheader("Mesos-Stream-Id")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_for("SUBSCRIBED", lambda: self.id or self.error)

    def _read(self):
        records = Records()
        try:
            while True:
                data = self._answer.read1(65536)
                if not data:
                    return
                for record in records.feed(data):
                    self._take(json.loads(record))
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            return

    def _take(self, event):
        kind = event.get("type")
        with self._changed:
            self.events.append(event)
            if kind == "SUBSCRIBED":
                self.id = event["subscribed"]["framework_id"]["value"]
            elif kind == "OFFERS":
                for offer in event["offers"]["offers"]:
                    self.offers[offer["id"]["value"]] = offer
                    self.agents_seen.add(offer["agent_id"]["value"])
            elif kind == "RESCIND":
                self.offers.pop(event["rescind"]["offer_id"]["value"], None)
            elif kind == "ERROR":
                self.error = event["error"]["message"]

    def call(self, kind, body=None):
        message = {"type": kind, "framework_id": {"value": self.id}}
        if body is not None:
            message[kind.lower()] = body
        answer = web.request("POST", f"http://{self.master}/api/v1/scheduler", body=json.dumps(message),
                             headers={"Content-Type": "application/json", "Mesos-Stream-Id": self._stream_id})
        if answer.status not in (200, 202):
            raise ValueError(f"{kind} answered {answer.status} {answer.body[:200]!r}")

    def agents_offered(self):
        with self._changed:
            return {offer["agent_id"]["value"] for offer in self.offers.values()}

    def offered(self, agent, resource):
        """How much of a scalar the offers of one agent hold together."""
        with self._changed:
            return sum(entry["scalar"]["value"] for offer in self.offers.values() if offer["agent_id"]["value"] == agent
                       for entry in offer.get("resources", []) if entry["name"] == resource and "scalar" in entry)

    def decline_all(self, refuse_seconds=0.0):
        with self._changed:
            ids = list(self.offers)
            self.offers.clear()
        if ids:
            self.call("DECLINE", {"offer_ids": [{"value": i} for i in ids],
                                  "filters": {"refuse_seconds": refuse_seconds}})

    def close(self):
        """Ends the framework; the master forgets it."""
        try:
            self.call("TEARDOWN")
        except (OSError, ValueError):
            pass
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(5)
        self._stream.close()


def host_port(url):
    parts = urllib.parse.urlsplit(url if "//" in url else "//" + url)
    return f"{parts.hostname}:{parts.port or 5050}"
