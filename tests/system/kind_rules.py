"""What the servers of a pool over all kinds do wrong while a model is pushed or pulled, by kind of store: rules of tests/servers/faults.py."""
import json

PROXIED = ("drive", "ipfs", "s3", "webdav", "rclone")
KINDS = ("mega", *PROXIED)
ALWAYS = 999  # emulators count down

# The requests that take a shard to its store, all that write anything there, and those that bring a shard back. MEGA's emulator has names for its requests.
TAKES = {"drive": {"method": "POST|PUT", "target": "^/upload/"}, "ipfs": {"target": "/api/v0/add"}, "s3": {"method": "PUT", "target": "/shard/"},
         "webdav": {"method": "PUT", "target": "/shard/"}, "rclone": {"method": "PUT", "target": "/shard/"}}
WRITES = {**TAKES, "s3": {"method": "PUT"}, "webdav": {"method": "PUT"}, "rclone": {"method": "PUT"}}
# Where the address says nothing of what is read, the marker is what is read first.
BRINGS = {"drive": {"method": "GET", "target": "alt=media", "skip": 1}, "ipfs": {"target": "/api/v0/cat", "skip": 1}, "s3": {"method": "GET", "target": "/shard/"},
          "webdav": {"method": "GET", "target": "/shard/"}, "rclone": {"method": "GET", "target": "/shard/"}}

HANGS = {"times": 0, "fault": "stall", "at": -1}


def answer(status, body="", **headers):
    return {"fault": "answer", "status": status, "body": body, "headers": headers}


def s3_error(status, code):
    return answer(status, f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>planned</Message></Error>")


def drive_error(status, reason):
    return answer(status, json.dumps({"error": {"code": status, "message": "planned", "errors": [{"domain": "usageLimits", "reason": reason, "message": "planned"}]}}))


def ipfs_error(message):
    return answer(500, json.dumps({"Message": message, "Code": 0, "Type": "error"}))


def for_all(requests, fault, mega, times=1, **others):
    """Of each kind its rules: `fault` at these requests, or what `others` say for a kind; `mega` for MEGA's emulator."""
    rules = {kind: [{**requests[kind], "times": times, **others.get(kind, fault)}] for kind in PROXIED}
    return {"mega": [{"times": times or ALWAYS, **mega}], **rules}


def without_mega(rules):
    return {kind: of_kind for kind, of_kind in rules.items() if kind != "mega"}


def after_some(skip, rules):
    return {kind: [{**rule, "skip": rule.get("skip", 0) + skip} for rule in of_kind] for kind, of_kind in rules.items()}


# What passes: whoever meets it tries again. rclone keeps Retry-After to itself, but not what the server says in words.
PUSH_PASSING = {
    "reset": for_all(TAKES, {"fault": "reset_request", "at": 1000}, {"call": "ul", "cut": 1000}),
    "500": for_all(TAKES, answer(500), {"call": "ul", "status": 500}),
    "429": for_all(TAKES, answer(429, **{"Retry-After": "1"}), {"call": "u", "status": 429, "headers": {"Retry-After": "1"}},
                   rclone=answer(429, '<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:message>retry after 1s</s:message></d:error>')),
    "stored but error said": for_all(TAKES, {"fault": "answer_after", "status": 500}, {"call": "p", "unanswered": True}),
    "expired token, slow down": {"mega": [{"call": "p", "expire": True}], "s3": [{**TAKES["s3"], **s3_error(503, "SlowDown")}],
                                 "drive": [{**TAKES["drive"], **drive_error(401, "authError")}, {**TAKES["drive"], **drive_error(403, "userRateLimitExceeded")}]},
}
# What lasts: another store takes the shard. MEGA's client tries again by itself what may pass, until the time for the shard is over: half a minute.
PUSH_LASTING = {
    "refused": for_all(WRITES, answer(401), {"call": "u", "code": -16}, times=0, webdav=answer(403), s3=s3_error(403, "AccessDenied"),
                       drive=drive_error(403, "insufficientFilePermissions")),
    "503": without_mega(for_all(WRITES, answer(503), {}, times=0)),
    # js-ipfs waits for ever for the end of what is too short.
    "partial": without_mega(for_all(TAKES, {"fault": "request_shorter", "by": 1000}, {}, times=0, ipfs={"fault": "request_flip", "at": 5000})),
    "not stored": {
        "mega": [{"call": "p", "times": ALWAYS, "pretend": True}],
        "drive": [{"call": "files.create.multipart", "times": 2, "lose": True}],
        "ipfs": [{"target": "/api/v0/files/cp", "times": 0, **answer(200)}],
        "s3": [{"method": "PUT", "target": "/shard/", "times": 0, **answer(200)}],
        "webdav": [{"method": "MOVE", "target": "/shard/", "times": 0, **answer(201)}],
        "rclone": [{"method": "MOVE", "target": "/shard/", "times": 0, **answer(201)}],
    },
}
# The first shard is taken, the next is not.
PUSH_FULL = after_some(1, for_all(TAKES, answer(507), {"call": "p", "one_code": -17}, times=0, drive=drive_error(403, "storageQuotaExceeded"),
                                  ipfs=ipfs_error("write: no space left on device")))

# What a pull does not wait for when it can read elsewhere.
PULL = {
    "reset": for_all(BRINGS, {"fault": "reset_answer", "at": 10_000}, {"call": "dl", "skip": 1, "cut": 10_000}, times=0),
    "stall": for_all(BRINGS, {"fault": "stall", "at": 10_000}, {"call": "dl", "skip": 1, "stall": 60}, times=0),
    "401": for_all(BRINGS, answer(401), {"call": "g", "skip": 1, "code": -16}, times=0, drive=drive_error(401, "authError")),
    "403": for_all(BRINGS, answer(403), {"call": "g", "skip": 1, "one_code": -11}, times=0, s3=s3_error(403, "AccessDenied"), drive=drive_error(403, "downloadQuotaExceeded")),
    "429": for_all(BRINGS, answer(429, **{"Retry-After": "60"}), {"call": "dl", "skip": 1, "status": 509, "headers": {"X-MEGA-Time-Left": "60"}}, times=0),
    "503": for_all(BRINGS, answer(503), {"call": "dl", "skip": 1, "status": 503}, times=0),
}
# Wrong or missing bytes, said to be right: who gives them is named.
PULL_LIES = {
    "flipped bit": for_all(BRINGS, {"fault": "flip", "at": 10_000}, {"call": "dl", "skip": 1, "flip": 10_000}, times=0),
    "shorter": for_all(BRINGS, {"fault": "shorter", "by": 1000}, {"call": "dl", "skip": 1, "short": 1000}, times=0),
    "404": for_all(BRINGS, answer(404), {"call": "g", "skip": 1, "one_code": -9}, times=0, s3=s3_error(404, "NoSuchKey"), drive=drive_error(404, "notFound"),
                   ipfs=ipfs_error("block was not found locally (offline)")),
}
