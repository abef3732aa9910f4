"""The REST interface of `modelfloat serve`, as clients call it."""
import contextlib
import json
import re
import socket
import sqlite3
import subprocess

import pytest

from program import Server, form, hashes, wait_until
from rest_calls import infer, raw, upload
from samples import MIB, random_bytes, random_file


@pytest.fixture(scope="module")
def served(module_site, smollm2):
    """A server over a pool with a model of several files, some small ones and a chat model."""
    site = module_site
    folder = site.base / "net"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(random_bytes(9 * MIB, 1))
    (folder / "sub/config.json").write_text('{"layers": 3}')
    site.push(folder, "lab/net:v1", "--description", "the searched one", "--framework", "torch")
    for number in range(5):
        site.push(random_file(site.base / "small.bin", 1000, number), f"page/p{number}")
    site.push(smollm2, "lab/smollm2")
    server = Server(site)
    yield server
    assert server.stop() == 0, server.errors()


ROUTES = [("GET", "/models", "read"), ("GET", "/models/lab%2Fnet", "read"), ("GET", "/models/lab%2Fnet/fragments", "read"),
          ("POST", "/models/upload", "write"), ("DELETE", "/models/no%2Fsuch", "write"), ("POST", "/models/no%2Fsuch/inference", "infer"),
          ("GET", "/jobs", "read"), ("GET", "/jobs/none", "read"), ("DELETE", "/jobs/none", "admin"), ("POST", "/drain", "admin")]


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
@pytest.mark.parametrize("method, path, needed", ROUTES)
def test_scopes(served, prefix, method, path, needed):
    for scope in (None, "read", "write", "infer", "admin"):
        status, answer = served.ask(method, prefix + path, body=None if method in ("GET", "DELETE") else {}, scope=scope)
        if scope is None:
            assert status == 401, (scope, answer)
        elif scope not in (needed, "admin"):
            assert status == 403, (scope, answer)
        else:
            assert status not in (401, 403), (scope, answer)
        if status >= 400:
            assert answer["error"]["code"] and answer["error"]["message"]


@pytest.mark.parametrize("header", ["Bearer ", "Bearer hf_" + "a" * 40, "Basic Zm9vOmJhcg==", "hf_" + "a" * 40, "Bearer  x", "bearer"])
def test_wrong_tokens(served, header):
    status, _ = served.ask("GET", "/models", scope=None, headers={"Authorization": header})
    assert status == 401


def test_a_token_that_was_taken_back(served):
    made = served.home.json("token", "create", "--scope", "read")
    headers = {"Authorization": f"Bearer {made['token']}"}
    served.ask("GET", "/models", scope=None, headers=headers, status=200)
    served.home.ok("token", "rm", made["id"])
    served.ask("GET", "/models", scope=None, headers=headers, status=401)


def test_health_is_open(served):
    assert served.get("/healthz", scope=None) == {"status": "ok"}
    ready = served.get("/readyz", scope=None)
    assert ready["status"] == "ready" and ready["stores_online"] == 6
    assert "s0" not in json.dumps(ready)


def test_readiness_follows_the_stores(served):
    with served.home.gone(*served.home.stores):
        wait_until(lambda: served.ask("GET", "/readyz", scope=None)[0] == 503, "not ready without stores")
        assert served.get("/healthz", scope=None) == {"status": "ok"}
    # Nobody has told the server that they are back: an upload that needs them looks itself.
    begin, end, kind = form([("name", "back/again")], [("a.bin", random_bytes(3 * MIB, 76))])
    status, answer = upload(served, begin + end, kind)
    assert status == 201, answer
    assert served.ask("GET", "/readyz", scope=None)[0] == 200


