"""Every pinned package has a licence under which the course may be used and passed on, and stands in the table."""

import audit_dependencies as audit
import pytest

PINNED = audit.pinned()


@pytest.mark.parametrize("package", PINNED)
def test_the_licence_of_every_pinned_package_is_allowed(package):
    assert audit.is_allowed(audit.licence(package)), audit.licence(package)


def test_the_table_is_up_to_date():
    assert audit.TABLE.read_text(encoding="utf-8") == audit.document(PINNED)
    assert len(PINNED) >= 19


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [("MIT", True), ("BSD-3-Clause AND MIT", True), ("GPL-3.0-only", False), ("MIT AND GPL-3.0-only", False),
     ("GPL-2.0-or-later OR MIT", True), ("unknown", False), ("", False), ("Apache-2.0 WITH LLVM-exception", False)],
)  # fmt: skip
def test_expressions_are_read_whole(expression, allowed):
    assert audit.is_allowed(expression) is allowed


@pytest.mark.parametrize(
    ("text", "name"),
    [("BSD License", "BSD"), ("Apache Software License", "Apache-2.0"), ("GNU General Public License v3", "GPL"),
     ("GNU Lesser General Public License", "LGPL"), ("Mozilla Public License 2.0 (MPL 2.0)", "MPL-2.0"),
     ("The MIT License", "MIT"), ("all rights reserved", None), ("", None)],
)  # fmt: skip
def test_texts_are_read_as_licences(text, name):
    assert audit.meaning(text) == name
