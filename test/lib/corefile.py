"""A Corefile as CoreDNS reads it, and what its `template` plugin answers: as much of both as our own file uses.
What it does not know is an error, so that the file cannot say something that this does not try."""
import re

OBJECT = re.compile(r"\{\{ \.(Name|Zone|Group\.[a-z]+) \}\}")
# Go's regular expressions know no look-around and no back references; what both languages read alike is left.
REGEX = re.compile(r"^(?:[\w\-^$|?*+.]|\[\^?[\w\-.]+\]|\{\d+\}|\((?:\?P<[a-z]+>)?|\))+$")


class Unknown(Exception):
    """A line of the file that is not understood."""


def tokens(text):
    """The words of each line: "in quotes" is one word, # begins a comment."""
    for number, line in enumerate(text.splitlines(), 1):
        words = []
        for found in re.finditer(r'"((?:\\"|[^"])*)"|(#.*)|(\S+)', line):
            if found[2] is not None:
                break
            words.append(found[1].replace('\\"', '"') if found[1] is not None else found[3])
        if words:
            yield number, words


class Template:
    """One `template` block."""

    def __init__(self, kind, record):
        if kind not in ("IN", "ANY"):
            raise Unknown(f"class {kind}")
        self.record, self.regexes, self.answers, self.authorities = record, [], [], []
        self.rcode, self.falls_through = "NOERROR", False

    def say(self, word, arguments):
        if word == "match":
            if not all(REGEX.match(one) for one in arguments):
                raise Unknown(f"expression {arguments}")
            self.regexes += [re.compile(one, re.ASCII) for one in arguments]
        elif word == "answer":
            self.answers += arguments
        elif word == "authority":
            self.authorities += arguments
        elif word == "rcode":
            self.rcode = arguments[0]
        elif word == "fallthrough" and not arguments:
            self.falls_through = True
        else:
            raise Unknown(f"{word} {arguments}")

    def match(self, name):
        return next((found for found in (regex.search(name) for regex in self.regexes) if found), None) \
            if self.regexes else re.match("", name)


class Zone:
    """A server block: `zone[:port] { ... }`."""

    def __init__(self, key):
        self.name, _, self.port = key.partition(":")
        self.templates = []

    def ask(self, name, record="A"):
        """(rcode, answers, authorities) to a question for `name`, which ends with a dot."""
        name = name.lower()
        if name != self.name and not name.endswith("." + self.name):
            return "REFUSED", [], []
        for template in self.templates:
            if "ANY" not in (template.record, record) and template.record != record:
                continue
            found = template.match(name)
            if found is None:
                if template.falls_through:
                    continue
                return "SERVFAIL", [], []
            values = {"Name": name, "Zone": self.name, **{f"Group.{key}": text for key, text in found.groupdict().items()}}

            def filled(text, values=values):
                made = OBJECT.sub(lambda one: values[one[1]], text)
                if "{{" in made:
                    raise Unknown(text)
                return made
            return template.rcode, [filled(one) for one in template.answers], [filled(one) for one in template.authorities]
        return "SERVFAIL", [], []


def read(text):
    """The server blocks of a Corefile."""
    zones, template = [], None
    open_zone = None
    for number, words in tokens(text):
        try:
            if open_zone is None:
                if len(words) != 2 or words[1] != "{":
                    raise Unknown(words)
                open_zone = Zone(words[0])
                zones.append(open_zone)
            elif template is None and words == ["}"]:
                open_zone = None
            elif template is None and words[0] == "template" and words[-1] == "{" and len(words) == 4:
                template = Template(words[1], words[2])
                open_zone.templates.append(template)
            elif template is None and words == ["errors"]:
                continue
            elif template is not None and words == ["}"]:
                template = None
            elif template is not None:
                template.say(words[0], words[1:])
            else:
                raise Unknown(words)
        except Unknown as problem:
            raise Unknown(f"line {number}: {problem}") from problem
    return zones