def test_list_pages_and_search(served):
    everything = served.get("/models", scope="read")
    assert everything["next"] is None
    names = [model["name"] for model in everything["models"]]
    assert {"lab/net", "lab/smollm2", *(f"page/p{number}" for number in range(5))} <= set(names)
    seen, after = [], ""
    while True:
        page = served.get(f"/models?limit=2{after}", scope="read")
        assert 1 <= len(page["models"]) <= 2
        seen += [model["name"] for model in page["models"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == sorted(names) and len(set(seen)) == len(seen)
    assert [model["name"] for model in served.get("/models?search=searched")["models"]] == ["lab/net"]
    assert len(served.get("/models?search=page%2Fp")["models"]) == 5
    assert served.get("/models?search=no%20such")["models"] == []
    for bad in ("limit=0", "limit=x", "limit=-1", "limit=99999999999999999999"):
        status, answer = served.ask("GET", f"/models?{bad}")
        assert status == 400 and answer["error"]["code"] == "invalid"


def test_list_entry(served):
    [model] = served.get("/models?search=searched")["models"]
    assert model.keys() >= {"id", "name", "description", "framework", "size_bytes", "created_at", "revision", "tags", "fragments", "stores",
                            "health"}
    assert model["stores"] == 6 and model["fragments"] >= 9 and model["health"] == "sound" and model["tags"] == ["v1"]
    assert "/" not in model["id"]


def test_detail_by_id_and_by_name(served):
    [model] = served.get("/models?search=searched")["models"]
    by_id, by_name = served.get(f"/api/v1/models/{model['id']}"), served.get("/api/v1/models/lab%2Fnet")
    assert by_id == by_name
    assert {file["path"]: file["sha256"] for file in by_id["files"]} == hashes(served.home.base / "net")
    assert [revision["revision"] for revision in by_id["revisions"]] == [model["revision"]]
    assert served.ask("GET", "/api/v1/models/nothing:v1")[0] == 404
    status, answer = served.ask("GET", "/api/v1/models/nothing")
    assert status == 404 and answer["error"]["code"] == "not_found"


def test_fragments(served):
    shown = served.get("/api/v1/models/lab%2Fnet/fragments")
    packs = {pack["id"]: pack for pack in shown["packs"]}
    assert len(packs) == len(shown["packs"]) > 0
    for file in shown["files"]:
        at = 0
        for fragment in file["fragments"]:
            assert fragment["offset"] == at and 0 < fragment["length"] <= MIB and fragment["codec"] in ("raw", "zstd")
            assert fragment["pack"] is None or fragment["pack"] in packs
            at += fragment["length"]
        assert at == file["size_bytes"]
    for pack in packs.values():
        assert (pack["k"], pack["m"]) == (4, 2) and [shard["index"] for shard in pack["shards"]] == list(range(6))
        holders = [store["name"] for shard in pack["shards"] for store in shard["stores"]]
        assert sorted(holders) == [f"s{index}" for index in range(6)]
        for shard in pack["shards"]:
            assert shard["state"] == "present" and [store["state"] for store in shard["stores"]] == ["present"]
            assert (served.home.shelf / shard["stores"][0]["name"] / shard["object"]).is_file()


def test_fragments_name_an_offline_store(served):
    with served.home.gone(served.home.stores[0]):
        def offline():
            shown = served.get("/api/v1/models/lab%2Fnet/fragments")
            shards = [shard for pack in shown["packs"] for shard in pack["shards"]]
            return {store["name"] for shard in shards for store in shard["stores"] if shard["state"] == store["state"] == "offline"}
        wait_until(lambda: offline() == {"s0"}, "the shards on that store are shown offline")


def test_upload_by_curl(served):
    """Several files, with the tool that people use."""
    home = served.home
    folder = home.base / "upload"
    folder.mkdir()
    expected = {}
    for path, size, seed in (("model.bin", 6 * MIB, 31), ("sub/config.json", 100, 32), ("empty", 0, 33)):
        (folder / path).parent.mkdir(exist_ok=True)
        random_file(folder / path, size, seed)
        expected[path] = hashes(folder / path)[""]
    command = ["curl", "--silent", "--show-error", "--max-time", "120", "-H", f"Authorization: Bearer {served.token()}",
               "-F", "name=up/loaded", "-F", "description=by curl", "-F", "framework=jax", "-F", "tag=v3"]
    for path in expected:
        command += ["-F", f"file=@{folder / path};filename={path}"]
    done = subprocess.run([*command, f"{served.url}/models/upload"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer.keys() == {"id", "name", "revision", "bytes", "new_bytes", "stored_bytes", "fragments"}
    assert answer["bytes"] == answer["new_bytes"] == 6 * MIB + 100 and re.fullmatch("[0-9a-f]{40}", answer["revision"])
    detail = served.get(f"/models/{answer['id']}")
    assert {file["path"]: file["sha256"] for file in detail["files"]} == expected
    assert detail["description"] == "by curl" and detail["framework"] == "jax" and detail["tags"] == ["v3"]
    assert home.pull("up/loaded:v3")[1] == expected
    # The same again, under another name, stores nothing.
    command[command.index("name=up/loaded")] = "name=up/again"
    again = json.loads(subprocess.run([*command, f"{served.url}/api/v1/models/upload"], capture_output=True, text=True, check=True).stdout)
    assert again["new_bytes"] == 0 and again["revision"] == answer["revision"]


def test_what_the_pool_had_is_told_only_to_who_may_read(served):
    begin, end, kind = form([("name", "up/told")], [("a.bin", b"what somebody else may have")])
    status, answer = upload(served, begin + end, kind)
    assert status == 201 and answer.keys() == {"id", "name", "revision", "bytes", "fragments"}, answer
    status, answer = upload(served, begin + end, kind, scope="admin")
    assert status == 201 and answer["new_bytes"] == 0 < answer["stored_bytes"], answer  # roots of its own


def test_uploads_that_are_refused(served):
    def refused(fields, files, code=400):
        begin, end, kind = form(fields, files)
        status, answer = upload(served, begin + end, kind)
        assert status == code and answer["error"]["code"], (status, answer)

    refused([], [("a.bin", b"1")])  # no name
    refused([("name", "up/none")], [])  # no file
    refused([("name", "no spaces please")], [("a.bin", b"1")])
    refused([("name", "up/none"), ("tag", "../x")], [("a.bin", b"1")])
    refused([("name", "up/none"), ("description", "\udcff\udcfe")], [("a.bin", b"1")])  # not UTF-8
    refused([("name", "Models/none")], [("a.bin", b"1")])  # a namespace that is kept free
    refused([("name", "up/none")], [("a.bin", b"1"), ("a.bin", b"2")])  # two of one path
    begin, end, kind = form([("name", "up/none")], [("a.bin", b"1")])
    assert upload(served, begin, kind)[0] == 400  # the form does not end
    assert upload(served, b"", kind)[0] == 400
    assert upload(served, begin + end, "application/json")[0] == 415
    assert upload(served, begin + end, "multipart/form-data")[0] in (400, 415)
    assert "up/none" not in served.home.models()


def test_a_cut_connection_leaves_nothing(served):
    home = served.home
    begin, end, kind = form([("name", "cut/off")], [("a.bin", None)])
    head = (f"POST /models/upload HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: Bearer {served.token('write')}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(begin) + 100 * MIB + len(end)}\r\n\r\n").encode()
    packs = packs_in_the_journal(home)
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as client:
        client.sendall(head + begin + random_bytes(40 * MIB, 77))
        # Nothing more comes, and the first full pack goes out all the same.
        wait_until(lambda: packs_in_the_journal(home) > packs, "the first pack is durable")
    # Only when the server has let go of it can it be said that nothing is left.
    served.get("/healthz")
    wait_until(lambda: open_sockets(served.process.pid, served.port) == 0, "the connection is closed")
    assert "cut/off" not in home.models()
    assert served.ask("GET", "/models/cut%2Foff")[0] == 404
    assert not [path for path in home.temporary.rglob("*") if path.is_file()]
    assert not [path for path in home.shelf.rglob("*") if path.is_file() and path.name.startswith(".") and "tmp" in path.name.lower()]
    # What was durable by then is known when it comes again.
    status, answer = upload(served, begin + random_bytes(40 * MIB, 77) + random_bytes(60 * MIB, 78) + end, kind, scope="admin")
    assert status == 201 and answer["bytes"] == 100 * MIB and answer["new_bytes"] <= 90 * MIB


def packs_in_the_journal(home):
    with contextlib.closing(sqlite3.connect(f"file:{home.folder / 'registry.db'}?mode=ro", uri=True)) as registry:
        return registry.execute("select count(*) from packs").fetchone()[0]


def open_sockets(pid, port):
    """Established connections of the server."""
    local = f"{port:04X}"
    return sum(1 for line in open(f"/proc/{pid}/net/tcp") if line.split()[1].endswith(":" + local) and line.split()[3] == "01")


def test_delete(served):
    home = served.home
    home.push(random_file(home.base / "gone.bin", 3 * MIB, 40), "lab/gone")
    home.push(random_file(home.base / "stays.bin", 3 * MIB, 41), "lab/stays")
    wait_until(lambda: served.ask("GET", "/models/lab%2Fgone")[0] == 200, "the server has seen what another process pushed", seconds=90)
    served.ask("DELETE", "/models/lab%2Fgone", scope="write", status=204)
    assert served.ask("GET", "/models/lab%2Fgone")[0] == 404
    assert served.ask("DELETE", "/models/lab%2Fgone", scope="write")[0] == 404
    assert "lab/gone" not in home.models()
    assert home.pull("lab/stays")[1] == hashes(home.base / "stays.bin")


def test_one_of_several_revisions(served):
    """A tag chooses what is shown, and what is removed. A name alone is one of library/."""
    home = served.home
    for size, tag in ((3, "v1"), (4, "v2")):
        home.push(random_file(home.base / "some.bin", size * MIB, size), f"some:{tag}")
    wait_until(lambda: served.ask("GET", "/models/some:v2")[0] == 200, "the server has seen what another process pushed", seconds=90)
    shown = {tag: served.get(f"/api/v1/models/some:{tag}") for tag in ("v1", "v2")}
    for tag, size in (("v1", 3 * MIB), ("v2", 4 * MIB)):
        assert shown[tag]["size_bytes"] == size == sum(file["size_bytes"] for file in shown[tag]["files"])
        assert home.json("show", f"some:{tag}")["revision"] == shown[tag]["revision"]
    assert shown["v1"]["revision"] != shown["v2"]["revision"]
    status, answer = served.ask("DELETE", "/models/some:v3", scope="write")
    assert status == 404 and "v1, v2" in answer["error"]["message"], answer
    assert len(served.get("/api/v1/models/some:v1")["revisions"]) == 2
    served.ask("DELETE", "/models/some:v1", scope="write", status=204)
    assert served.ask("GET", "/models/some:v1")[0] == 404
    assert [one["revision"] for one in served.get("/api/v1/models/some:v2")["revisions"]] == [shown["v2"]["revision"]]
    served.ask("DELETE", f"/models/some@{shown['v2']['revision']}", scope="write", status=204)
    assert served.ask("GET", "/models/some")[0] == 404
    assert "library/some" not in home.models()


def test_inference(served, llama_server):
    status, answer = infer(served, {"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0})
    assert status == 200, answer
    assert "Paris" in answer["text"]
    assert answer.keys() == {"text", "model", "tokens", "seconds_to_first_token", "tokens_per_second"}
    assert answer["model"].startswith("lab/smollm2") and 1 <= answer["tokens"] <= 8
    assert answer["seconds_to_first_token"] > 0 and answer["tokens_per_second"] > 0
    again = infer(served, {"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0})[1]
    assert again["text"] == answer["text"]


def test_stop_seed_and_top_p(served, llama_server):
    ask = {"prompt": "The capital of France is", "max_tokens": 24, "temperature": 0}
    whole = infer(served, ask)[1]["text"]
    assert "Paris" in whole
    assert infer(served, dict(ask, stop="Paris"))[1]["text"] == whole[:whole.index("Paris")]
    assert infer(served, dict(ask, stop=["no such", "Paris"]))[1]["text"] == whole[:whole.index("Paris")]
    hot = {"prompt": "Once upon a time", "max_tokens": 24, "temperature": 2}
    assert infer(served, dict(hot, seed=7))[1]["text"] == infer(served, dict(hot, seed=7))[1]["text"]
    assert len({infer(served, dict(hot, seed=seed))[1]["text"] for seed in range(3)}) > 1
    # Of the likeliest token alone there is one answer, however hot.
    assert infer(served, dict(ask, temperature=2, top_p=0))[1]["text"] == whole


def test_inference_in_events(served, llama_server):
    connection = served.connect()
    connection.request("POST", "/api/v1/models/lab%2Fsmollm2/inference",
                       json.dumps({"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0, "stream": True}),
                       dict(served.headers("infer"), **{"Content-Type": "application/json"}))
    answer = connection.getresponse()
    assert answer.status == 200 and answer.getheader("Content-Type").startswith("text/event-stream")
    lines = answer.read().decode().split("\n")
    connection.close()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert all(line == "" or line.startswith(("data: ", ":")) for line in lines), lines
    assert data[-1] == "[DONE]"
    pieces = [json.loads(piece)["text"] for piece in data[:-1]]
    assert len(pieces) > 1 and "Paris" in "".join(pieces)


def test_a_client_that_leaves_does_not_stop_the_next(served, llama_server):
    connection = served.connect()
    connection.request("POST", "/models/lab%2Fsmollm2/inference", json.dumps({"prompt": "Once", "max_tokens": 2000, "stream": True}),
                       dict(served.headers("infer"), **{"Content-Type": "application/json"}))
    connection.getresponse().read(20)
    connection.close()
    assert "Paris" in infer(served, {"prompt": "The capital of France is", "max_tokens": 8, "temperature": 0})[1]["text"]


@pytest.mark.parametrize("body, code", [
    ({}, 400), ({"prompt": 3}, 400), ({"prompt": ""}, 400), ({"prompt": "a", "max_tokens": 0}, 400), ({"prompt": "a", "max_tokens": -1}, 400),
    ({"prompt": "a", "max_tokens": 2**64 - 1}, 400), ({"prompt": "a", "temperature": "hot"}, 400), ({"prompt": "a", "temperature": -1}, 400),
    ({"prompt": "a", "stream": 1}, 400), ([], 400), ("not json", 400), ("{" * 100_000, 400), ({"prompt": "x" * 600_000}, 413),
    ("[" * 100_000 + "]" * 100_000, 400), ({"prompt": "a", "presence_penalty": 1}, 400), ({"prompt": "a", "stop": [""]}, 400),
    ({"prompt": "a", "seed": -1}, 400), ({"prompt": "a", "top_p": 2}, 400), ('{"prompt": "a", "prompt": "b"}', 400)])
def test_wrong_inference_bodies(served, body, code):
    status, answer = infer(served, body, headers={"Content-Type": "application/json"})
    assert status == code and answer["error"]["code"], answer


def test_models_that_cannot_answer(served):
    status, answer = infer(served, {"prompt": "a"}, model="lab%2Fnet")
    assert status == 422 and answer["error"]["code"] == "not_runnable" and "GGUF" in answer["error"]["message"]
    assert infer(served, {"prompt": "a"}, model="no%2Fsuch")[0] == 404


def test_routes_and_methods(served):
    for method, path, code in [("GET", "/", 404), ("GET", "/nothing", 404), ("PUT", "/models", 405), ("DELETE", "/models", 405),
                               ("GET", "/models/upload/inference/x", 404), ("GET", "/api/v2/models", 404)]:
        status, answer = served.ask(method, path)
        assert status == code and answer["error"]["code"], (method, path, status, answer)


def test_a_foreign_host_is_refused(served):
    """So that a page of another site cannot reach the server by a name of its own."""
    for path in ("/models", "/healthz"):
        for more in ({}, {"X-Forwarded-Host": "localhost"}):
            status, answer = served.ask("GET", path, headers={"Host": "evil.example", **more})
            assert status == 403 and "serve --host evil.example" in answer["error"]["message"], answer


def test_a_forwarded_port_is_no_foreign_host(served):
    for host in ("localhost", "localhost:9000", "127.0.0.1:1", "[::1]", "LOCALHOST.:80"):
        assert served.ask("GET", "/healthz", scope=None, headers={"Host": host}) == (200, {"status": "ok"}), host


@pytest.mark.parametrize("request_text", [
    b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"",
    b"GET /models HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"POST /models/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /models/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /models/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n"])
def test_broken_requests(served, request_text):
    answer = raw(served, request_text)
    assert answer == b"" or re.match(rb"HTTP/1.[01] (4\d\d|505) ", answer), answer[:200]
    served.get("/healthz")
