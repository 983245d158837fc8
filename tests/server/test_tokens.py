"""Tokens, their hashes, and the files that hold them."""

from __future__ import annotations

import datetime
import logging
import os
import tomllib
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gst_signalling_sync import Grant
from gst_signalling_sync.protocol.tokens import TokenTable, hashed, new_token, token_table
from gst_signalling_sync.server.json_web_tokens import JsonWebTokens
from gst_signalling_sync.server.token_file import TokenFile

SECRET = "a secret of at least thirty-two bytes"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def claims(**changed: Any) -> dict[str, Any]:
    return {"sub": "arm", "exp": 4_000_000_000, "aud": "robots", "signalling": {"roles": ["producer"]}, **changed}


def signed(key: Any = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    return jwt.encode({name: value for name, value in claims(**changed).items() if value is not None}, key, algorithm)


@pytest.fixture
def issuer(tmp_path: Path) -> TokenFile:
    """A file that accepts tokens of one issuer."""
    content = f"[jwt.company]\nalgorithms = ['HS256']\nkey = '{SECRET}'\naudience = 'robots'\nissuer = 'company'\n"
    return TokenFile(written(tmp_path / "tokens.toml", content))


def test_token_is_found_by_itself_and_by_nothing_else() -> None:
    token = new_token()
    table = TokenTable({hashed(token): Grant(subject="arm"), hashed(new_token()): Grant(subject="leg")})

    found = table.find(token)

    assert found is not None
    assert found.grant == Grant(subject="arm")
    assert table.grant_of(found.credential) == found.grant
    assert table.find(hashed(token)) is None, "what the file holds lets nobody in"


@given(st.text(), st.text())
def test_any_string_is_looked_up(token: str, other: str) -> None:
    table = TokenTable({hashed(token): Grant()})

    assert table.find(token) is not None
    assert (table.find(other) is not None) == (token == other)


def test_tokens_cannot_be_guessed() -> None:
    tokens = {new_token() for _ in range(1000)}

    assert len(tokens) == 1000
    assert min(map(len, tokens)) >= 43, "256 bits in base64"


def test_table_of_a_file() -> None:
    old, new = new_token(), new_token()
    table = token_table(
        tomllib.loads(f"""
            [arm]
            token = "{"x" * 16}"
            roles = ["producer"]
            names = ["arm"]
            peers = []

            ["operator 1"]
            hash = ["{hashed(old)}", "{hashed(new)}"]
            expires = 2027-01-31T12:00:00+01:00
            metrics = true
            connections = 2
        """)
    )

    arm, before, after = table.find("x" * 16), table.find(old), table.find(new)
    assert arm is not None
    assert arm.grant == Grant(subject="arm", roles=["producer"], names=["arm"], peers=[])
    assert before is not None
    assert after is not None
    expires = datetime.datetime(2027, 1, 31, 11, tzinfo=datetime.UTC).timestamp()
    assert before.grant == Grant(subject="operator 1", expires=expires, metrics=True, connections=2)
    assert before.identity == after.identity


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ({}, "either hash or token"),
        ({"hash": hashed("a"), "token": "a" * 16}, "either hash or token"),
        ({"token": "short"}, "at least 16 characters"),
        ({"token": "with a space, and long"}, "visible ASCII"),
        ({"token": 7}, "token must be a string"),
        ({"hash": "md5:0"}, "hash must be 'sha256:'"),
        ({"hash": [hashed("a"), 7]}, "hash must be 'sha256:'"),
        ({"hash": hashed("a"), "role": []}, "'role' is unknown; the known fields are roles, names"),
        ({"hash": hashed("a"), "roles": ["driver"]}, "roles must hold"),
        ({"hash": hashed("a"), "expires": datetime.datetime(2027, 1, 1)}, "offset from UTC"),
        ({"hash": hashed("a"), "expires": datetime.date(2027, 1, 1)}, "expires must be a number"),
        ("sha256:", "it must be a table"),
    ],
)
def test_entry_that_means_nothing_is_refused_by_its_name(entry: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"in \[tokens\.arm\]: .*{complaint}"):
        token_table({"arm": entry})


def test_one_token_of_two_subjects_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[tokens.a\] and \[tokens.b\] have the same token"):
        token_table({"a": {"token": "x" * 16}, "b": {"hash": hashed("x" * 16)}})


@pytest.mark.parametrize("content", ["[token.arm]\n", "tokens = 3\n", "[tokens.arm\n", "[tokens]\narm = 'x'\n", "\xff"])
def test_file_that_is_none_is_refused_by_its_name(content: str, tmp_path: Path) -> None:
    (tmp_path / "tokens.toml").write_bytes(content.encode("latin-1"))

    with pytest.raises(ValueError, match=r"tokens\.toml"):
        TokenFile(tmp_path / "tokens.toml")


def test_secrets_that_others_may_read_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path / "tokens.toml", f"[tokens.arm]\ntoken = '{'x' * 16}'\n")
    TokenFile(path)
    assert caplog.records == []

    path.chmod(0o644)
    TokenFile(path)
    [line] = caplog.messages
    assert "others may read it" in line
    assert "xxxx" not in line

    written(path, f"[tokens.arm]\nhash = '{hashed('x')}'\n").chmod(0o644)
    TokenFile(path)
    assert len(caplog.records) == 1


