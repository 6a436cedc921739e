"""The layer rule and the other house rules, as checks over a tree. Each returns lines
`path:line: what is wrong`. tidy.py runs them on the repository, self_test.py on trees that break them."""
import pathlib
import re
import shutil
import subprocess

LINES_MAX = 600
CPP = (".cpp", ".hpp")
SKIPPED_FOLDERS = {".git", "build", "subprojects", "__pycache__"}

# Room -> the rooms whose headers it may include, besides its own. CONTRIBUTING.md says it in words.
MAY_INCLUDE = {
    "base": set(),
    "platform": {"base"},
    "mesos": {"base", "platform", "schemas"},
    "diego": {"base", "platform", "schemas"},
    "scheduler/placement": {"base", "diego"},
    "scheduler/core": {"base", "diego", "scheduler/placement"},
    "auctionrunner_bridge": {"base", "platform", "diego", "scheduler/core/work.hpp", "scheduler/core/explanation.hpp",
                             "scheduler/core/changes.hpp", "scheduler/core/figures.hpp", "scheduler/core/rebalance.hpp"},
    "scheduler/plugin": {"base", "scheduler/placement"},
    "scheduler/engine": {"base", "mesos/session.hpp", "scheduler/placement", "scheduler/core"},
    "scheduler/store": {"base", "scheduler/placement", "scheduler/core"},
    "scheduler/record": {"base", "diego", "scheduler/placement", "scheduler/core"},
    "scheduler/edge": {"base", "platform", "schemas", "mesos", "diego", "scheduler/placement", "scheduler/plugin",
                       "scheduler/core", "scheduler/engine", "scheduler/record", "scheduler/store", "auctionrunner_bridge"},
    "scheduler": {"base", "platform", "schemas", "mesos", "diego", "scheduler/placement", "scheduler/plugin",
                  "scheduler/core", "scheduler/engine", "scheduler/record", "scheduler/store", "scheduler/edge",
                  "auctionrunner_bridge"},
    "place": {"base", "platform", "diego", "scheduler/placement", "scheduler/plugin"},
    "ctl": {"base", "platform", "diego/json.hpp", "diego/utf8.hpp"},
    "executor/core": {"base", "diego"},
    "executor/edge": {"base", "platform", "schemas", "mesos", "diego", "executor/core"},
    "executor": {"base", "platform", "schemas", "mesos", "diego", "executor/core", "executor/edge"},
    "cell/core": {"base"},
    "cell/edge": {"base", "platform", "cell/core"},
    "cell": {"base", "platform", "cell/core", "cell/edge"},
    "local/model": {"base", "schemas", "mesos", "diego"},
    "local/agent": {"base", "platform", "schemas", "mesos", "diego", "local/model", "local/serve/master_link.hpp"},
    "local/rep": {"base", "platform", "schemas", "diego"},
    "local/bbs": {"base", "platform", "schemas", "diego"},
    "local/locket": {"base", "platform", "schemas"},
    "local/serve": {"base", "platform", "schemas", "mesos", "diego", "local/model", "local/agent", "local/rep"},
    "local": {"base", "platform", "schemas", "mesos", "diego", "local/model", "local/agent", "local/rep", "local/bbs",
              "local/locket", "local/serve"},
}
# Longest first, so that scheduler/core is not taken for scheduler.
ROOMS = sorted(MAY_INCLUDE, key=len, reverse=True)

# The files that do I/O in rooms that have both kinds; the rest of these rooms is pure.
IO_FILES = re.compile(r"^(mesos|diego)/(\w*(http|client|detector|lock|connection|transport)\w*)\.(hpp|cpp)$"
                      r"|^scheduler/record/\w+_files\.(hpp|cpp)$"
                      r"|^local/(agent|rep|bbs|locket)/(\w*server|\w*client|\w*files|containers|control_groups)\.(hpp|cpp)$")
PURE_ROOMS = {"base", "scheduler/placement", "scheduler/core", "scheduler/engine", "scheduler/record", "executor/core", "cell/core", "local/model",
              "local/agent", "local/rep", "local/bbs", "local/locket", "mesos", "diego"}
