#!/usr/bin/env python3
"""Makes one HTML document of the page's parts, and of that the C++ source that carries it.

  embed.py OUT.cpp index.html page.css script.js...     or, for a look without building:  embed.py --html ...

`<!-- style -->` and `<!-- script -->` in index.html are replaced; the scripts, in the order given, are one. The
Content-Security-Policy names both by their hashes: nothing else runs or is fetched.
"""
import base64
import hashlib
import pathlib
import sys

PART_BYTES = 8000  # What a string literal may have at least, by any compiler.
DELIMITER = "page"


def hash_source(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def made(index, style, scripts):
    """(document, policy)"""
    css = "\n" + pathlib.Path(style).read_text()
    code = "\n'use strict';\n(() => {\n" + "".join(pathlib.Path(s).read_text() for s in scripts) + "})();\n"
    for text, end in ((css, "</style"), (code, "</script"), (code, "<!--")):
        if end in text:
            raise SystemExit(f"embed.py: {end} would end its element too early")
    document = pathlib.Path(index).read_text()
    for mark, tag, text in (("<!-- style -->", "style", css), ("<!-- script -->", "script", code)):
        if document.count(mark) != 1:
            raise SystemExit(f"embed.py: {index} has not one {mark}")
        document = document.replace(mark, f"<{tag}>{text}</{tag}>")
    policy = "; ".join((
        "default-src 'none'", f"script-src {hash_source(code)}", f"style-src {hash_source(css)}", "connect-src 'self'",
        "img-src data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        "require-trusted-types-for 'script'", "trusted-types 'none'"))
    return document, policy


def source(document, policy):
    if f"){DELIMITER}\"" in document:
        raise SystemExit("embed.py: the page has what ends a raw string")
    etag = hashlib.sha256(document.encode()).hexdigest()[:16]
    parts, rest = [], document.encode()
    while rest:
        end = min(PART_BYTES, len(rest))
        while end < len(rest) and rest[end] & 0xC0 == 0x80:  # Not inside a character.
            end -= 1
        parts.append(f'R"{DELIMITER}({rest[:end].decode()}){DELIMITER}"')
        rest = rest[end:]
    return ('#include "auctionrunner_bridge/page.hpp"\n\nnamespace bridge {\n\nconst PageSource& page_source() {\n'
            "  static const PageSource source{\n    {\n" + ",\n".join(parts) +
            f'}},\n    R"(\"{etag}\")",\n    R"{DELIMITER}({policy}){DELIMITER}"}};\n  return source;\n}}\n\n}}  // namespace bridge\n')


def main():
    out, index, style, *scripts = sys.argv[1:]
    document, policy = made(index, style, scripts)
    if out == "--html":
        sys.stdout.write(document)
    else:
        pathlib.Path(out).write_text(source(document, policy))


main()
