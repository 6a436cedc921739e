"""A headless Chromium, driven by its DevTools protocol over a pipe: Python's standard library and Debian's package
`chromium` are all it takes. What the page complains of and whom it asks is kept."""
import base64
import fcntl
import json
import os
import queue
import shutil
import signal
import threading
import time

from programs import SLOW, Failed, Skipped, expect, wait_for

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run",
         "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--disable-crash-reporter", "--disable-breakpad", "--mute-audio",
         "--no-proxy-server", "--hide-scrollbars", "--lang=en-GB",
         # Nothing but this machine is reached, whatever the browser itself would like to know.
         "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
ANSWER_S = 60
HIGH_FD = 50  # So that none of the pipes is 3 or 4 itself.

# name -> what the protocol wants of a key besides; what has text types it.
KEYS = {"Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), " ": ("Space", 32, " ")}
SHIFT = 8


def executable():
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise Skipped("NO BROWSER: the page was not tested; install the package chromium (.ci/packages-test.txt)")


class Browser:
    """One process and one tab. Closed with its bench."""

    def __init__(self, bench, width=1440, height=1000):
        argv = [executable(), *FLAGS, f"--user-data-dir={bench.path('chromium')}", f"--window-size={width},{height}", "about:blank"]
        to_child, self._out = os.pipe()
        self._in, from_child = os.pipe()
        child_in, child_out = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH_FD) for fd in (to_child, from_child))
        log = os.open(bench.path("chromium.log"), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        self._pid = os.posix_spawn(
            argv[0], argv, {**os.environ, "HOME": str(bench.dir)}, setsid=True,
            file_actions=[(os.POSIX_SPAWN_DUP2, child_in, 3), (os.POSIX_SPAWN_DUP2, child_out, 4),
                          (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)])
        for fd in (to_child, from_child, child_in, child_out, log):
            os.close(fd)
        bench.on_close(self.close)
        self._ids, self._answers, self._lock = 0, {}, threading.Lock()
        self.complaints, self.asked, self.dialogs = [], [], []
        threading.Thread(target=self._read, daemon=True).start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")
        self.resize(width, height)

    # ---- The protocol

    def _read(self):
        rest = b""
        while True:
            try:
                some = os.read(self._in, 1 << 20)
            except OSError:
                some = b""
            if not some:
                for waiting in list(self._answers.values()):
                    waiting.put({"error": {"message": "the browser has gone"}})
                return
            *messages, rest = (rest + some).split(b"\0")
            for message in messages:
                self._hear(json.loads(message))

    def _hear(self, message):
        if "id" in message:
            if waiting := self._answers.pop(message["id"], None):
                waiting.put(message)
            return
        what, params = message.get("method"), message.get("params", {})
        if what == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif what == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif what == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif what == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif what == "Page.javascriptDialogOpening":
            self.dialogs.append(params["message"])

    def call(self, method, **params):
        answer = queue.Queue()
        with self._lock:
            self._ids += 1
            message = {"id": self._ids, "method": method, "params": params}
            if getattr(self, "_session", None):
                message["sessionId"] = self._session
            self._answers[self._ids] = answer
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(self._out, data):]
        try:
            told = answer.get(timeout=ANSWER_S * SLOW)
        except queue.Empty:
            raise Failed(f"the browser to answer {method} within {ANSWER_S} s") from None
        if "error" in told:
            raise Failed(f"{method} to be obeyed", told["error"]["message"])
        return told["result"]

    def close(self):
        """It may be gone already, or hang; what it started ends with the bench."""
        try:
            os.kill(self._pid, signal.SIGTERM)
            deadline = time.monotonic() + 5
            while os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                if time.monotonic() > deadline:
                    os.kill(self._pid, signal.SIGKILL)
                    os.waitpid(self._pid, 0)
                    break
                time.sleep(0.02)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self._out)

    # ---- The page

    def go(self, url):
        """To another page, or to another place of the same one."""
        self.js("window.left = true")
        if "loaderId" in self.call("Page.navigate", url=url):
            self.wait(f"{url} to be loaded", "document.readyState === 'complete' && window.left !== true")

    def js(self, expression):
        """The value of an expression, of the promise too."""
        told = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            details = told["exceptionDetails"]
            raise Failed(f"{expression} to be evaluated", details.get("exception", {}).get("description", details["text"]))
        return told["result"].get("value")

    def wait(self, what, expression, seconds=20):
        def probe():
            try:
                return self.js(expression)
            except Failed as problem:  # As between two pages.
                raise ValueError(problem) from problem
        return wait_for(what, probe, seconds, every=0.05)

    def text(self, selector):
        """What is seen of the first such element; '' where there is none."""
        return self.js(f"(document.querySelector({json.dumps(selector)}) || {{innerText: ''}}).innerText")

    def click(self, selector):
        """With the mouse, in its middle; fails where something else lies over it."""
        place = self.js(f"""(() => {{
          const node = document.querySelector({json.dumps(selector)});
          if (!node) return null;
          node.scrollIntoView({{block: 'center'}});
          const box = node.getBoundingClientRect();
          const x = box.x + box.width / 2, y = box.y + box.height / 2;
          const hit = document.elementFromPoint(x, y);
          return {{x, y, hit: box.width > 0 && hit !== null && (node.contains(hit) || hit.contains(node))}};
        }})()""")
        expect(place and place["hit"], f"{selector} to be there to be clicked", place)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place["x"], y=place["y"], button="left", clickCount=1)

    def press(self, key, modifiers=0):
        code, number, text = KEYS[key]
        for kind in ("keyDown" if text else "rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=code, windowsVirtualKeyCode=number, modifiers=modifiers,
                      **({"text": text} if text and kind == "keyDown" else {}))

    def type(self, text):
        self.call("Input.insertText", text=text)

    def focused(self):
        """The name of what has the focus."""
        return self.js("(() => { const a = document.activeElement; return a.getAttribute('aria-label') || a.innerText || a.id; })()")

    def media(self, **features):
        """media(prefers_color_scheme='dark')"""
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def accessible(self):
        """What a screen reader is told: [(role, name)]."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored") and "role" in n]

    def screenshot(self, path, whole=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]))
