"""Jobs of `modelfloat serve`, and the maintenance that it does by itself."""
import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal

import pytest

from program import Server, Site, hashes, wait_until
from samples import MIB, random_file


def start_job(served, kind, **options):
    return served.ask("POST", f"/api/v1/{kind}", options, status=202)[1]["job"]


def ended(served, job):
    def look():
        found = served.get(f"/api/v1/jobs/{job}")
        return found if found["state"] not in ("queued", "running") else None

    return wait_until(look, f"the job {job} ends")


@contextlib.contextmanager
def following(served, last_id=None):
    """An iterator of (type, id, data) of the stream of events."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("GET", "/api/v1/events", headers=dict(served.headers("read"), **({"Last-Event-ID": last_id} if last_id else {})))
    answer = connection.getresponse()
    assert answer.status == 200

    def events():
        fields = {}
        while line := answer.readline():
            line = line.decode().rstrip("\n")
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif not line and fields:
                yield fields.get("event"), fields["id"], json.loads(fields["data"]) if "data" in fields else None
                fields = {}

    yield events()
    connection.close()


def test_what_was_lost_is_repaired_by_a_job(site, serve):
    file = random_file(site.base / "model.bin", 20 * MIB, 1)
    site.push(file, "lab/net")
    served = serve(site)
    lost = next(store for store in site.stores if site.objects(stores=[store]))
    count = len(site.objects(stores=[lost]))
    shutil.rmtree(lost / "mf1/shard")
    with following(served) as events:
        assert next(events)[0] is None  # where the stream begins
        job = start_job(served, "repair")
        states = []
        while not states or states[-1] not in ("done", "failed"):
            kind, event_id, data = next(events)
            if kind == "job" and data["id"] == job:
                states.append(data["state"])
    assert states[0] == "queued" and states[-1] == "done" and "running" in states
    found = ended(served, job)
    assert found["state"] == "done" and found["error"] is None
    assert found["result"]["shards_written"] == count
    assert found["progress"]["done_bytes"] == found["progress"]["total_bytes"] > 0
    assert set(found["result"]) == set(site.json("repair")) | {"shards_left", "packs_below_promise", "doubts"}
    checked = ended(served, start_job(served, "verify", read=True, model="lab/net"))
    assert checked["result"]["damaged"] == [] and [model["health"] for model in checked["result"]["models"]] == ["sound"]
    assert site.pull("lab/net")[1] == hashes(file)
    # The client comes back.
    with following(served, event_id) as events:
        kind, _, data = next(event for event in events if event[0] in ("job", "reset"))
        assert kind == "job" and data["id"] != job, "goes on, and does not begin anew"
    assert [one["id"] for one in served.get("/jobs")["jobs"]] == [checked["id"], job]


def test_a_store_is_drained_by_a_job(base, serve):
    site = Site(base, stores=7)
    file = random_file(site.base / "model.bin", 9 * MIB, 2)
    site.push(file, "lab/net")
    served = serve(site)
    assert ended(served, start_job(served, "drain", store="s1"))["result"]["left"] == 0
    site.ok("store", "rm", "s1")
    assert site.pull("lab/net")[1] == hashes(file)
    for kind, options, status in [("drain", {"store": "none"}, 404), ("drain", {}, 400), ("repair", {"model": "lab/none"}, 404),
                                  ("verify", {"reed": True}, 400), ("explode", {}, 404)]:
        served.ask("POST", f"/api/v1/{kind}", options, status=status)


def test_jobs_of_a_server_that_was_killed(site):
    site.push(random_file(site.base / "model.bin", 40 * MIB, 3), "lab/net")
    first = Server(site)
    first.token("admin")
    # Enough work for the kill to come in between.
    jobs = [start_job(first, "verify", read=True) for _ in range(8)]
    wait_until(lambda: first.get(f"/jobs/{jobs[0]}")["state"] != "queued", "it runs")
    os.killpg(first.process.pid, signal.SIGKILL)
    first.process.wait()
    second = Server(site)
    second.tokens = first.tokens
    try:
        states = [second.get(f"/jobs/{job}")["state"] for job in jobs]
        assert states[-1] == "interrupted", states
        assert set(states) <= {"done", "interrupted"}, states
        assert second.get(f"/jobs/{jobs[-1]}")["error"]["code"] == "interrupted"
        assert ended(second, start_job(second, "verify"))["state"] == "done"
        assert len(list((site.folder / "servers").iterdir())) == 1, "what the killed one left is gone"
    finally:
        assert second.stop() == 0
    assert list((site.folder / "servers").iterdir()) == []


def test_jobs_of_a_server_that_is_stopped(site):
    site.push(random_file(site.base / "model.bin", 40 * MIB, 5), "lab/net")
    first = Server(site)
    jobs = [start_job(first, "verify", read=True) for _ in range(8)]
    wait_until(lambda: first.get(f"/jobs/{jobs[0]}")["state"] != "queued", "it runs")
    assert first.stop() == 0, first.errors()
    second = Server(site)
    second.tokens = first.tokens
    try:
        states = [one["state"] for one in second.get("/jobs")["jobs"]]
        assert states[0] == "interrupted" and set(states) <= {"done", "interrupted"}, states
        second.ask("DELETE", f"/jobs/{jobs[-1]}", status=409)
        last = [start_job(second, "verify", read=True) for _ in range(8)][-1]
        second.ask("DELETE", f"/jobs/{last}", status=204)
        assert second.get(f"/jobs/{last}")["state"] == "cancelled"
    finally:
        assert second.stop() == 0


def test_two_servers_of_one_home(site):
    site.push(random_file(site.base / "model.bin", 3 * MIB, 4), "lab/net")
    first = Server(site)
    lock = os.open(site.folder / "maintenance.lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert "maintains" not in first.errors()
    second = Server(site)
    second.tokens = first.tokens
    try:
        assert second.errors().count("another server of this home maintains") == 1
        job = start_job(first, "verify")
        ended(first, job)
        assert second.get(f"/jobs/{job}")["state"] == "done", "both show the jobs of the home"
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait()

        def is_taken_over():
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            fcntl.flock(lock, fcntl.LOCK_UN)
            return False

        wait_until(is_taken_over, "the second one maintains")
    finally:
        os.close(lock)
        assert second.stop() == 0, second.errors()


def test_maintenance_can_be_switched_off(site, serve):
    (site.folder / "config.toml").write_text("[maintenance]\nenabled = false\n")
    serve(site)
    assert not (site.folder / "maintenance.lock").exists()


def test_the_server_ends_although_streams_are_open(site):
    served = Server(site)
    with following(served) as events:
        next(events)
        assert served.stop() == 0
        assert list(events) == []
