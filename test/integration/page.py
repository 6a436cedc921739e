#!/usr/bin/env python3
"""The operator's page in a real headless Chromium (package `chromium`), served by the bridge: what it shows, how it keeps up,
that it can be used without a mouse, and that it believes nothing it shows. Screenshots: build/test-logs/page."""
import json
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "lib"))
import web
from browser import SHIFT, Browser, executable
from cases import case, main
from cluster import LocalCluster, Scheduler, lrp, task
from neighbour import neighbour
from programs import SLOW, bin_dir, expect, expect_equal, wait_for

SHOTS = bin_dir().parent / "test-logs" / "page"
ZONES = ("--attributes", "zone:z1", "--attributes", "zone:z1", "--attributes", "zone:z2")
TOO_BIG_MB = 900_000
CELLS = 10_000
# Roles that mean nothing without a name.
NAMED_ROLES = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "image", "img", "table", "region", "dialog",
               "alertdialog", "navigation", "complementary"}


def started(bench, agents=3, flags=(), cluster_flags=ZONES, **more):
    executable()  # Nothing is started for a test that cannot be.
    cluster = LocalCluster(bench, agents=agents, flags=cluster_flags)
    return Scheduler(bench, cluster.master, idle_timeout="60s", task_duration="60s", flags=flags, **more)


def opened(bench, scheduler):
    browser = Browser(bench)
    browser.go(scheduler.bridge + "/")
    browser.wait("the page to have asked for everything", "document.documentElement.dataset.refreshed > 0")
    return browser


def quiet(browser, scheduler, allowed=()):
    """Nothing was complained of, and nobody but the bridge was asked."""
    found = [line for line in browser.complaints if not any(word in line for word in allowed)]
    expect_equal(found, [], "what the console shows")
    strangers = {url for url in browser.asked if not url.startswith((scheduler.bridge + "/", "data:", "about:"))}
    expect_equal(strangers, set(), "requests to others than the bridge")


def button(label):
    return f'button[aria-label={json.dumps(label)}]'


# Text whose contrast with what is behind it is below that of WCAG AA; what is disabled is left out, as there.
CONTRAST = r"""(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgba(getComputedStyle(node).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const node of document.body.querySelectorAll('*')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest('[aria-disabled=true], .unseen, script, style, noscript, option')) continue;
    const style = getComputedStyle(node);
    const a = light(rgba(node instanceof SVGElement ? style.fill : style.color)), b = light(behind(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${node.tagName}.${node.getAttribute('class')} "${node.textContent.trim().slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return bad;
})()"""


@case("it loads without an error, asks nobody but the bridge, and shows an app where it is")
def _(bench):
    scheduler = started(bench)
    scheduler.post_lrps(lrp("web-shop", [0, 1, 2], memory_mb=256), lrp("mailer", [0, 1], memory_mb=128))
    scheduler.post_tasks(task("nightly", memory_mb=64))
    items = scheduler.wait_states({"web-shop.0": "running", "mailer.1": "running", "nightly": "running"})
    browser = opened(bench, scheduler)
    expect_equal(browser.text("#state"), "subscribed", "the state of the scheduler")
    for word in (scheduler.master, "spread", "0.1.0"):
        expect(word in browser.text("#facts"), f"{word} in the head", browser.text("#facts"))
    expect("Running\n6\n5 LRPs, 1 Task" in browser.text("#tiles"), "six that run", browser.text("#tiles"))
    expect_equal(browser.text("#waiting-none"), "Nothing waits.", "what is said where nothing waits")
    # By zone, and the cell that has it.
    expect_equal(browser.js("[...document.querySelectorAll('#zones tbody th')].map(n => n.innerText)"),
                 ["All zones", "z1", "z2"], "zones")
    cell = items["web-shop.0"]["cell_id"]
    at = browser.js(f"[...document.querySelectorAll('#cells .open')].findIndex(n => n.innerText === {json.dumps(cell)})")
    expect(at >= 0, f"{cell} in the list", browser.text("#cells"))
    segments = browser.js(f"[...document.querySelectorAll('#cells .segments')][{at}].innerHTML")
    expect("web-shop: 1 instance, 256 MB" in segments, "the app in its cell's bar", segments)
    browser.screenshot(SHOTS / "light.png")
    browser.js(f"document.querySelectorAll('#cells .open')[{at}].click()")
    browser.wait("the app among the instances of its cell", f"!!document.querySelector({json.dumps(button('Stop web-shop.0'))})")
    browser.screenshot(SHOTS / "cell.png")
    browser.click("#zones tbody tr:nth-child(3) button")
    browser.wait("the cells of zone z2 alone", "document.querySelectorAll('#cells .open').length === 1 && "
                 "document.getElementById('cells-title').innerText === 'Cells in zone z2'")
    quiet(browser, scheduler)


