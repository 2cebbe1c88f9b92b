"""Tokens: shown once, kept as digests, ended at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import ConfigError, PermanentError
from node.web import tokens


def test_a_token_is_known_by_its_holder_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    rita, tom = tokens.add(path, "rita"), tokens.add(path, "tom@site")
    assert len(rita) >= 43
    assert (tokens.holder(path, rita), tokens.holder(path, tom)) == ("rita", "tom@site")
    assert rita not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    for nothing in ("", "x", rita[:-1], tom + "x"):
        assert tokens.holder(path, nothing) == ""


def test_a_token_ends(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    rita = tokens.add(path, "rita")
    tokens.remove(path, "rita")
    assert tokens.holder(path, rita) == ""
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


@pytest.mark.parametrize("data", [b"rita secret\n", b"\xff\n", b"rita\n"])
def test_a_file_that_holds_something_else_is_refused_with_its_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "tokens"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="tokens"):
        tokens.holder(path, "x")
