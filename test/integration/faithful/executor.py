"""What the recorded executors did, driven by TaskInfo.data: {"do": run | finish | message | exit, ...}.
Started by the agent through CAP_EXEC; speaks the v1 executor API with the standard library only."""
import base64
import json
import os
import socket
import sys
import threading
import time
import uuid

PREFIX, _, ADDRESS = os.environ["MESOS_SLAVE_PID"].partition("@")
HOST, _, PORT = ADDRESS.rpartition(":")
IDS = {"executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]}, "framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]}}
calls = threading.Lock()


def post(connection, call):
    body = json.dumps({**call, **IDS}).encode()
    connection.sendall((f"POST /{PREFIX}/api/v1/executor HTTP/1.1\r\nHost: {ADDRESS}\r\nContent-Type: application/json\r\n"
                        f"Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body)


def send(call):
    with calls, socket.create_connection((HOST, int(PORT)), timeout=10) as connection:
        post(connection, call)
        connection.recv(4096)


def update(task, state, **more):
    send({"type": "UPDATE", "update": {"status": {
        "task_id": {"value": task}, "state": state, "source": "SOURCE_EXECUTOR", "executor_id": IDS["executor_id"],
        "uuid": base64.b64encode(uuid.uuid4().bytes).decode(), "timestamp": time.time(), **more}}})


def message(text):
    send({"type": "MESSAGE", "message": {"data": base64.b64encode(text.encode()).decode()}})


running = set()


def run(task, plan):
    update(task, "TASK_STARTING")
    more = {}
    if plan.get("message"):
        more["message"] = plan["message"]
    if plan.get("data"):
        more["data"] = base64.b64encode(b"opaque").decode()
        more["labels"] = {"labels": [{"key": "k", "value": "v"}]}
    if "healthy" in plan:
        more["healthy"] = plan["healthy"]
    update(task, "TASK_RUNNING", **more)
    running.add(task)
    if plan["do"] == "message":
        message(f"hello from {os.environ['MESOS_EXECUTOR_ID']}")
    if plan["do"] == "exit":
        time.sleep(0.3)
        os._exit(plan["code"])
    if plan["do"] in ("finish", "message"):
        time.sleep(plan.get("after", 0))
        running.discard(task)
        update(task, "TASK_FINISHED")


def handle(event):
    kind = event["type"]
    if kind == "LAUNCH":
        launched = [event["launch"]["task"]]
    elif kind == "LAUNCH_GROUP":
        launched = event["launch_group"]["task_group"]["tasks"]
    else:
        launched = []
    for task in launched:
        plan = json.loads(base64.b64decode(task.get("data", ""))) if task.get("data") else {"do": "run"}
        threading.Thread(target=run, args=(task["task_id"]["value"], plan), daemon=True).start()
    if kind == "KILL":
        task = event["kill"]["task_id"]["value"]
        running.discard(task)
        update(task, "TASK_KILLING")
        update(task, "TASK_KILLED")
    if kind == "MESSAGE":
        message("echo:" + base64.b64decode(event["message"]["data"]).decode())
    if kind == "SHUTDOWN":
        for task in sorted(running):
            update(task, "TASK_KILLED", message="shutdown")
        time.sleep(0.2)  # ACKNOWLEDGED is on its way.
        os._exit(0)


def main():
    stream = socket.create_connection((HOST, int(PORT)))
    post(stream, {"type": "SUBSCRIBE", "subscribe": {}})
    reader = stream.makefile("rb")
    while reader.readline() not in (b"\r\n", b""):
        pass
    buffer = b""
    while True:
        size = int(reader.readline() or b"0", 16)
        if size == 0:
            sys.exit(0)
        buffer += reader.read(size)
        reader.readline()
        while b"\n" in buffer:
            length, _, rest = buffer.partition(b"\n")
            if len(rest) < int(length):
                break
            buffer = rest[int(length):]
            handle(json.loads(rest[:int(length)]))


main()