@case("its script is held to its policy: no markup from text, no script of another's")
def _(bench):
    scheduler = started(bench, agents=1, cluster_flags=())
    browser = opened(bench, scheduler)
    expect_equal(browser.js("(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken' } catch (e) { return e.name } })()"),
                 "TypeError", "innerHTML of a text")
    browser.js("""new Promise((done) => { const s = document.createElement('script');
      s.append('window.planted = 1'); document.body.append(s); setTimeout(done, 50) })""")
    expect_equal(browser.js("window.planted ?? null"), None, "a script that was planted")
    expect_equal(browser.js("fetch('http://127.0.0.1:9/').then(() => 'asked', (e) => e.name)"), "TypeError", "a request to another")
    expect(browser.complaints, "the browser to say what it refused", browser.complaints)


@case("what happens is there without a reload, and is told as it comes")
def _(bench):
    scheduler = started(bench)
    browser = opened(bench, scheduler)
    browser.wait("events to be live", "document.getElementById('events-state').innerText === 'live'")
    browser.js("window.kept = true")
    scheduler.post_lrps(lrp("late-comer", [0, 1]))
    browser.wait("the event of its running", "[...document.querySelectorAll('#events li')].some(n => "
                 "n.innerText.includes('instance.running') && n.innerText.includes('late-comer.1'))")
    browser.wait("the number that runs", "document.getElementById('tiles').innerText.includes('Running\\n2\\n2 LRPs')")
    browser.wait("a cell that has it", "[...document.querySelectorAll('.segment')].some(n => n.title.startsWith('late-comer'))")
    expect(browser.js("window.kept"), "the same page all the time")
    # A pause holds them back, and nothing is lost by it.
    browser.click("#events-pause")
    scheduler.post_lrps(lrp("meanwhile", [0]))
    browser.wait("the number of those held back", "/Go on \\(\\d+ new\\)/.test(document.getElementById('events-pause').innerText)")
    expect("meanwhile" not in browser.text("#events"), "none of them shown", browser.text("#events"))
    scheduler.wait_states({"meanwhile.0": "running"})
    browser.click("#events-pause")
    browser.wait("them after the pause", "document.getElementById('events').innerText.includes('meanwhile.0')")
    web.request("PUT", scheduler.bridge + "/v1/policy", body='{"cells_max":7}')
    browser.wait("the policy's change", "document.getElementById('events').innerText.includes('policy.changed')")
    browser.click('#events-kinds label:last-child input')
    expect("policy.changed" not in browser.text("#events"), "it is not shown once it is not wanted", browser.text("#events"))
    browser.click('#events-kinds input')
    expect("meanwhile" not in browser.text("#events"), "no instance once they are not wanted", browser.text("#events"))
    quiet(browser, scheduler)


@case("why an app too big waits is found with the keyboard alone")
def _(bench):
    scheduler = started(bench)
    scheduler.post_lrps(lrp("small", [0]), lrp("too-big", range(3), memory_mb=TOO_BIG_MB))
    scheduler.wait_states({"small.0": "running", "too-big.0": "queued"})
    browser = opened(bench, scheduler)
    browser.wait("it to be shown as waiting", "document.getElementById('waiting').innerText.includes('too-big')")
    expect("3 instances: 0–2" in browser.text("#waiting"), "the three in one row", browser.text("#waiting"))
    expect("insufficient resources" in browser.text("#waiting .why"), "why", browser.text("#waiting .why"))
    browser.screenshot(SHOTS / "waiting.png")
    for presses in range(1, 13):
        browser.press("Tab")
        if browser.focused() == "Why does too-big wait?":
            break
    expect_equal(browser.focused(), "Why does too-big wait?", f"what has the focus after {presses} times Tab")
    expect(browser.js("getComputedStyle(document.activeElement).outlineStyle") != "none", "the focus to be seen")
    browser.press("Enter")
    browser.wait("the explanation", "document.querySelector('#explain .verdict')?.innerText.startsWith('No cell has a place for it')")
    told = browser.text("#explain")
    for words in ("too-big.0", "0 of 3 fit", "WHY NOT, BY REASON", "NEAREST MISSES", "memory", "zone z1", "zone z2"):
        expect(words.lower() in told.lower(), f"{words} in the explanation", told)
    expect(browser.js("document.getElementById('explain').contains(document.activeElement)"), "the focus in the dialog")
    expect(browser.js("location.hash") == "#explain/lrp/too-big/0", "an address to send to others", browser.js("location.hash"))
    browser.screenshot(SHOTS / "explain.png")
    browser.press("Escape")
    browser.wait("the dialog to be closed", "!document.getElementById('explain').open")
    expect_equal(browser.focused(), "Why does too-big wait?", "the focus afterwards")
    browser.press("Tab", SHIFT)
    browser.go(scheduler.bridge + "/#explain/lrp/too-big/1")
    browser.wait("the one that the address names", "document.getElementById('explain-title').innerText === 'too-big.1'")
    quiet(browser, scheduler)


