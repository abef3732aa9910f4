"""The REST interface of servers that one test has to itself: without stores, room or an engine, under other names, with others beside them, until they end."""
import json
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from program import Exit, Server, Site, form, hashes, wait_until
from rest_calls import infer, raw, upload
from samples import MIB, random_bytes, random_file


def test_a_read_looks_itself_whether_stores_are_back(site, serve, smollm2, llama_server):
    site.push(smollm2, "lab/smollm2")
    server = serve(site)
    with site.gone(*site.stores[:3]):
        for _ in range(4):  # each time it finds them away the server waits longer until it looks on its own
            status, answer = infer(server, {"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0})
            assert status == 503 and answer["error"]["code"] == "stores_offline", answer
            assert all(f" on s{index} (" in answer["error"]["message"] for index in range(3)), answer
    status, answer = infer(server, {"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0})
    assert status == 200 and "Paris" in answer["text"], answer


@pytest.mark.parametrize("how", ["capacity", "disk"])
def test_an_upload_whose_stores_fill_up_on_the_way(base, small_disk, serve, how):
    """The client is told so while it still sends, and nothing of the model is left but objects that nobody names."""
    site = Site(base, "2+1", stores=0)
    for index in range(3):
        if how == "capacity":
            site.ok("store", "add", f"s{index}", f"local:{base}/s{index}", "--capacity", 20 * MIB)
        else:
            site.ok("store", "add", f"s{index}", f"local:{small_disk(f'disk{index}', 20 * MIB)}/store")
    server = serve(site)
    random_file(base / "large.bin", 120 * MIB, 1)

    def send():
        done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "120", "-H", f"Authorization: Bearer {server.token()}",
                               "-w", "\n%{http_code}", "-F", "name=lab/large", "-F", f"file=@{base}/large.bin", f"{server.url}/models/upload"],
                              capture_output=True, text=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body)

    status, answer = send()
    assert status == 507 and answer["error"]["code"] == "out_of_space", answer
    assert [model["name"] for model in server.get("/models")["models"]] == []
    assert server.get("/healthz", scope=None) == {"status": "ok"}
    status, answer = send()  # once more: what was stored counts, and it still does not fit
    assert status == 507, answer
    assert not [path for path in site.temporary.rglob("*") if path.is_file()]
    if how == "disk":
        assert not [path for index in range(3) for path in (base / f"disk{index}").rglob("*tmp*")], "half an object was left"
        for index in range(3):
            small_disk(f"disk{index}", 200 * MIB, "remount")
        status, answer = send()
        assert status == 201 and answer["new_bytes"] < 120 * MIB, answer
        assert site.pull("lab/large")[1] == hashes(base / "large.bin")


def test_no_engine_on_this_machine(site, serve, smollm2):
    """The model is sound, so it is not told that it cannot be run; one that has nothing to run is."""
    site.push(smollm2, "lab/smollm2")
    site.push(random_file(site.base / "small.bin", 1000, 1), "lab/small")
    for name in ("MODELFLOAT_LLAMA_SERVER", "MODELFLOAT_CACHE", "XDG_CACHE_HOME"):
        site.environment.pop(name, None)
    site.environment["PATH"] = str(site.work)
    server = serve(site)
    for stream in (False, True):
        status, answer = infer(server, {"prompt": "Once", "stream": stream})
        assert (status, answer["error"]["code"]) == (503, "no_engine"), answer
        status, answer = infer(server, {"prompt": "Once", "stream": stream}, model="lab%2Fsmall")
        assert (status, answer["error"]["code"]) == (422, "not_runnable"), answer


def test_names_that_are_allowed(base):
    """By the option and by config.toml, with any port; and the address that was called, where the server listens on all."""
    site = Site(base, "1+0", stores=1)
    (site.folder / "config.toml").write_text('[serve]\nhosts = ["Models.example.org"]\n')
    server = Server(site, "--listen", "0.0.0.0:0", "--host", "proxy.example", "--host", "10.9.8.7")
    for host, status in (("models.example.org", 200), ("models.example.org:443", 200), ("proxy.example:99", 200), ("10.9.8.7", 200),
                         ("localhost", 200), ("a.models.example.org", 403), ("10.9.8.6", 403), ("127.0.0.2:80", 403)):
        assert server.ask("GET", "/healthz", scope=None, headers={"Host": host})[0] == status, host
    answer = raw(server, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.2:80\r\nConnection: close\r\n\r\n", "127.0.0.2")
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert server.stop() == 0
    for wrong in ("a:80", "*.example.org", "http://a"):
        assert site.run("serve", "--host", wrong, seconds=30).code == Exit.USAGE
    (site.folder / "config.toml").write_text('[serve]\nhosts = ["a:80"]\n')
    refused = site.run("serve", seconds=30)
    assert refused.code == Exit.ERROR and "config.toml line 2" in refused.err, refused


def test_two_servers_see_one_another(site, serve):
    """Two processes of one home serve the same pool."""
    one, two = serve(site), serve(site)
    begin, end, kind = form([("name", "lab/net")], [("a.bin", b"content" * 1000)])
    answer = upload(one, begin + end, kind)[1]
    wait_until(lambda: two.ask("GET", f"/models/{answer['id']}")[0] == 200, "the other server sees it", seconds=90)


def test_tokens_are_needed_again_after_a_restart(site, serve):
    first = Server(site)
    token = first.token("read")
    assert first.stop() == 0
    second = serve(site)
    second.ask("GET", "/models", scope=None, headers={"Authorization": f"Bearer {token}"}, status=200)
    second.ask("GET", "/models", scope=None, status=401)


def test_the_address_is_taken(site, serve):
    server = serve(site)
    refused = site.run("serve", "--listen", f"127.0.0.1:{server.port}", seconds=30)
    assert refused.code == 1 and str(server.port) in refused.err and refused.out == b"", refused


def test_json_announcement(base):
    site = Site(base, "1+0", stores=1)
    process = site.start("--json", "serve", "--listen", "127.0.0.1:0", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", json.loads(process.stdout.readline())["listening"])
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()


def test_a_stop_in_the_middle_of_an_upload_and_an_answer(base, serve, smollm2, llama_server):
    """SIGTERM lets requests go on for ten seconds, then cuts them off: the end comes in bounded time, and well."""
    site = Site(base, "1+0", stores=1)
    site.push(smollm2, "lab/smollm2")
    server = serve(site)
    begin, end, kind = form([("name", "lab/half")], [("a.bin", None)])
    upload_head = (f"POST /models/upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token('write')}\r\n"
                   f"Content-Type: {kind}\r\nContent-Length: {len(begin) + 100 * MIB + len(end)}\r\n\r\n").encode()
    answer = server.connect()
    answer.request("POST", "/models/lab%2Fsmollm2/inference", json.dumps({"prompt": "Once", "max_tokens": 8192, "stream": True}),
                   dict(server.headers("infer"), **{"Content-Type": "application/json"}))
    stream = answer.getresponse()
    assert stream.read(20)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(upload_head + begin + random_bytes(MIB, 1))
        assert server.stop() == 0, server.errors()
        answer.close()
    assert "lab/half" not in site.models()


def test_few_descriptors(base):
    """Idle connections leave some for the others, and a shortage ends when they go."""
    site = Site(base, "1+0", stores=1)
    server = Server(site, descriptors=96)
    token = server.headers()
    idle = []
    for _ in range(120):
        idle.append(socket.create_connection(("127.0.0.1", server.port), timeout=30))  # they may idle for a minute
        idle[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % server.port)
        assert idle[-1].recv(65536).startswith(b"HTTP/1.1 200 ")
    before = cpu_seconds(server.process.pid)
    assert server.ask("GET", "/models", scope=None, headers=token)[0] == 200  # it opens files, and has its turn among the idle ones
    assert len([path for path in Path(f"/proc/{server.process.pid}/fd").iterdir()]) < 96
    assert cpu_seconds(server.process.pid) - before < 5
    for connection in idle:
        connection.close()
    assert server.ask("GET", "/healthz", scope=None)[0] == 200
    assert server.stop() == 0


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