def test_file_that_was_broken_leaves_the_tokens_as_they_were(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    token = new_token()
    path = written(tmp_path / "tokens.toml", f"[tokens.arm]\nhash = '{hashed(token)}'\n")
    file = TokenFile(path)
    assert not file.has_changed

    written(path, "[tokens.arm\n")
    assert file.has_changed
    file.reload()

    assert not file.has_changed
    assert file.find(token) is not None
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


# JSON Web Tokens


def test_signed_token_is_what_it_claims(issuer: TokenFile) -> None:
    found = issuer.find(signed(iss="company"))

    assert found is not None
    assert found.grant == Grant(subject="arm", roles=["producer"], expires=4_000_000_000)
    assert issuer.decide(found) == found.grant


@pytest.mark.parametrize(
    "token",
    [
        signed(),
        signed(iss="stranger"),
        signed(iss="company", aud="other"),
        signed(iss="company", aud=None),
        signed(iss="company", exp=None),
        signed(iss="company", sub=None),
        signed(iss="company", nbf=4_000_000_000),
        signed(iss="company", signalling=None),
        signed(iss="company", signalling={"driver": True}),
        signed(iss="company", signalling={"roles": "producer"}),
        signed(iss="company", signalling={"expires": 5_000_000_000}),
        signed(iss="company", key="another secret of thirty-two bytes"),
        signed(iss="company", algorithm="HS384", key="x" * 48),
        jwt.encode(claims(iss="company"), "", "none"),
        signed(iss="company", exp=10**400),
        signed(iss="company", signalling={"subject": "other"}),
        signed(iss="company") + "x",
        f"{jwt.utils.base64url_encode(b'[' * 9000).decode()}.e30.",
        jwt.encode(claims(iss="company"), SECRET, "HS256", headers={"crit": ["x"]}),
        "a.b.c",
        "..",
        SECRET,
    ],
)
def test_token_that_claims_something_else_lets_nobody_in(issuer: TokenFile, token: str) -> None:
    assert issuer.find(token) is None


@given(st.text(), st.text(), st.text())
def test_any_three_strings_let_nobody_in(header: str, payload: str, signature: str) -> None:
    entry = {"algorithms": ["HS256"], "key": SECRET, "audience": "robots"}

    assert JsonWebTokens({"company": entry}, Path()).find(f"{header}.{payload}.{signature}") is None


def test_token_that_has_expired_says_so(issuer: TokenFile) -> None:
    found = issuer.find(signed(iss="company", exp=1_000))

    assert found is not None
    assert found.grant.expires == 1_000


def test_public_keys_are_files_of_which_one_may_go(tmp_path: Path) -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    for number, key in enumerate(keys):
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (tmp_path / f"{number}.pem").write_bytes(public)
    head = "[jwt.company]\nalgorithms = ['ES256']\naudience = 'robots'\n"
    path = written(tmp_path / "tokens.toml", f"{head}key_file = ['0.pem', '1.pem']\n")
    file = TokenFile(path)
    old, new = (file.find(signed(key, "ES256")) for key in keys)
    assert old is not None
    assert new is not None

    written(path, f"{head}key_file = '1.pem'\n")
    file.reload()

    assert file.decide(old) is None
    assert file.decide(new) == new.grant
    assert file.find(signed((tmp_path / "1.pem").read_text()[27:70], "HS256")) is None
    os.replace(tmp_path / "0.pem", tmp_path / "1.pem")
    assert file.has_changed


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ("key = 'x'\naudience = 'a'", "algorithms, and key"),
        ("algorithms = ['HS256', 'ES256']\nkey = 'x'\naudience = 'a'", "all for shared secrets"),
        ("algorithms = ['none']\nkey = 'x'\naudience = 'a'", "not 'none'"),
        ("algorithms = ['HS256']\naudience = 'a'", "algorithms, and key"),
        ("algorithms = ['HS256']\nkey = 'short'\naudience = 'a'", "at least 32 bytes"),
        (f"algorithms = ['HS256']\nkey = '{SECRET}'", "audience must be a string"),
        (f"algorithms = ['RS256']\nkey = '{SECRET}'\naudience = 'a'", "a key must be one for RS256"),
        (f"algorithms = ['HS256']\nkey = '{SECRET}'\naudience = 'a'\nissuer = 7", "issuer must be a string"),
        (f"algorithm = 'HS256'\nkey = '{SECRET}'\naudience = 'a'", "'algorithm' is unknown"),
        ("algorithms = 'HS256'\nkey = 7\naudience = 'a'", "key must be a string"),
    ],
)
def test_issuer_that_means_nothing_is_refused_by_its_name(fields: str, complaint: str, tmp_path: Path) -> None:
    path = written(tmp_path / "tokens.toml", f"[jwt.company]\n{fields}\n")

    with pytest.raises(ValueError, match=rf"in \[jwt\.company\]: .*{complaint}") as refused:
        TokenFile(path)
    assert SECRET not in str(refused.value)
