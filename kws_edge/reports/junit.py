"""Checks and budget lines as JUnit XML, which every CI shows: https://github.com/testmoapp/junitxml describes it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree

from kws_edge.verification.checks import Check
from kws_edge.verification.verdict import Verdict

# all but the characters of XML 1.0, section 2.2
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One test case."""

    suite: str
    name: str
    # None if it was not made
    passed: bool | None
    # what was measured, what was wrong, or why it was not made
    message: str


def cases(checks: Iterable[Check], verdict: Verdict | None) -> list[Case]:
    """A case for every check and every line; a line that was not measured fails if the verdict is strict."""
    found = [Case("checks", check.name, check.passed, _check_message(check)) for check in checks]
    for line in verdict.lines if verdict else ():
        passed = False if line.passed is None and verdict and verdict.strict else line.passed
        measured = "not measured" if line.measured is None else f"{line.measured:,.10g} measured"
        limit = "" if line.limit is None else f", limit {line.limit:,.10g}"
        found.append(Case("budget", line.name, passed, f"{measured}{limit}: {line.detail}"))
    return found


def junit_xml(found: Iterable[Case], bundle: str) -> bytes:
    """The document; `bundle` names what was verified. What XML cannot hold, such as terminal colours, is U+FFFD."""
    suites: dict[str, list[Case]] = {}
    for case in found:
        suites.setdefault(case.suite, []).append(case)
    root = ElementTree.Element("testsuites", name="kws-edge verify")
    for name, members in suites.items():
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=name,
            tests=str(len(members)),
            failures=str(sum(case.passed is False for case in members)),
            skipped=str(sum(case.passed is None for case in members)),
        )
        for case in members:
            element = ElementTree.SubElement(suite, "testcase", classname=_allowed(f"{bundle}.{name}"), name=case.name)
            message = _allowed(case.message)
            if case.passed is None:
                ElementTree.SubElement(element, "skipped", message=message)
            elif not case.passed:
                ElementTree.SubElement(element, "failure", message=message).text = message
            else:
                ElementTree.SubElement(element, "system-out").text = message
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _allowed(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _check_message(check: Check) -> str:
    measured = "not made" if check.measured is None else f"{check.measured:g} measured"
    return f"{measured}, limit {check.limit:g}" + (f": {check.detail}" if check.detail else "")
