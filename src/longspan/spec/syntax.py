"""What a mistake of syntax means, in words for people who do not know YAML's grammar.

The parser says "expected <block end>, but found '<scalar>'"; a reader needs "is indented differently
from its neighbours". The table below knows the mistakes that people make; what is not in it keeps the
parser's own words.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from longspan.spec.places import printable


class _Rule(NamedTuple):
    error: str
    """Regular expression on the parser's words, context and problem; its groups fill the words."""
    problem: str
    remedy: str
    at_start: bool = False
    """The complaint stands where the construct began, not where the parser gave up."""


_QUOTE = "Put the whole value in quotes."
_OUT = "Take it out, or put the whole value in quotes."
_RULES = (
    _Rule(r"found character '\\t'", "has a tab where the line is indented", "Indent with spaces; YAML takes no tabs."),
    _Rule(r"found character (\S+) that cannot start", "has {0} at the beginning of a value", _QUOTE),
    _Rule(
        r"could not find expected ':'",
        "is neither KEY: VALUE nor part of the text before it",
        "Write a colon and a space after the key, or indent it further to continue the line above.",
        at_start=True,
    ),
    _Rule(
        r"mapping values are not allowed",
        "has a colon that cannot make a key here",
        "Check the indentation of this line and the one above; a value that holds ': ' needs quotes.",
    ),
    _Rule(r"sequence entries are not allowed", "has a list item in the middle of a line", "Begin a line with it."),
    _Rule(r"mapping keys are not allowed", "has a ? where no key can stand", _QUOTE),
    _Rule(r"quoted scalar .*unexpected", "opens a quote that nothing closes", "Add the closing quote.", at_start=True),
    _Rule(
        r"unknown escape character|hexdecimal",
        "has a backslash in double quotes that means nothing",
        "Use single quotes, in which a backslash is only a backslash.",
    ),
    _Rule(r"flow sequence .*but got", "opens a [ that is not closed as it should be", "Check commas and the ].", True),
    _Rule(r"flow mapping .*but got", "opens a {{ that is not closed as it should be", "Check commas and the }}.", True),
    _Rule(r"flow node .*<stream end>", "ends inside brackets", "Close the [ or {{ that was opened last."),
    _Rule(
        r"expected <block end>, but found '<block",
        "is indented differently from the lines it belongs to",
        "Keys of one mapping begin in one column; use two spaces for each level.",
    ),
    _Rule(r"expected <block end>, but found '-'", "is a list item among keys", "Indent it under its key."),
    _Rule(r"expected <block end>, but found '\?'", "is a key among list items", "Indent it under its item."),
    _Rule(r"expected <block end>", "has text after a value that had ended", _OUT),
    _Rule(r"scanning an alias", "has a * at the beginning of a value", 'Text that begins with * needs quotes: "*/*".'),
    _Rule(r"scanning an anchor", "has an & at the beginning of a value", "Text that begins with & needs quotes."),
    _Rule(r"a tag|tag handle", "has a ! at the beginning of a value", "Text that begins with ! needs quotes."),
    _Rule(r"block scalar", "has more after | or > than a block of text can have", "Begin the text on the next line."),
    _Rule(r"expected the node content, but found '(.)'", "has {0} where a value is wanted", _OUT),
    _Rule(r"directive|YAML document", "begins with a directive", "Take out the lines that begin with %."),
    _Rule(r"<document start>|document end", "goes on after its end", "Take out what follows, or a bracket too many."),
)

_STAR = re.compile(r"""(?:^|[\s{\[,])(\*/|\*\*|[a-z]+/\*\s*:)""")
_TYPE_IN_BRACKETS = re.compile(r"([A-Z]+[0-9]*)\s*(\[[^\[\]]*\]?)")


def explain(error: Any, text: str) -> tuple[int, int, str, str]:
    """Line, column (from 1), problem and remedy of a parser's `MarkedYAMLError`."""
    words = f"{error.context or ''} {error.problem or ''}"
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    lines = text.splitlines()
    source = lines[line] if line < len(lines) else ""
    if "but " in words and _STAR.search(source[: column + 1]):
        remedy = 'Text that begins with * needs quotes: "*/*".'
        return line + 1, column + 1, "has a * that YAML takes for an alias", remedy
    if "but got '{'" in words and "${env:" in source[: column + 6]:
        remedy = 'Inside { } a secret needs quotes: "${env:NAME}".'
        return line + 1, column + 1, "has a secret without quotes inside braces", remedy
    if "but got '['" in words and (match := _type_before(source, column)):
        remedy = f'Inside {{ }} and [ ] it needs quotes: "{match}".'
        return line + 1, column + 1, f"has the type {match} inside brackets", remedy
    for rule in _RULES:
        if match_ := re.search(rule.error, words):
            if rule.at_start and error.context_mark is not None:
                line, column = error.context_mark.line, error.context_mark.column
            return line + 1, column + 1, rule.problem.format(*match_.groups()), rule.remedy.format()
    return line + 1, column + 1, f"cannot be read as YAML: {printable(words.strip(), 200)}", ""


def _type_before(source: str, column: int) -> str | None:
    """``BYTES[1]``, when the bracket at `column` belongs to a tensor type."""
    for match in _TYPE_IN_BRACKETS.finditer(source):
        if match.start(2) == column:
            return f"{match[1]}{match[2]}"
    return None