@case("drain and stop ask first, and do what they say")
def _(bench):
    scheduler = started(bench, agents=2, cluster_flags=())
    scheduler.post_lrps(lrp("app", [0]))
    cell = scheduler.wait_states({"app.0": "running"})["app.0"]
    browser = opened(bench, scheduler)

    def draining():
        return {c["agent_id"]: c["draining"] for c in scheduler.cells()}.get(cell["agent_id"])
    browser.wait("its cell", "document.querySelectorAll('#cells .acts button').length === 1")
    browser.click("#cells .acts button")
    browser.wait("the question", "document.getElementById('confirm').open")
    short = cell["agent_id"].rpartition("-")[2]
    expect_equal(browser.text("#confirm h2"), f"Drain agent {short} on {cell['agent_hostname']}?", "what is asked")
    expect_equal(browser.focused(), "Cancel", "what Enter would do")
    browser.screenshot(SHOTS / "drain.png")
    browser.press("Enter")
    browser.wait("the question to be gone", "!document.getElementById('confirm').open")
    expect_equal(draining(), "", "draining after Cancel")
    browser.click("#cells .acts button")
    browser.click("#confirm .yes")
    wait_for("the agent to be drained", lambda: draining() == "operator")
    browser.wait("the page to say so", "document.getElementById('cells').innerText.includes('draining (operator)')")
    expect("is being drained" in browser.text("#said"), "what was done to be said", browser.text("#said"))
    way_back = '#cells button[aria-label^="Cancel the drain of"]'
    browser.wait("the way back", f"!!document.querySelector({json.dumps(way_back)})")
    browser.click(way_back)
    browser.click("#confirm .yes")
    wait_for("the agent to be used again", lambda: draining() in ("", None))
    # Stop.
    scheduler.wait_states({"app.0": "running"})
    browser.js("document.querySelector('#cells .open[aria-expanded=false]').click()")
    browser.wait("the instances of the first cell", "document.querySelector('#cells .below:not([hidden])') !== null")
    browser.js("document.querySelectorAll('#cells .open[aria-expanded=false]').forEach(n => n.click())")
    browser.wait("the instance", f"!!document.querySelector({json.dumps(button('Stop app.0'))})")
    browser.js(f"document.querySelector({json.dumps(button('Stop app.0'))}).click()")
    browser.click("#confirm .yes")
    scheduler.wait_states({"app.0": "stopped"})
    quiet(browser, scheduler)


@case("what cannot be done is said in one line")
def _(bench):
    scheduler = started(bench, agents=1, cluster_flags=())
    scheduler.post_lrps(lrp("too-big", [0], memory_mb=TOO_BIG_MB))
    scheduler.wait_states({"too-big.0": "queued"})
    browser = opened(bench, scheduler)
    browser.wait("what waits", f"!!document.querySelector({json.dumps(button('Stop too-big.0'))})")
    browser.click(button("Stop too-big.0"))
    # Somebody else was quicker; the question is still open.
    expect_equal(scheduler.delete("/v1/lrps/too-big").status, 202, "DELETE")
    browser.js("window.fetch = ((real) => (path, options) => real(path.replace('too-big', 'nobody'), options))(window.fetch)")
    browser.click("#confirm .yes")
    browser.wait("the line", "document.getElementById('problem').innerText.startsWith('Stop: no such instance')")
    expect(browser.js("document.getElementById('problem').getAttribute('role')") == "alert", "that it is read out")
    browser.click("#problem button")
    browser.wait("it to be gone", "document.getElementById('problem').hidden")
    quiet(browser, scheduler, allowed=("404",))


