"""A pool over one store of each kind: MEGA, Google Drive, IPFS, S3, WebDAV and rclone."""
import shutil
import sys
import tempfile
from pathlib import Path

from conftest import BASE
from program import ROOT, Home, hashes

sys.path.insert(0, str(ROOT / "tests/servers"))
import kinds  # noqa: E402


class KindsPool(Home):
    """With `faulty`, each store can be told to fail (kinds.py). Ends with its servers."""

    def __init__(self, faulty=False):
        base = Path(tempfile.mkdtemp(prefix="modelfloat-kinds-", dir=BASE))
        base.chmod(0o711)  # Apache runs as another user
        super().__init__(base)
        self.places = []
        try:
            self.places = kinds.start_all(base / "servers", faulty=faulty)
            self.place = {place.name: place for place in self.places}
            for place in self.places:
                self.environment |= place.environment
            self.code_file.write_text(self.json("init", "--redundancy", "4+2")["recovery_code"] + "\n")
            for place in self.places:
                self.ok("store", "add", place.name, *place.arguments, "--domain", place.name)
        except BaseException:
            self.stop()
            raise

    def others(self, place):
        """The other places, those first that follow it in kinds.NAMES."""
        at = self.places.index(place)
        return self.places[at + 1:] + self.places[:at]

    def pull(self, name):
        """What a pull brings, which must succeed: (its hashes, the finished command)."""
        target = self.work / "pulled"
        done = self.ok("pull", name, "-o", target)
        found = hashes(target)
        target.unlink()
        return found, done

    def stop(self):
        kinds.stop_all(self.places)
        shutil.rmtree(self.base.parent, ignore_errors=True)
