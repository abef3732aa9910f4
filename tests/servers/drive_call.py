"""What all calls of Drive's API have in common on tests/servers/drive_emulator.py: who calls, which parameters are known, and which fields are answered."""
from drive_files import ApiError
from drive_http import Connection
from drive_query import FILE, check_fields, parse_fields, select

COMMON = {"fields", "alt", "prettyPrint", "quotaUser", "key", "supportsAllDrives", "supportsTeamDrives", "upload_protocol", "uploadType", "upload_id"}
ALLOWED = {
    "files.list": {"q", "pageSize", "pageToken", "orderBy", "spaces", "corpora", "driveId", "includeItemsFromAllDrives", "includeTeamDriveItems", "teamDriveId",
                   "corpus", "includePermissionsForView", "includeLabels"},
    "files.generateIds": {"count", "space", "type"},
    "files.get": {"acknowledgeAbuse", "includePermissionsForView", "includeLabels"},
    # setModifiedDate is of API v2, but rclone says it when it replaces a file by a resumable upload, and Google lets it.
    "files.update": {"addParents", "removeParents", "keepRevisionForever", "useContentAsIndexableText", "ocrLanguage", "enforceSingleParent", "setModifiedDate"},
    "files.create": {"keepRevisionForever", "useContentAsIndexableText", "ocrLanguage", "ignoreDefaultVisibility", "enforceSingleParent"},
    "files.delete": {"enforceSingleParent"}, "about.get": set(), "drives.get": {"useDomainAdminAccess"},
}


class Call(Connection):
    def start_call(self, call):
        self.plan(call)
        unknown = self.query.keys() - COMMON - ALLOWED[".".join(call.split(".")[:2])]
        if unknown:
            raise ApiError(400, "invalidParameter", "Unknown parameter " + ", ".join(sorted(unknown)), sorted(unknown)[0])
        self.authorize()

    def authorize(self):
        self.grant = self.world.oauth.grant_of(self.headers.get("Authorization"))
        if self.grant is None:
            words = "Invalid Credentials" if self.headers.get("Authorization") else "Login Required"
            error = ApiError(401, "authError" if self.headers.get("Authorization") else "required", words)
            error.body["error"]["errors"][0].update(locationType="header", location="Authorization")
            raise error

    @property
    def all_drives(self):
        return "true" in (self.query.get("supportsAllDrives"), self.query.get("supportsTeamDrives"))

    def fields(self, schema, default):
        try:
            wanted = parse_fields(self.query.get("fields") or default)
            check_fields(wanted, schema)
        except ValueError:
            raise ApiError(400, "invalidParameter", f"Invalid field selection {self.query['fields']}", "fields")
        return wanted

    def send_file(self, file, status=200):
        wanted = self.fields(FILE, "kind,id,name,mimeType")
        self.done(status, select(file.resource(wanted), wanted))
