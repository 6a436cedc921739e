"""What the documents claim of the tree, as checks over it in the form of rules.py: the tests that docs/conformance.md
names are there, and the flags that docs/replacing-the-auctioneer.md names are those of our programs."""
import re

CONFORMANCE = "docs/conformance.md"
REPLACING = "docs/replacing-the-auctioneer.md"

# `path: the test's whole name`; of a story, a benchmark or a file that is one test, `path` alone.
NAMED = re.compile(r"`(test/[\w./-]+)(?:: ([^`]+))?`")
NO_TEST = "no test: "  # What stands in its place, before the reason.
ROW = re.compile(r"^\| .* \|$")
# A title is one literal or several; of a Python f-string it is the text as written, braces and all.
TITLE = re.compile(r'\b(?:TEST_CASE\(|case\(f?|add_case\(f?)\s*((?:"(?:\\.|[^"\\])*"\s*)+)')
LITERAL = re.compile(r'"((?:\\.|[^"\\])*)"')
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
DECLARED = re.compile(r'\b(?:flags|parser)\.add(?:_choice)?\(\s*"([a-z0-9-]+)"')
# Where the scheduler and the executor declare their flags, and those that every program has.
DECLARING = ("scheduler/edge", "executor/edge")
OF_EVERY_PROGRAM = {"config", "help", "version"}


def text_of(path):
    return path.read_text() if path.exists() else ""


def titles(path):
    return {"".join(LITERAL.findall(found)).replace('\\"', '"') for found in TITLE.findall(path.read_text())}


def named_tests(root):
    """Every test that the table names is there, and every row of it names one or says why none can be."""
    wrong = []
    lines = text_of(root / CONFORMANCE).splitlines()
    for number, line in enumerate(lines, 1):
        where = f"{CONFORMANCE}:{number}"
        found = NAMED.findall(line)
        for name, title in found:
            if not (root / name).exists():
                wrong.append(f"{where}: there is no {name}")
            elif title and title not in titles(root / name):
                wrong.append(f'{where}: {name} has no test "{title}"')
        is_head = number < len(lines) and lines[number].startswith("|--")
        if ROW.match(line) and not is_head and not found and NO_TEST not in line:
            wrong.append(f"{where}: a behaviour without a test")
    return wrong


def named_flags(root):
    """Every `--flag` in the page's words, and every line of a block that begins with one, is of our programs."""
    sources = [path for room in DECLARING for path in sorted((root / room).glob("*.cpp"))]
    known = OF_EVERY_PROGRAM.union(*(DECLARED.findall(path.read_text()) for path in sources))
    wrong, in_block = [], False
    for number, line in enumerate(text_of(root / REPLACING).splitlines(), 1):
        if line.startswith("```"):
            in_block = not in_block
        elif in_block:
            spans = [line] if line.lstrip().startswith("--") else []
        else:
            spans = re.findall(r"`((?:--|diego-)[^`]+)`", line)  # Others are of other programs.
        for span in [] if line.startswith("```") else spans:
            wrong += [f"{REPLACING}:{number}: no program of ours has --{flag}" for flag in FLAG.findall(span)
                      if flag not in known]
    return wrong