PROTOBUF_FREE = {"base", "scheduler/placement", "scheduler/core", "scheduler/engine", "scheduler/record", "scheduler/store",
                 "executor/core", "cell/core", "cell/edge", "diego"}
PROTOBUF_FILES = re.compile(r"^diego/(bbs|locket)_\w+\.cpp$")  # What speaks protobuf in a room that otherwise does not.

IMPURE_HEADERS = re.compile(
    r"^(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|fstream|iostream"
    r"|filesystem|ctime|time\.h|unistd\.h|poll\.h|fcntl\.h|pthread\.h|netdb\.h|spdlog/.*|sqlite3\.h"
    r"|sys/(?!types\.h|wait\.h).*|netinet/.*|arpa/.*)$")
IMPURE_NAMES = re.compile(
    r"::now\s*\(|\b(?:system|steady|high_resolution)_clock\b|\bstd::(?:jthread|thread|mutex|lock_guard|unique_lock"
    r"|ofstream|ifstream|fstream|cout|cerr|clog)\b|\bspdlog::|\bplatform::|\b(?:getenv|clock_gettime|gettimeofday|waitpid)\s*\("
    r"|(?<![\w>])::(?:kill|raise|fork|sigaction)\s*\(|\bhttplib::|\brandom_device\b")
PROTOBUF_NAMES = re.compile(r"\bgoogle::protobuf\b|\bmesos::v1\b|\bmesos::internal\b")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
MARKS = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|X" + r"XX)\b")
MARKED_SUFFIXES = {".cpp", ".hpp", ".proto", ".py", ".sh", ".md", ".build", ".yaml", ".txt", ".wrap"}


def files(root):
    """Every file of ours, relative to the root."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not any(p in SKIPPED_FOLDERS or p.startswith("build-") for p in relative.parts):
            yield relative


def sources(root):
    return [f for f in files(root) if f.suffix in CPP]


def room_of(path):
    text = path.as_posix() if isinstance(path, pathlib.Path) else path
    if text.endswith(".pb.h"):
        return "schemas"  # Generated from schemas/, whatever folder its name begins with.
    for room in ROOMS:
        if text.startswith(room + "/"):
            return room
    return None


def code_lines(text):
    """(number, line) with comments and the insides of literals blanked out; an include keeps its name."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"\((?:.*?)\)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)

    def blank(found):
        kept = found.group(0)
        if kept.startswith('"') and re.search(r"#\s*include\s*$", found.string[:found.start()].rpartition("\n")[2]):
            return kept
        return re.sub(r"[^\n]", " ", kept)

    return list(enumerate(pattern.sub(blank, text).split("\n"), 1))


def layering(root):
    """Includes are rooted at the repository and point one way."""
    wrong = []
    for path in sources(root):
        room = room_of(path)
        if room is None:
            continue
        for number, line in code_lines((root / path).read_text()):
            found = INCLUDE.match(line)
            if not found or (found.group(1) == "<" and room_of(found.group(2)) is None):
                continue
            target = found.group(2)
            if found.group(1) == "<" and not target.endswith(".pb.h") and not (root / target).exists():
                continue  # A library that bears the name of a room.
            to = room_of(target)
            if to is None:
                wrong.append(f'{path}:{number}: "{target}" is not rooted at the repository')
            elif to != room and to not in MAY_INCLUDE[room] and target not in MAY_INCLUDE[room]:
                wrong.append(f"{path}:{number}: {room} may not include {target}")
            elif not target.endswith(".pb.h") and not (root / target).exists():
                wrong.append(f'{path}:{number}: "{target}" does not exist')
    return wrong


def is_pure(path):
    return room_of(path) in PURE_ROOMS and not IO_FILES.match(path.as_posix())