@case("a guid that is markup is shown as it is written")
def _(bench):
    scheduler = started(bench, agents=1, cluster_flags=())
    evil = "<img src=x onerror=\"window.hit='img'\">"
    quotes = "\"'><script>window.hit='script'</script>"
    scheduler.post_lrps(lrp(evil, [0]), lrp(evil + "big", [0], memory_mb=TOO_BIG_MB, domain="<b>domain</b>"), lrp(quotes, [0]))
    scheduler.post_tasks(task("javascript:window.hit='url'"))
    scheduler.wait_states({f"{evil}.0": "running", f"{quotes}.0": "running", f"{evil}big.0": "queued"})
    browser = opened(bench, scheduler)
    browser.wait("it in the list of what waits", f"document.getElementById('waiting').innerText.includes({json.dumps(evil)})")
    browser.wait("its events", f"document.getElementById('events').innerText.includes({json.dumps(evil)})")
    browser.click("#cells .open")
    browser.wait("it on its cell", f"!!document.querySelector({json.dumps(button(f'Stop {evil}.0'))})")
    browser.click("#waiting .acts button")
    browser.wait("its explanation", "document.querySelector('#explain .verdict')?.innerText.length > 0")
    expect_equal(browser.text("#explain-title"), f"{evil}big.0", "the title of its explanation")
    browser.screenshot(SHOTS / "markup.png")
    browser.press("Escape")
    browser.go(scheduler.bridge + "/#explain/lrp/" + evil.replace(" ", "%20") + "/0")
    time.sleep(0.3)
    expect_equal(browser.js("window.hit ?? null"), None, "what it would have run")
    expect_equal(browser.js("document.querySelectorAll('body img, body b, body script').length"), 1, "scripts and pictures in the page")
    expect_equal(browser.dialogs, [], "alerts")
    quiet(browser, scheduler)


@case("where a token is set the page asks for it, keeps it for the tab, and sends it")
def _(bench):
    executable()
    token = bench.path("token")
    token.write_text("open sesame\n")
    scheduler = started(bench, agents=1, cluster_flags=(), flags=("--bridge-token-file", str(token)))
    expect_equal(web.get(scheduler.bridge + "/").status, 200, "GET / without a token")
    expect_equal(web.get(scheduler.bridge + "/v1/cells").status, 401, "GET /v1/cells without a token")
    browser = opened(bench, scheduler)
    browser.wait("the question", "document.getElementById('token').open")
    browser.screenshot(SHOTS / "token.png")
    browser.type("open barley")
    browser.press("Enter")
    browser.wait("the answer to a wrong one", "document.querySelector('#token .wrong').innerText.includes('not the right one')")
    browser.type("open sesame")
    browser.press("Enter")
    browser.wait("what it opens", "document.getElementById('state').innerText === 'subscribed'")
    browser.wait("events, too", "document.getElementById('events-state').innerText === 'live'")
    expect_equal(browser.js("[Object.keys(sessionStorage).length, Object.keys(localStorage), document.cookie]"),
                 [1, ["diego-scheduler-theme"], ""], "where it is kept")
    browser.go(scheduler.bridge + "/?again")
    browser.wait("no question a second time", "document.getElementById('state').innerText === 'subscribed'")
    browser.wait("the way to take it back", "!document.getElementById('forget').hidden")
    browser.click("#forget")
    browser.wait("the question after it was forgotten", "document.getElementById('token').open")
    expect(all("sesame" not in url for url in browser.asked), "the token in no address", browser.asked)
    quiet(browser, scheduler, allowed=("401",))


