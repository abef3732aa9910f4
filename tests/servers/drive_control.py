"""The addresses below /_control of tests/servers/drive_emulator.py, which says what they take."""
import json

from drive_http import Connection
from drive_oauth import FILE_SCOPE


class Control(Connection):
    def control(self, what):
        world = self.world
        data = self.body()
        asked = json.loads(data) if data else {}
        answer = {}
        if what == "account":
            account = world.files.add_account(asked.get("limit"))
            client = world.oauth.add_client(asked.get("kind", "desktop"))
            world.oauth.person = account.email
            answer = {"account": account.email, "client_id": client, "client_secret": world.oauth.clients[client]["secret"],
                      "refresh_token": world.oauth.add_refresh_token(account.email, client, asked.get("scope", FILE_SCOPE))}
        elif what == "service_account":
            account = world.files.add_account(asked.get("limit", 0))
            answer = {"account": account.email, "key": world.oauth.add_service_account(account.email, self.host)}
        elif what == "drive":
            answer = {"id": world.files.add_drive(*asked["members"])}
        elif what == "faults":
            world.faults.plan(asked)
        elif what == "clear":
            world.faults.clear()
        elif what == "seen":
            answer = world.faults.seen()
        elif what == "expire":
            world.oauth.expire_all()
        elif what == "revoke":
            world.oauth.revoke(asked["refresh_token"])
        elif what == "person":
            world.oauth.person = asked["account"]
        elif what == "device":
            answer = {"found": world.oauth.decide(asked["user_code"], asked["state"])}
        elif what == "index":
            world.files.freeze_index(asked["frozen"])
        elif what == "count":
            with world.files.lock:
                answer = {"count": sum(file.client == asked["client"] for file in world.files.by_name.get(asked["name"].lower(), {}).values())}
        elif what == "copies":
            world.files.copy(asked["client"], asked["name"], asked["names"])
        elif what == "trash":
            with world.files.lock:
                for file in list(world.files.by_name.get(asked["name"].lower(), {}).values()):
                    file.trashed = True
        elif what == "lose_sessions":
            world.files.sessions.clear()
        else:
            return self.send(404, b"no such control")
        self.send_json(200, answer)