def purity(root):
    """The pure rooms name no clock, thread, file, socket, logger; the cores no protobuf either."""
    wrong = []
    for path in sources(root):
        pure, room = is_pure(path), room_of(path)
        for number, line in code_lines((root / path).read_text()):
            found = INCLUDE.match(line)
            if found and pure and IMPURE_HEADERS.match(found.group(2)):
                wrong.append(f"{path}:{number}: a pure room includes <{found.group(2)}>")
            if found and pure and room_of(found.group(2)) == "platform":
                wrong.append(f"{path}:{number}: a pure room includes {found.group(2)}")
            if found and pure and IO_FILES.match(found.group(2)):
                wrong.append(f"{path}:{number}: a pure room includes {found.group(2)}, which does I/O")
            if pure and not found:
                for name in IMPURE_NAMES.finditer(line):
                    wrong.append(f"{path}:{number}: a pure room names {name.group(0).strip(' (')}")
            if room in PROTOBUF_FREE and not PROTOBUF_FILES.match(path.as_posix()):
                if found and (found.group(2).endswith(".pb.h") or found.group(2).startswith("google/protobuf")):
                    wrong.append(f"{path}:{number}: {room} includes protobuf ({found.group(2)})")
                elif not found and PROTOBUF_NAMES.search(line):
                    wrong.append(f"{path}:{number}: {room} names a protobuf type")
    return wrong


def heavy_headers(root):
    """The generated Mesos header has 81,000 lines, httplib.h 9,000: they stay out of headers."""
    wrong = []
    for path in sources(root):
        for number, line in code_lines((root / path).read_text()):
            found = INCLUDE.match(line)
            if not found:
                continue
            target = found.group(2)
            if path.suffix == ".hpp" and (target.endswith(".pb.h") or target.endswith("httplib.h")):
                wrong.append(f"{path}:{number}: a header includes {target}")
            if target.endswith("httplib.h") and not re.match(r"^platform/http_\w+\.cpp$", path.as_posix()):
                wrong.append(f"{path}:{number}: httplib.h belongs to platform/http_*.cpp")
    return wrong


def lengths(root):
    wrong = []
    for path in files(root):
        if path.suffix in CPP + (".py", ".sh"):
            count = len((root / path).read_text().splitlines())
            if count > LINES_MAX:
                wrong.append(f"{path}:{count}: longer than {LINES_MAX} lines")
    return wrong


def marks(root):
    """Marks of unfinished work."""
    wrong = []
    for path in files(root):
        if path.suffix not in MARKED_SUFFIXES and not is_script(root / path):
            continue
        for number, line in enumerate((root / path).read_text(errors="replace").splitlines(), 1):
            found = MARKS.search(line)
            if found:
                wrong.append(f"{path}:{number}: {found.group(0)}")
    return wrong


def shebang(path):
    with open(path, "rb") as head:
        line = head.readline(120)
    return line.decode(errors="replace").strip() if line.startswith(b"#!") else ""


def is_script(path):
    return bool(shebang(path))


def scripts(root):
    """Shell and Python scripts parse."""
    wrong = []
    for path in files(root):
        first = shebang(root / path)
        shell = re.search(r"\b(bash|dash|sh)$", first)
        if shell:
            done = subprocess.run([shell.group(1), "-n", str(root / path)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                wrong.append(f"{path}:1: {' '.join(done.stderr.split())}")
        elif path.suffix == ".py" or "python" in first:
            try:
                compile((root / path).read_text(), str(path), "exec")
            except SyntaxError as problem:
                wrong.append(f"{path}:{problem.lineno}: {problem.msg}")
        if path.suffix == ".sh" and not first:
            wrong.append(f"{path}:1: a shell script without #!")
    return wrong


def clang_format():
    """The formatter, or None: only version 14 decides, others differ from it."""
    for name in ("clang-format-14", "clang-format"):
        found = shutil.which(name)
        if found and " 14." in subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout:
            return found
    return None


def formatting(root, formatter):
    wrong = []
    for path in sources(root):
        done = subprocess.run([formatter, "--style=file", "--dry-run", "--Werror", str(root / path)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            first = next((l for l in done.stderr.splitlines() if ": error:" in l), done.stderr.strip())
            found = re.search(r":(\d+):\d+: error: (.*)", first)
            count = done.stderr.count("-Wclang-format-violations")
            wrong.append(f"{path}:{found.group(1) if found else 1}: not as clang-format has it ({count} places)")
    return wrong
