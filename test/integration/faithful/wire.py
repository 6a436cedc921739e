"""Protobuf without a library: reads the .proto files in schemas/ and translates messages to JSON-like
values and back (bytes as base64, enums by name), so that one replay serves both content types."""
import base64
import re
import struct

from programs import ROOT

SCHEMAS = ("mesos/v1/mesos.proto", "mesos/v1/scheduler/scheduler.proto", "mesos/v1/executor/executor.proto")
TOKEN = re.compile(r'"[^"]*"|[\w.]+|[{}\[\]()<>=;,-]')
FIXED = {"double": (1, "<d"), "float": (5, "<f"), "fixed64": (1, "<Q"), "fixed32": (5, "<I"), "sfixed64": (1, "<q"), "sfixed32": (5, "<i")}
VARINTS = ("int32", "int64", "uint32", "uint64", "bool")


class Field:
    def __init__(self, name, number, kind, repeated, key_kind=None):
        self.name, self.number, self.kind, self.repeated, self.key_kind = name, number, kind, repeated, key_kind


class Schema:
    """Messages by full name, each {number: Field}, and enums, each {number: name}."""

    def __init__(self, paths):
        self.messages, self.enums = {}, {}
        for path in paths:
            text = re.sub(r"//[^\n]*", "", (ROOT / "schemas" / path).read_text())
            self.tokens, self.package = TOKEN.findall(text), ""
            while self.tokens:
                self._statement("")
        self._resolve()

    # -- reading .proto

    def _next(self):
        return self.tokens.pop(0)

    def _skip(self):
        while self._next() != ";":
            pass

    def _statement(self, scope):
        word = self._next()
        if word == "package":
            self.package = self._next()
            self._skip()
        elif word == "message":
            self._message(scope or self.package)
        elif word == "enum":
            self._enum(scope or self.package)
        elif word == "oneof":
            self._next()
            self._block(scope)
        elif word == "map":
            self._map(scope)
        elif word in ("syntax", "import", "option", "reserved", "extensions"):
            self._skip()
        elif word in ("optional", "required", "repeated"):
            self._field(scope, self._next(), word == "repeated")
        elif word != ";":
            self._field(scope, word, False)  # Of a oneof.

    def _block(self, scope):
        assert self._next() == "{"
        while self.tokens[0] != "}":
            self._statement(scope)
        self._next()

    def _message(self, scope):
        name = f"{scope}.{self._next()}"
        self.messages[name] = {}
        self._block(name)

    def _enum(self, scope):
        name = f"{scope}.{self._next()}"
        values = self.enums[name] = {}
        assert self._next() == "{"
        while (word := self._next()) != "}":
            if word in ("option", "reserved"):
                self._skip()
                continue
            self._next()  # =
            number = self._next()
            values[-int(self._next()) if number == "-" else int(number, 0)] = word
            self._skip()

    def _field(self, scope, kind, repeated):
        name, _, number = self._next(), self._next(), int(self._next())
        self._skip()
        self.messages[scope][number] = Field(name, number, kind, repeated)

    def _map(self, scope):
        _, key_kind, _, kind, _, name, _, number = (self._next() for _ in range(8))
        self._skip()
        self.messages[scope][int(number)] = Field(name, int(number), kind, False, key_kind)

    def _resolve(self):
        """Names of kinds are looked up from the inner scope outwards."""
        for scope, fields in self.messages.items():
            for field in fields.values():
                if field.kind in FIXED or field.kind in VARINTS or field.kind in ("string", "bytes"):
                    continue
                if field.kind.startswith("."):
                    field.kind = field.kind[1:]
                    continue
                around = scope
                while f"{around}.{field.kind}" not in self.messages and f"{around}.{field.kind}" not in self.enums:
                    around = around.rpartition(".")[0]
                    assert around, f"{field.kind} in {scope} is known"
                field.kind = f"{around}.{field.kind}"

    # -- messages

    def decode(self, kind, data):
        """Fields in the order of the bytes; what the schema does not know stands as `unknown N`."""
        out = {}
        for number, wire, raw in fields_of(data):
            field = self.messages[kind].get(number)
            if field is None:
                out.setdefault(f"unknown {number}", []).append(raw if isinstance(raw, int) else raw.hex())
            elif field.key_kind:
                entry = {n: r for n, _, r in fields_of(raw)}
                key = self._value(field.key_kind, entry[1])
                out.setdefault(field.name, {})[key] = self._value(field.kind, entry[2])
            else:
                if wire != self._wire(field.kind):
                    raise ValueError(f"{kind}.{field.name} has wire type {wire}")
                value = self._value(field.kind, raw)
                if field.repeated:
                    out.setdefault(field.name, []).append(value)
                else:
                    out[field.name] = value
        return out

    def _wire(self, kind):
        if kind in FIXED:
            return FIXED[kind][0]
        return 0 if kind in VARINTS or kind in self.enums else 2

    def _value(self, kind, raw):
        if kind in FIXED:
            return struct.unpack(FIXED[kind][1], raw)[0]
        if kind in VARINTS:
            if kind == "bool":
                return bool(raw)
            return raw - (1 << 64) if kind.startswith("int") and raw >> 63 else raw
        if kind in self.enums:
            return self.enums[kind].get(raw, raw)
        if kind == "string":
            return raw.decode()
        return base64.b64encode(raw).decode() if kind == "bytes" else self.decode(kind, raw)

    def encode(self, kind, message):
        by_name = {field.name: field for field in self.messages[kind].values()}
        out = b""
        for name, value in message.items():
            field = by_name[name]
            if field.key_kind:
                for key, item in value.items():
                    entry = self._field_bytes(1, field.key_kind, key) + self._field_bytes(2, field.kind, item)
                    out += varint(field.number << 3 | 2) + varint(len(entry)) + entry
                continue
            for item in value if field.repeated else [value]:
                out += self._field_bytes(field.number, field.kind, item)
        return out

    def _field_bytes(self, number, kind, value):
        wire = self._wire(kind)
        head = varint(number << 3 | wire)
        if kind in FIXED:
            return head + struct.pack(FIXED[kind][1], value)
        if kind in self.enums and isinstance(value, str):
            value = next(n for n, name in self.enums[kind].items() if name == value)
        if wire == 0:
            return head + varint(int(value) % (1 << 64))
        if kind == "string":
            raw = value.encode()
        else:
            raw = base64.b64decode(value) if kind == "bytes" else self.encode(kind, value)
        return head + varint(len(raw)) + raw


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a varint is cut off")
        value |= (data[at] & 0x7f) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at


def fields_of(data):
    """(number, wire type, int or bytes) of a message, in order."""
    at, out = 0, []
    while at < len(data):
        tag, at = read_varint(data, at)
        wire = tag & 7
        if wire == 0:
            raw, at = read_varint(data, at)
        elif wire in (1, 2, 5):
            size = {1: 8, 5: 4}.get(wire)
            if size is None:
                size, at = read_varint(data, at)
            raw, at = data[at:at + size], at + size
            if at > len(data):
                raise ValueError(f"field {tag >> 3} is cut off")
        else:
            raise ValueError(f"wire type {wire}")
        out.append((tag >> 3, wire, raw))
    return out


def records(data):
    """The records of a RecordIO stream, and what is left of the last one."""
    out = []
    while b"\n" in data:
        size, _, rest = data.partition(b"\n")
        if len(rest) < int(size):
            break
        out.append(rest[:int(size)])
        data = rest[int(size):]
    return out, data


SCHEMA = Schema(SCHEMAS)
SCHEMA.messages["mesos.v1.AgentInfo"][7] = Field("checkpoint", 7, "bool", False)  # Mesos writes it, our schema leaves it out.