@case("a scheduler that goes and comes back is followed, and what was missed is said")
def _(bench):
    scheduler = started(bench, agents=1, cluster_flags=())
    scheduler.post_lrps(lrp("app", [0]))
    scheduler.wait_states({"app.0": "running"})
    browser = opened(bench, scheduler)
    browser.wait("an event to come back to", "document.querySelectorAll('#events li').length > 2")
    scheduler.program.kill()
    browser.wait("the page to say so", "document.getElementById('events-state').innerText.startsWith('no answer') || "
                 "document.getElementById('events-state').innerText.startsWith('the stream ended')")
    browser.wait("the whole to say so", "document.getElementById('state').innerText === 'no answer'", 40)
    browser.screenshot(SHOTS / "away.png")
    again = Scheduler(bench, scheduler.master, name="again", state_dir=scheduler.state_dir, bridge_port=scheduler.bridge_port)
    browser.wait("events again", "document.getElementById('events-state').innerText === 'live'", 40)
    browser.wait("the gap", "document.querySelector('#events [data-kind=gap]')?.innerText.includes('another scheduler process')")
    browser.wait("the rest again", "document.getElementById('state').innerText === 'subscribed'", 40)
    again.post_lrps(lrp("after", [0]))
    browser.wait("what happens then", "document.getElementById('events').innerText.includes('after.0')")
    browser.wait("no trouble left to tell", "document.getElementById('problem').hidden", 40)
    quiet(browser, scheduler, allowed=("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET",
                                       "ERR_EMPTY_RESPONSE", "503"))


