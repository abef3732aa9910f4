"""A provider that says how long it wants to be left alone: what whoever runs the program sees of it."""
import sys
from datetime import datetime, timedelta, timezone

import pytest

from program import ROOT, Exit, Site
from samples import MIB, random_file

sys.path.insert(0, str(ROOT / "tests/servers"))
import mega as emulator  # noqa: E402
from run import servers  # noqa: E402


@pytest.fixture
def mega():
    with servers(["mega"]) as environment:
        yield environment["MODELFLOAT_TEST_MEGA"]


def test_a_used_up_transfer_quota_is_shown_and_waited_for(base, mega):
    site = Site(base, "1+0", stores=0)
    credentials = base / "mega.json"
    credentials.touch(mode=0o600)
    credentials.write_text('{"email": "%s", "password": "%s"}' % (emulator.ACCOUNTS[0]["email"], emulator.PASSWORD))
    site.ok("store", "add", "m", "mega:/modelfloat", "--api-url", mega, "--credentials-file", credentials)
    file = random_file(base / "a.bin", 2 * MIB, 1)
    site.push(file, "lab/a")
    quota = {"status": 509, "headers": {"X-MEGA-Time-Left": "7200"}}
    emulator.control(mega, do="plan", faults=[{"call": "dl", "skip": 1, "times": 99, **quota}])  # the marker is read before
    ended = site.run("pull", "lab/a", "-o", base / "b")
    assert ended.code == Exit.ERROR and "transfer quota" in ended.err, ended
    assert emulator.control(mega, do="counts")["dl"] == 2
    for command, code in (("status", Exit.UNREACHABLE), ("store ls", Exit.OK)):
        [store] = site.json(*command.split(), code=code)["stores"]
        [park] = store["health"]["parked"]
        assert park["lane"] == "downloads" and "transfer quota" in park["why"], park
        left = datetime.fromisoformat(park["until"]) - datetime.now(timezone.utc)
        assert timedelta(hours=1) < left <= timedelta(hours=2), park
        assert f"downloads paused until {park['until']}" in site.run(*command.split(), code=code).text
    assert emulator.control(mega, do="counts")["dl"] == 2, "it was asked again"
