"""A copy's signature is verified by the library of the format itself, and holds for exactly the files it states."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from model_signing import verifying

from app import configuration
from app.domain import model_signatures
from app.errors import SigningKeyUnusable

# In the order of names, `a-b` comes before `a/b`; in that of paths it does not.
CONTENT = {"MLmodel": b"flavors", "a-b.txt": b"1", "a/b.txt": b"2", "model.pkl": b"\x80\x04."}
Configure = Callable[..., None]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Puts a configuration in force that names a key of these bytes, or none."""

    def use(pem: bytes | None, *trusted: str) -> None:
        content: dict[str, Any] = {"trusted_keys": list(trusted)}
        if pem is not None:
            (tmp_path / "key.pem").write_bytes(pem)
            content |= {"signing_key": {"file": str(tmp_path / "key.pem")}}
        (tmp_path / "causeway.yaml").write_text(yaml.safe_dump(content))
        configuration.use(tmp_path / "causeway.yaml")

    return use


def make_pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def write(folder: Path) -> list[dict[str, Any]]:
    for path, body in CONTENT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(body)
    return [
        {"path": path, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()} for path, body in CONTENT.items()
    ]


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_the_formats_own_library_verifies_what_we_sign_and_notices_a_changed_byte(
    tmp_path: Path, configure: Configure, curve: ec.EllipticCurve
) -> None:
    configure(make_pem(ec.generate_private_key(curve)))
    files = write(tmp_path / "model")
    bundle = model_signatures.sign("bikes.demand", files)
    assert bundle is not None
    (tmp_path / "model.sig").write_text(json.dumps(bundle))
    (tmp_path / "key.pub").write_text(str(model_signatures.find_public_key(bundle)))
    stranger: Any = verifying.Config()  # type: ignore[no-untyped-call]
    stranger.use_elliptic_key_verifier(public_key=tmp_path / "key.pub")

    stranger.verify(tmp_path / "model", tmp_path / "model.sig")
    assert model_signatures.find_fault(bundle, files) is None
    (tmp_path / "model" / "a" / "b.txt").write_bytes(b"3")
    with pytest.raises(ValueError, match=r"a/b\.txt"):
        stranger.verify(tmp_path / "model", tmp_path / "model.sig")


def test_a_signature_holds_for_no_other_files_and_for_no_other_statement(tmp_path: Path, configure: Configure) -> None:
    configure(make_pem(ec.generate_private_key(ec.SECP256R1())))
    files = write(tmp_path / "model")
    bundle = model_signatures.sign("bikes.demand", files)
    other = model_signatures.sign("bikes.demand", files[1:])
    assert bundle is not None
    assert other is not None

    assert "other files" in str(model_signatures.find_fault(bundle, files[1:]))
    assert "other files" in str(model_signatures.find_fault(bundle, [{**files[0], "sha256": "0" * 64}, *files[1:]]))
    forged = {**bundle, "dsseEnvelope": {**bundle["dsseEnvelope"], "payload": other["dsseEnvelope"]["payload"]}}
    assert "no bundle" in str(model_signatures.find_fault({**bundle, "dsseEnvelope": {}}, files))
    assert "not that key's signature" in str(model_signatures.find_fault(forged, files[1:]))


def test_after_a_change_of_the_key_what_the_old_one_signed_still_verifies(tmp_path: Path, configure: Configure) -> None:
    configure(make_pem(ec.generate_private_key(ec.SECP384R1())))
    files = write(tmp_path / "model")
    bundle = model_signatures.sign("bikes.demand", files)
    assert bundle is not None
    old = str(model_signatures.find_public_key(bundle))
    new = make_pem(ec.generate_private_key(ec.SECP256R1()))

    configure(new)
    assert "neither the signing key nor among the trusted" in str(model_signatures.find_fault(bundle, files))
    assert model_signatures.find_public_key(bundle) is None
    for signing in (new, None, b"unreadable by now"):
        configure(signing, old)
        assert model_signatures.find_fault(bundle, files) is None
        assert "other files" in str(model_signatures.find_fault(bundle, files[1:]))
        assert model_signatures.find_public_key(bundle) == old
    assert model_signatures.can_verify()
    configure(None)
    assert not model_signatures.can_verify()


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 2048), None])
def test_a_trusted_key_of_another_kind_is_no_configuration(configure: Configure, key: Any) -> None:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() if key else "no key"

    with pytest.raises(configuration.ConfigurationInvalid, match="trusted_keys"):
        configure(None, pem)


def test_without_a_key_nothing_is_signed_and_an_unusable_one_is_told_without_its_content(
    tmp_path: Path, configure: Configure
) -> None:
    configure(None)
    assert model_signatures.sign("bikes.demand", write(tmp_path / "model")) is None
    unusable = [
        b"secret",
        make_pem(rsa.generate_private_key(65537, 2048)),
        make_pem(ec.generate_private_key(ec.SECP256K1())),
    ]
    for pem in unusable:
        configure(pem)
        with pytest.raises(SigningKeyUnusable) as raised:
            model_signatures.find_hint()
        assert "secret" not in raised.value.detail
    configure(b"")
    with pytest.raises(SigningKeyUnusable, match="missing or empty"):
        model_signatures.find_hint()