@case("it is light or dark as the system is, or as is chosen, and can be read in both")
def _(bench):
    scheduler = started(bench)
    scheduler.post_lrps(lrp("app", range(4), memory_mb=200), lrp("too-big", [0], memory_mb=TOO_BIG_MB))
    scheduler.wait_states({"app.3": "running", "too-big.0": "queued"})
    browser = opened(bench, scheduler)
    browser.wait("what waits", "document.getElementById('waiting').innerText.includes('too-big')")
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.media(prefers_color_scheme="light")
    light = browser.js(ground)
    expect_equal(browser.js(CONTRAST), [], "text that is hard to read in the light")
    browser.media(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
    dark = browser.js(ground)
    expect(light != dark, "another ground in the dark", dark)
    expect_equal(browser.js(CONTRAST), [], "text that is hard to read in the dark")
    expect_equal(browser.js("getComputedStyle(document.querySelector('.meter .used')).transitionDuration"), "0s",
                 "motion where it is unwanted")
    browser.screenshot(SHOTS / "dark.png")
    browser.click("#waiting .acts button")
    browser.wait("its explanation", "document.querySelector('#explain .verdict')?.innerText.length > 10")
    expect_equal(browser.js(CONTRAST), [], "text of an explanation that is hard to read in the dark")
    browser.screenshot(SHOTS / "explain-dark.png")
    browser.press("Escape")
    for wanted, colour in (("light", light), ("dark", dark), ("auto", dark), ("light", light)):
        browser.click("#theme")
        expect_equal((browser.text("#theme"), browser.js(ground)), (f"Theme: {wanted}", colour), "what was chosen")
    browser.go(scheduler.bridge + "/?again")
    expect_equal(browser.js(ground), light, "what was chosen, after a reload")
    browser.resize(420, 860)
    expect(browser.js("document.documentElement.scrollWidth <= 420"), "nothing to scroll sideways on a telephone",
           browser.js("document.documentElement.scrollWidth"))
    browser.screenshot(SHOTS / "narrow.png")


@case("a screen reader is told where it is and what everything does")
def _(bench):
    scheduler = started(bench)
    scheduler.post_lrps(lrp("app", range(2)), lrp("too-big", [0], memory_mb=TOO_BIG_MB))
    scheduler.wait_states({"app.1": "running", "too-big.0": "queued"})
    browser = opened(bench, scheduler)
    browser.wait("what waits", "document.getElementById('waiting').innerText.includes('too-big')")
    browser.js("document.querySelector('#cells .open').click(); document.querySelector('.numbers').open = true")
    browser.wait("the table of the hour", "document.querySelectorAll('#hour-table tbody tr').length > 0")
    told = browser.accessible()
    roles = {role for role, _ in told}
    expect({"banner", "main", "complementary", "heading", "table", "columnheader", "rowheader", "status"} <= roles,
           "landmarks, headings, tables and a live region", sorted(roles))
    headings = [name for role, name in told if role == "heading"]
    for name in ("diego-scheduler", "Last hour", "Waiting", "Zones", "Cells", "Events"):
        expect(name in headings, f"a heading {name}", headings)
    nameless = [role for role, name in told if role in NAMED_ROLES and not name.strip()]
    expect_equal(nameless, [], "what has no name")
    pictures = [name for role, name in told if role in ("image", "img")]
    expect(any("auctions" in name for name in pictures), "the charts in words", pictures)
    expect(any("MB used by 1 instance of 1 app" in name for name in pictures), "a cell's bar in words", pictures)
    expect_equal(browser.js("document.querySelector('#events').closest('[aria-live]')"), None, "events that interrupt the reader")
    quiet(browser, scheduler)


@case(f"with {CELLS:,} cells it stays quick: by zone, in pages, and found by a name")
def _(bench):
    executable()
    scale = neighbour(str(ROOT / "test" / "bench" / "page"), "scale")
    chosen = scale.flags().parse_args(["--agents", str(CELLS), "--instances", str(3 * CELLS), "--strategy", "spread", "--codec", "protobuf",
                                       "--zones", "8", "--log-level", "warning", "--limit-s", str(150 * SLOW), "--patience", str(3 * SLOW)])
    _, _, port, _, report = scale.fill(bench, chosen)
    expect(report["complete"], "all instances to run")
    bridge = f"http://127.0.0.1:{port}"
    for path in ("/v1/overview", "/v1/zones", "/v1/cells?limit=50", "/v1/cells?limit=50&match=zzz", "/v1/instances?state=queued&limit=200",
                 "/v1/cells"):
        begun = time.perf_counter()
        answer = web.get(bridge + path, timeout=60)
        print(f"    {path}: {len(answer.body):,} bytes in {(time.perf_counter() - begun) * 1e3:.1f} ms", file=sys.stderr)
        expect_equal(answer.status, 200, path)
    cells = json.loads(answer.body)["cells"]
    expect_equal(len(cells), CELLS, "cells in all")
    browser = Browser(bench)
    begun = time.perf_counter()
    browser.go(bridge + "/")
    browser.wait("the page to have asked for everything", "document.documentElement.dataset.refreshed > 0", 30)
    loaded_s = time.perf_counter() - begun
    expect(f"Cells\n{CELLS:,}" in browser.text("#tiles"), "their number", browser.text("#tiles"))
    expect_equal(browser.js("document.querySelectorAll('#zones tbody tr').length"), 9, "zones, and all together")
    expect_equal(browser.text("#cells-note"), f"1 to 50 of {CELLS:,}", "what is shown of them")
    browser.click("#cells-pages button:last-child")
    browser.wait("the next page", f"document.getElementById('cells-note').innerText === '51 to 100 of {CELLS:,}'")
    browser.click("#zones tbody tr:nth-child(4) button")
    browser.wait("the first page of a zone", "document.getElementById('cells-note').innerText === '1 to 50 of 1,250'")
    browser.screenshot(SHOTS / "ten-thousand.png")
    browser.click("#zones tbody tr:nth-child(1) button")
    wanted = cells[CELLS * 3 // 4]
    begun = time.perf_counter()
    browser.click("#cells-match")
    browser.type(wanted["cell_id"])
    browser.wait("the one cell of that name", "document.querySelectorAll('#cells .open').length === 1 && "
                 f"document.querySelector('#cells .open').innerText === {json.dumps(wanted['cell_id'])}")
    found_s = time.perf_counter() - begun
    browser.js("document.getElementById('cells-match').value = ''")
    browser.click("#cells-match")
    browser.type(wanted["instances"][0]["process_guid"])
    browser.wait("the cells of an app, and it marked on them", "document.querySelector('#cells .segment.found') !== null")
    browser.screenshot(SHOTS / "found.png")
    nodes = browser.js("document.querySelectorAll('*').length")
    longest = browser.js("""new Promise((done) => { let most = 0; const seen = new PerformanceObserver((list) => {
      for (const one of list.getEntries()) most = Math.max(most, one.duration); });
      seen.observe({type: 'longtask', buffered: true}); setTimeout(() => done(most), 300); })""")
    print(f"    loaded in {loaded_s:.2f} s, a cell found in {found_s:.2f} s, {nodes} elements, busy for {longest:.0f} ms at most",
          file=sys.stderr)
    expect(nodes < 8000, "no more elements than a page of cells needs", nodes)
    expect(loaded_s < 8 * SLOW and found_s < 5 * SLOW and longest < 1500 * SLOW, "it to be usable",
           f"loaded in {loaded_s:.2f} s, found in {found_s:.2f} s, busy for {longest:.0f} ms")
    expect_equal(browser.complaints, [], "what the console shows")


main(__doc__)
