"""Tokens: shown once, kept as digests, ended at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import ConfigError, PermanentError
from node.web import tokens
from node.web.tokens import Role


def test_a_token_is_known_by_its_holder_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    rita, tom = tokens.add(path, "rita"), tokens.add(path, "tom@site")
    assert len(rita) >= 43
    assert (name_of(path, rita), name_of(path, tom)) == ("rita", "tom@site")
    assert rita not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    for nothing in ("", "x", rita[:-1], tom + "x"):
        assert tokens.holder(path, nothing) is None


def name_of(path: Path, token: str) -> str:
    found = tokens.holder(path, token)
    return found.name if found else ""


def test_a_token_has_a_role_and_one_of_before_there_were_roles_may_review(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    tokens.add(path, "olga", Role.OPERATE)
    path.write_text(path.read_text() + f"rita {'0' * 64}\n")
    assert {name: one.role for name, one in tokens.read(path).items()} == {"olga": Role.OPERATE, "rita": Role.REVIEW}
    tokens.add(path, "ron", Role.READ)
    assert [one.role for one in tokens.read(path).values()] == [Role.OPERATE, Role.REVIEW, Role.READ]


def test_a_role_may_do_what_those_before_it_may() -> None:
    covered = {one: [other for other in Role if one.covers(other)] for one in Role}
    assert covered == {
        Role.READ: [Role.READ],
        Role.REVIEW: [Role.READ, Role.REVIEW],
        Role.OPERATE: [Role.READ, Role.REVIEW, Role.OPERATE],
        Role.STORE: [Role.STORE],
    }


def test_who_stores_has_a_name_that_can_be_an_ae_title(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    tokens.add(path, "SIXTEEN-LETTERS-", Role.STORE)
    with pytest.raises(PermanentError, match="at most 16 characters"):
        tokens.add(path, "SEVENTEEN-LETTERS", Role.STORE)
    assert [one.role for one in tokens.read(path).values()] == [Role.STORE]


def test_a_token_ends(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    rita = tokens.add(path, "rita")
    tokens.remove(path, "rita")
    assert tokens.holder(path, rita) is None
    with pytest.raises(PermanentError, match="no token of that name"):
        tokens.remove(path, "rita")


def test_a_name_has_one_token_and_no_odd_characters(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    tokens.add(path, "rita")
    with pytest.raises(PermanentError, match="there is a token of that name"):
        tokens.add(path, "rita")
    for name in ("", "a b", "a\nb", "é", "x" * 65):
        with pytest.raises(PermanentError, match="a name has"):
            tokens.add(path, name)


@pytest.mark.parametrize("data", [b"rita secret\n", b"\xff\n", b"rita\n", b"rita %b root\n" % (b"0" * 64)])
def test_a_file_that_holds_something_else_is_refused_with_its_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "tokens"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="tokens"):
        tokens.holder(path, "x")
