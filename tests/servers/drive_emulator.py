"""Google Drive's API v3 and its OAuth as far as a client needs them to keep files, on one port of 127.0.0.1. Strict: what the documentation does not allow is refused.

drive_emulator.py PORT FOLDER     (FOLDER takes the content of the files)

Below the root: /drive/v3/…, /upload/drive/v3/…, /token, /device/code, /auth (a person who has agreed already), and /_control/… for tests:
  POST /_control/account {"limit": bytes, "kind": "desktop" or "tv", "scope": …}  a new account and client: {"account", "client_id", "client_secret", "refresh_token"}
  POST /_control/service_account {"limit": 0}    {"account", "key": the JSON key file}
  POST /_control/drive {"members": [account]}    {"id"} of a new shared drive
  POST /_control/faults [fault, …]               see drive_faults.py; /_control/clear forgets them and the counts
  GET  /_control/seen                            {"counts": {call: n}, "log": [[call, seconds], …], "met": how many calls met a fault}
  POST /_control/expire                          no access token is good any more; /_control/revoke {"refresh_token"}
  POST /_control/person {"account"}              whose account it is that agrees at /auth and at the device page
  POST /_control/device {"user_code", "state": "approved", "denied" or "expired"}
  POST /_control/index {"frozen": true}          files.list does not see what changes from now on
  POST /_control/count {"name"}                  {"count": files of this name that "client" made, in the trash too}
  POST /_control/trash {"name"}                  as the user may do it: everything of this name
  POST /_control/lose_sessions                   all upload addresses are forgotten
"""
import http.server
import os
import secrets
import socketserver
import sys
import threading
import urllib.parse

from drive_api import Api
from drive_control import Control
from drive_faults import Faults
from drive_files import ApiError, Files
from drive_http import Cut, Done
from drive_oauth import Oauth, Refused
from drive_uploads import Uploads


class Handler(Api, Uploads, Control):
    def do_GET(self):
        self.fault, self.unread = {}, None
        address = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
        self.host = ("https://" if self.headers.get("Host", "").endswith("googleapis.com") else "http://") + self.headers.get("Host", "")
        try:
            self.begin_body()
            self.dispatch(address.path)
        except Cut:
            self.reset()
        except ApiError as error:
            self.send_json(error.status, error.body)
        except Refused as error:
            self.send_json(error.status, {"error": error.error, "error_description": error.description})
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def dispatch(self, path):
        try:
            if path.startswith("/_control/"):
                return self.control(path.removeprefix("/_control/"))
            if path == "/token" and self.command == "POST":
                self.plan("token")
                return self.done(200, self.world.oauth.token(self.form()))
            if path == "/device/code" and self.command == "POST":
                self.plan("device.code")
                return self.done(200, self.world.oauth.device_code(self.form(), self.host))
            if path == "/auth" and self.command == "GET":
                return self.send(302, b"", [("Location", self.world.oauth.authorize(self.query))])
            if path.startswith("/upload/drive/v3/files"):
                return self.upload(path.removeprefix("/upload/drive/v3/files").strip("/"))
            if path.startswith("/drive/v3/"):
                return self.api(path.removeprefix("/drive/v3/").split("/"))
            self.send(404, b"Not Found", [("Content-Type", "text/html")])
        except Done:
            pass


class World:
    def __init__(self, folder):
        self.faults, self.oauth, self.files = Faults(), Oauth(), Files(folder)
        self.pages = {}  # page token: what it stands for

    def add_page(self, key, start, found):
        token = "~!" + secrets.token_urlsafe(24)
        self.pages[token] = (key, start, found)
        while len(self.pages) > 200:
            del self.pages[next(iter(self.pages))]
        return token


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, folder):
        super().__init__(address, Handler)
        self.world = World(folder)
        self.gone = set()

    def forget(self, connection):
        self.gone.add(id(connection))

    def shutdown_request(self, request):
        if id(request) in self.gone:
            self.gone.discard(id(request))
        else:
            super().shutdown_request(request)

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ValueError)):
            super().handle_error(request, address)


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    threading.stack_size(512 << 10)
    Server(("127.0.0.1", port), folder).serve_forever()


if __name__ == "__main__":
    main()
