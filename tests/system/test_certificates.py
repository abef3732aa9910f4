"""Servers over TLS: whom their certificates may be from, and what is said of one that is not to be trusted."""
import pytest

from program import Exit, Home
from tls_webdav import Authority, openssl, serving


@pytest.fixture(scope="module")
def authority(module_base):
    return Authority(module_base / "authority")


@pytest.fixture(scope="module")
def server(authority):
    with serving(*authority.certify("good")) as url:
        yield url


@pytest.fixture
def home(base):
    home = Home(base)
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"):
        home.environment.pop(variable, None)
    home.ok("init", "--redundancy", "1+0")
    return home


def add(home, url, *options, code=Exit.OK):
    return home.run("store", "add", "dav", f"webdav:{url}", *options, code=code)


def test_a_certificate_of_ones_own_authority_is_refused_and_the_way_in_is_named(home, server):
    refused = add(home, server, code=Exit.DENIED)
    for word in ("authority that is not trusted", "--ca-file FILE", "SSL_CERT_FILE"):
        assert word in refused.err, refused


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "SSL_CERT_DIR"])
def test_the_usual_variables_name_authorities(home, server, authority, variable):
    named = authority.file
    if variable == "SSL_CERT_DIR":
        named = home.base / "hashed"
        named.mkdir()
        (named / "one.pem").write_bytes(authority.file.read_bytes())
        openssl(named, "rehash", named)
    home.environment[variable] = str(named)
    add(home, f"{server}/{variable}")
    home.environment[variable] = str(Authority(home.base / "other").file if variable != "SSL_CERT_DIR" else home.base)
    refused = home.run("status", code=Exit.UNREACHABLE)
    assert f"({variable})" in refused.err + refused.text, refused


def test_the_file_of_authorities_is_kept_with_the_store(home, server, authority, monkeypatch):
    url = f"{server}/kept"
    (home.work / "ca.pem").write_bytes(authority.file.read_bytes())
    add(home, url, "--ca-file", "ca.pem")  # relative to where the command runs
    home.ok("status")
    home.ok("store", "set", "dav", "--capacity", "1GB")
    home.ok("status")
    other = Authority(home.base / "other")
    refused = home.run("store", "set", "dav", "--ca-file", other.file, code=Exit.DENIED)
    assert f"{other.file} (--ca-file)" in refused.err, refused
    home.ok("status")  # what was refused changes nothing
    home.run("store", "set", "dav", "--ca-file", "", code=Exit.DENIED)


def test_recover_takes_a_file_of_authorities(home, server, authority, base):
    url = f"{server}/recover"
    add(home, url, "--ca-file", authority.file)
    other = Home(base, "other")
    secret = ("--key-file", home.folder / "key")
    assert "--ca-file" in other.run("recover", *secret, "--store", f"webdav:{url}").err
    other.ok("recover", *secret, "--store", f"webdav:{url}", "--ca-file", authority.file)
    other.ok("status")


@pytest.mark.parametrize("what, days, subject, words", [
    ("expired", -1, "IP:127.0.0.1", "has expired"),
    ("of another host", 1, "DNS:elsewhere.example", "is for another host name"),
])
def test_what_is_wrong_with_a_certificate_is_said(home, authority, what, days, subject, words):
    with serving(*authority.certify(what.replace(" ", "-"), subject, days)) as url:
        refused = add(home, url, "--ca-file", authority.file, code=Exit.DENIED)
    assert words in refused.err and "not trusted" not in refused.err, refused


@pytest.mark.parametrize("content", [b"", b"\x30\x82\x01\x00", b"\xef\xbb\xbf-----BEGIN CERTIFICATE-----\n"], ids=["empty", "DER", "byte order mark"])
def test_a_file_without_certificates_is_refused(home, server, content):
    (home.work / "ca").write_bytes(content)
    refused = add(home, server, "--ca-file", "ca", code=Exit.ERROR)
    assert f"{home.work}/ca" in refused.err and "PEM" in refused.err, refused
    home.environment["SSL_CERT_FILE"] = str(home.work / "ca")
    refused = add(home, server, code=Exit.DENIED)
    assert f"{home.work}/ca (SSL_CERT_FILE)" in refused.err, refused


@pytest.mark.parametrize("url, options", [
    ("s3:{}/bucket", ("--credentials-file", "s3.json")),
    ("ipfs:{}", ()),
    ("drive:/models", ("--credentials-file", "drive.json", "--api-url", "{}", "--token-url", "{}/token")),
    ("mega:/models", ("--credentials-file", "mega.json", "--api-url", "{}")),
], ids=lambda value: value.split(":")[0] if isinstance(value, str) else "")
def test_every_kind_of_server_takes_a_file_of_authorities(home, server, authority, url, options):
    (home.work / "s3.json").write_text('{"access_key": "a", "secret_key": "b"}')
    (home.work / "drive.json").write_text('{"client_id": "a", "client_secret": "b", "refresh_token": "c"}')
    (home.work / "mega.json").write_text('{"email": "a@b", "password": "c"}')
    for path in home.work.iterdir():
        path.chmod(0o600)
    arguments = ("store", "add", "it", url.format(server), *(option.format(server) for option in options))
    assert "authority that is not trusted" in home.run(*arguments).err
    talked = home.run(*arguments, "--ca-file", authority.file)
    assert talked.code != Exit.OK and "certificate" not in talked.err, talked


def test_a_kind_without_servers_takes_no_file_of_authorities(home, authority, base):
    for url in (f"local:{base}/store", "rclone:remote:folder"):
        refused = home.run("store", "add", "it", url, "--ca-file", authority.file, code=Exit.ERROR)
        assert "--ca-file" in refused.err, refused
