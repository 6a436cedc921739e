#!/usr/bin/env python3
"""Proves that tidy catches what it is there for: each case builds a small tree that breaks one rule
and wants exactly that line found, and nothing in a tree that keeps them all."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import documents
import rules
from cases import add_case, case, main
from programs import ROOT, Skipped, expect, expect_equal

GOOD = {
    "base/time.hpp": "#pragma once\n#include <chrono>\n",
    "diego/auction.hpp": '#pragma once\n#include "base/time.hpp"\n',
    "diego/rep_client.hpp": '#pragma once\n#include "platform/http_client.hpp"\n',
    "platform/http_client.hpp": '#pragma once\n#include "base/time.hpp"\n',
    "platform/http_client.cpp": '#include "platform/http_client.hpp"\n\n#include <httplib.h>\n#include <thread>\n',
    "mesos/codec.cpp": '#include "mesos/v1/mesos.pb.h"\nusing mesos::v1::Offer;\n',
    "scheduler/placement/types.hpp": '#pragma once\n#include "base/time.hpp"\n',
    "scheduler/core/work.hpp": '#pragma once\n#include "scheduler/placement/types.hpp"\n',
    "scheduler/core/core.cpp": '#include "scheduler/core/work.hpp"\n'
                               '// A comment may say std::mutex or platform::now().\n'
                               'const char* kText = "std::thread";\n',
    "scheduler/edge/loop.cpp": '#include "scheduler/core/work.hpp"\n#include "platform/http_client.hpp"\n#include <mutex>\n',
    "auctionrunner_bridge/routes.cpp": '#include "scheduler/core/work.hpp"\n',
    "local/agent/agent_server.cpp": '#include "local/model/http_api.hpp"\n#include <thread>\n',
    "local/model/http_api.hpp": "#pragma once\n",
    "local/model/agent.cpp": '#include "mesos/v1/mesos.pb.h"\n#include "base/time.hpp"\n',
    "scripts/ok.sh": "#!/bin/sh\necho fine\n",
    "test/unit/a_test.cpp": 'TEST_CASE("a thing is\\\"so\\\"", "[a]") {}\nTEST_CASE(\n    "one in "\n    "two parts", "[a]") {}\n',
    "test/integration/a.py": '@case("a case")\ndef _(_bench):\n    pass\n\n\nadd_case(f"{one} of many", print)\n',
    "scheduler/edge/options.cpp": 'flags.add("master", a, "");\nflags.add_choice(\n    "strategy", b, {});\n',
    "docs/conformance.md": '| behaviour | tests |\n|---|---|\n| so | `test/unit/a_test.cpp: a thing is"so"` |\n'
                           "| in two | `test/unit/a_test.cpp: one in two parts`, `test/integration/a.py: {one} of many` |\n"
                           "| all of it | `test/integration/a.py` |\n| never | no test: it cannot be seen |\n",
    "docs/replacing-the-auctioneer.md": "Say `--master host:5050` and `--help`, not --nothing.\n```\nbosh --other\n"
                                        "  --strategy diego \\\n```\n",
}

# (name, rule, file, its text, what the found line must hold)
BROKEN = [
    ("a core that includes its edge", rules.layering, "scheduler/core/a.cpp",
     '#include "scheduler/edge/loop.hpp"\n', "scheduler/core may not include scheduler/edge/loop.hpp"),
    ("placement that includes the core", rules.layering, "scheduler/placement/a.hpp",
     '#include "scheduler/core/work.hpp"\n', "scheduler/placement may not include"),
    ("base that includes the platform", rules.layering, "base/a.hpp", '#include "platform/http_client.hpp"\n',
     "base may not include"),
    ("the bridge that looks past work.hpp", rules.layering, "auctionrunner_bridge/a.cpp",
     '#include "scheduler/core/core.hpp"\n', "auctionrunner_bridge may not include scheduler/core/core.hpp"),
    ("a stand-in that uses the executor", rules.layering, "local/serve/a.cpp", '#include "executor/core/core.hpp"\n',
     "local/serve may not include"),
    ("a stand-in that uses the scheduler in angle brackets", rules.layering, "local/model/a.cpp",
     '#include <scheduler/core/work.hpp>\n', "local/model may not include"),
    ("diego that uses mesos", rules.layering, "diego/a.cpp", '#include "mesos/codec.hpp"\n', "diego may not include"),
    ("the executor's core that includes mesos", rules.layering, "executor/core/a.cpp", '#include "mesos/codec.hpp"\n',
     "executor/core may not include"),
    ("an include that is not rooted", rules.layering, "scheduler/core/a.cpp", '#include "work.hpp"\n', "not rooted"),
    ("an include of nothing", rules.layering, "scheduler/core/a.cpp", '#include "scheduler/core/gone.hpp"\n',
     "does not exist"),
    ("a core that reads the clock", rules.purity, "scheduler/core/a.cpp",
     "auto t = std::chrono::system_clock::now();\n", "names"),
    ("a core that locks", rules.purity, "executor/core/a.cpp", "#include <mutex>\n", "includes <mutex>"),
    ("a model that starts a thread", rules.purity, "local/model/a.cpp", "std::thread t;\n", "names std::thread"),
    ("a stand-in agent's model that includes its server", rules.purity, "local/agent/a.cpp",
     '#include "local/agent/agent_server.hpp"\n', "does I/O"),
    ("a stand-in agent's model that signals a process", rules.purity, "local/agent/a.cpp",
     "void f() { ::kill(1, SIGTERM); }\n", "names ::kill"),
    ("placement that reads a file", rules.purity, "scheduler/placement/a.cpp", "#include <fstream>\n", "<fstream>"),
    ("a codec that opens a socket", rules.purity, "mesos/a.cpp", "#include <sys/socket.h>\n", "<sys/socket.h>"),
    ("a core that logs", rules.purity, "scheduler/core/a.cpp", '#include "platform/log.hpp"\n', "platform/log.hpp"),
    ("a pure part of diego that includes a client", rules.purity, "diego/a.cpp", '#include "diego/rep_client.hpp"\n',
     "does I/O"),
    ("a core with protobuf", rules.purity, "scheduler/core/a.cpp", "mesos::v1::Offer offer;\n", "names a protobuf type"),
    ("placement with a generated header", rules.purity, "scheduler/placement/a.cpp",
     '#include "mesos/v1/mesos.pb.h"\n', "includes protobuf"),
    ("diego's JSON with a generated header", rules.purity, "diego/a.cpp", '#include "diego/bbs.pb.h"\n',
     "includes protobuf"),
    ("a header with a generated one", rules.heavy_headers, "mesos/a.hpp", '#include "mesos/v1/mesos.pb.h"\n',
     "a header includes"),
    ("httplib outside its room", rules.heavy_headers, "scheduler/edge/a.cpp", "#include <httplib.h>\n", "belongs to"),
    ("a file too long", rules.lengths, "base/a.cpp", "//\n" * (rules.LINES_MAX + 1), "longer than"),
    ("a mark of unfinished work", rules.marks, "base/a.cpp", "// TO" + "DO: later\n", "TO" + "DO"),
    ("a mark in a script", rules.marks, "tool", "#!/bin/sh\n# FIX" + "ME\n", "FIX" + "ME"),
    ("a shell script that does not parse", rules.scripts, "a.sh", "#!/bin/sh\nif then\n", "a.sh:1"),
    ("a bash script that does not parse", rules.scripts, "a", "#!/usr/bin/env bash\nx=(\n", "a:1"),
    ("a Python script that does not parse", rules.scripts, "a.py", "def f(:\n", "a.py:1"),
    ("a table that names a test that is not there", documents.named_tests, "docs/conformance.md",
     "| it | `test/unit/a_test.cpp: a thing` |\n", 'test/unit/a_test.cpp has no test "a thing"'),
    ("a table that names a file that is not there", documents.named_tests, "docs/conformance.md",
     "| it | `test/unit/b_test.cpp: a case` |\n", "there is no test/unit/b_test.cpp"),
    ("a behaviour without a test", documents.named_tests, "docs/conformance.md", "| it | as it should |\n", "without a test"),
    ("a flag in the text that is not there", documents.named_flags, "docs/replacing-the-auctioneer.md",
     "Say `--mastr host`.\n", "no program of ours has --mastr"),
    ("a flag in a command that is not there", documents.named_flags, "docs/replacing-the-auctioneer.md",
     "```\ndiego-scheduler \\\n  --strategie diego\n```\n", "no program of ours has --strategie"),
]
ALL = (rules.layering, rules.purity, rules.heavy_headers, rules.lengths, rules.marks, rules.scripts, documents.named_tests,
       documents.named_flags)


def plant(root, tree):
    for name, text in tree.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def catches(rule, name, text, wanted):
    def check(bench):
        plant(bench.dir, GOOD)
        plant(bench.dir, {name: text})
        found = rule(bench.dir)
        expect(any(line.startswith(name + ":") and wanted in line for line in found), f"{name} with '{wanted}'", found)
        others = [line for line in found if not line.startswith(name + ":")]
        expect_equal(others, [], "violations elsewhere")
    return check


@case("a tree that keeps the rules passes them all")
def _(bench):
    plant(bench.dir, GOOD)
    for rule in ALL:
        expect_equal(rule(bench.dir), [], rule.__name__)


for title, broken_rule, file, content, words in BROKEN:
    add_case(f"catches {title}", catches(broken_rule, file, content, words))


@case("catches a file that is not formatted")
def _(bench):
    formatter = rules.clang_format()
    if formatter is None:
        raise Skipped("clang-format 14 is not installed (package clang-format-14)")
    (bench.dir / ".clang-format").write_text((ROOT / ".clang-format").read_text())
    plant(bench.dir, {"base/good.cpp": "int f() { return 1; }\n", "base/bad.cpp": "int  f( ) {return 1;}\n"})
    found = rules.formatting(bench.dir, formatter)
    expect(len(found) == 1 and found[0].startswith("base/bad.cpp:1:"), "base/bad.cpp alone", found)


if __name__ == "__main__":
    main(__doc__)
