"""One store of every kind, each on a server of its own behind a door: what `modelfloat store add` needs for it.

kinds.py FOLDER -- COMMAND [ARGUMENT ...] starts them all and runs the command, with the environment that rclone needs. The file that MODELFLOAT_KINDS names
tells the command about them: {"places": {name: {"what", "url", "options", "credentials_file"}}, "control": FIFO, "answers": FIFO}. A line "shut NAME" or
"open NAME" in `control` makes a server unreachable or brings it back, and is repeated in `answers` when that is done."""
import importlib
import json
import os
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from door import Door  # noqa: E402
from faults import Faults  # noqa: E402
from process import end_in_order_when_told  # noqa: E402

NAMES = ("mega", "drive", "ipfs", "s3", "webdav", "rclone")
WHAT = {"mega": "an emulator of MEGA", "drive": "an emulator of Google Drive", "ipfs": "js-ipfs", "s3": "SeaweedFS", "webdav": "Apache's mod_dav",
        "rclone": "a WebDAV remote of rclone, on rclone's own server"}


class Place:
    """A store on a server that runs. With `faulty` it is reached by the proxy that fails as it is told; `faults` tells that one, and the emulators."""

    def __init__(self, name, folder, faulty=False):
        (folder / name).mkdir(parents=True)
        self.name, self.folder = name, folder / name
        self.module = importlib.import_module(name)
        self.server = self.module.start(self.folder)
        self.environment = {}  # for modelfloat
        self.options, self.credentials = [], None
        told = self.server.environment
        prefix = f"MODELFLOAT_TEST_{name.upper()}"
        try:
            self.address = told[prefix + "_PROXY" if faulty or name == "rclone" else prefix]
            self.faults = Faults(told[prefix + "_CONTROL"], self.module.Planned(told[prefix]) if name in ("mega", "drive") else None)
            getattr(self, "describe_" + name)(told)
        except BaseException:
            self.server.stop()
            raise
        self.credentials_file = None
        if self.credentials is not None:
            self.credentials_file = self.folder / "credentials-for-modelfloat.json"
            self.credentials_file.touch(mode=0o600)
            self.credentials_file.write_text(json.dumps(self.credentials))

    def enter_by_door(self):
        """The URL of the server, as it is reached by the door."""
        parts = urllib.parse.urlsplit(self.address)
        self.door = Door(parts.port)
        return parts._replace(netloc=f"127.0.0.1:{self.door.port}").geturl()

    def describe_mega(self, _):
        self.url, self.options = "mega:/modelfloat", ["--api-url", self.enter_by_door()]
        self.credentials = {"email": self.module.ACCOUNTS[0]["email"], "password": self.module.PASSWORD}

    def describe_drive(self, told):
        root = self.enter_by_door()
        self.url, self.options = "drive:modelfloat", ["--api-url", root, "--token-url", root + "/token"]
        self.credentials = json.loads(Path(told["MODELFLOAT_TEST_DRIVE_CREDENTIALS"]).read_text())

    def describe_ipfs(self, _):
        self.url = "ipfs:" + self.enter_by_door()

    def describe_s3(self, told):
        self.url = f"s3:{self.enter_by_door()}/{told['MODELFLOAT_TEST_S3_BUCKET']}/modelfloat"
        self.credentials = {"access_key": told["MODELFLOAT_TEST_S3_ACCESS_KEY"], "secret_key": told["MODELFLOAT_TEST_S3_SECRET_KEY"]}

    def describe_webdav(self, told):
        self.url = f"webdav:{self.enter_by_door()}/basic/modelfloat"
        self.credentials = {"user": told["MODELFLOAT_TEST_WEBDAV_USER"], "password": told["MODELFLOAT_TEST_WEBDAV_PASSWORD"]}

    def describe_rclone(self, told):
        self.url = "rclone:dav:modelfloat"
        self.environment = {name: told[name] for name in ("RCLONE_CONFIG", "PATH")} | {"RCLONE_CONFIG_DAV_URL": self.enter_by_door()}

    @property
    def arguments(self):
        """What follows the name in `store add`, and --store in `recover`."""
        return [self.url, *self.options, *(["--credentials-file", self.credentials_file] if self.credentials_file else [])]

    def stop(self):
        self.door.shut()
        self.server.stop()


def start_all(folder, names=NAMES, faulty=False):
    places = []
    try:
        for name in names:
            places.append(Place(name, Path(folder), faulty))
    except BaseException:
        stop_all(places)
        raise
    return places


def stop_all(places):
    for place in reversed(places):
        place.stop()


def main():
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        sys.exit(__doc__)
    end_in_order_when_told()
    folder = Path(sys.argv[1])
    places = start_all(folder)
    try:
        control, answers = folder / "control", folder / "answers"
        for fifo in (control, answers):
            os.mkfifo(fifo, 0o600)
        threading.Thread(target=obey, args=(places, control, answers), daemon=True).start()
        listing = folder / "kinds.json"
        listing.write_text(json.dumps({
            "places": {place.name: {"what": WHAT[place.name], "url": place.url, "options": place.options,
                                    "credentials_file": place.credentials_file and str(place.credentials_file)} for place in places},
            "control": str(control), "answers": str(answers)}))
        environment = dict(os.environ, MODELFLOAT_KINDS=str(listing))
        for place in places:
            environment.update(place.environment)
        return subprocess.run(sys.argv[3:], env=environment).returncode
    finally:
        stop_all(places)


def obey(places, control, answers):
    doors = {place.name: place.door for place in places}
    # Also for writing, so that it never ends: who wrote a line between its end and the next open() would wait for ever.
    with os.fdopen(os.open(control, os.O_RDWR)) as lines:
        for line in lines:
            what, name = line.split()
            getattr(doors[name], what)()
            with open(answers, "w") as out:
                out.write(line)


if __name__ == "__main__":
    sys.exit(main())
