"""What the `q`, `fields` and `orderBy` of Drive's API mean. Anything that the documentation doesn't know is refused (ValueError)."""
import re

TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<sign>!=|<=|>=|[=<>(){}])|(?P<word>[A-Za-z_.]+))")
TEXT_FIELDS = {"name", "mimeType", "fullText"}
TIME_FIELDS = {"modifiedTime", "createdTime", "viewedByMeTime"}
TRUTH_FIELDS = {"trashed", "starred", "sharedWithMe"}


class Query:
    """q as a test of one file. `file` has name, mime_type, parents, trashed_now(), properties, created, modified."""

    def __init__(self, text, root):
        self.root = root  # what 'root' stands for
        self.tokens = []
        self.required = {}  # "name" or "parent": what every match has; so that not all files need be looked at
        self.depth = 0  # more than 0: what is found is not required
        at = 0
        while text[at:].strip():
            match = TOKEN.match(text, at)
            if not match:
                raise ValueError("q")
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()
        if any(value in ("or", "not") for kind, value in self.tokens if kind == "word"):
            self.depth = 1
        self.matches = self._alternatives() if self.tokens else lambda file: True
        if self.tokens:
            raise ValueError("q")

    def _peek(self):
        return self.tokens[0][1] if self.tokens else None

    def _next(self, kind=None, *values):
        if not self.tokens:
            raise ValueError("q")
        found, value = self.tokens.pop(0)
        if (kind and found != kind) or (values and value not in values):
            raise ValueError("q")
        return value

    def _text(self):
        return re.sub(r"\\(.)", r"\1", self._next("text")[1:-1])

    def _alternatives(self):
        parts = [self._all()]
        while self._peek() == "or":
            self._next()
            parts.append(self._all())
        return lambda file: any(part(file) for part in parts)

    def _all(self):
        parts = [self._one()]
        while self._peek() == "and":
            self._next()
            parts.append(self._one())
        return lambda file: all(part(file) for part in parts)

    def _one(self):
        if self._peek() == "not":
            self._next()
            inner = self._one()
            return lambda file: not inner(file)
        if self._peek() == "(":
            self._next()
            inner = self._alternatives()
            self._next("sign", ")")
            return inner
        if self.tokens and self.tokens[0][0] == "text":
            return self._membership()
        return self._comparison(self._next("word"))

    def _membership(self):
        value = self._text()
        self._next("word", "in")
        field = self._next("word", "parents", "owners", "writers", "readers")
        if field != "parents":
            return lambda file: True
        wanted = self.root if value == "root" else value
        if not self.depth:
            self.required["parent"] = wanted
        return lambda file: wanted in file.parents

    def _comparison(self, field):
        if field in ("properties", "appProperties"):
            return self._property()
        operator = self._next(None, "contains", "=", "!=", "<", "<=", ">", ">=")
        if field in TEXT_FIELDS:
            return self._text_comparison(field, operator, self._text())
        if field in TRUTH_FIELDS:
            if operator not in ("=", "!="):
                raise ValueError("q")
            wanted = (self._next("word", "true", "false") == "true") == (operator == "=")
            return lambda file: (file.trashed_now() if field == "trashed" else False) == wanted
        if field in TIME_FIELDS and operator != "contains":
            value = self._text()
            return lambda file: {"=": file.modified == value, "!=": file.modified != value, "<": file.modified < value, "<=": file.modified <= value,
                                 ">": file.modified > value, ">=": file.modified >= value}[operator]
        raise ValueError("q")

    def _text_comparison(self, field, operator, value):
        if operator not in (("contains",) if field == "fullText" else ("contains", "=", "!=")):
            raise ValueError("q")
        if field == "mimeType":
            return lambda file: {"=": file.mime_type == value, "!=": file.mime_type != value, "contains": value in file.mime_type}[operator]
        if operator == "=" and not self.depth:
            self.required["name"] = value.lower()
        folded = value.lower()  # `name =` does not tell upper from lower case; `contains` looks at beginnings only
        return lambda file: {"=": file.name.lower() == folded, "!=": file.name.lower() != folded,
                             "contains": file.name.lower().startswith(folded)}[operator]

    def _property(self):
        self._next("word", "has")
        self._next("sign", "{")
        self._next("word", "key")
        self._next("sign", "=")
        key = self._text()
        self._next("word", "and")
        self._next("word", "value")
        self._next("sign", "=")
        value = self._text()
        self._next("sign", "}")
        return lambda file: file.properties.get(key) == value


FILE = {"kind", "id", "name", "mimeType", "description", "starred", "trashed", "explicitlyTrashed", "parents", "properties", "appProperties", "spaces", "version",
        "webContentLink", "webViewLink", "createdTime", "modifiedTime", "viewedByMeTime", "owners", "driveId", "teamDriveId", "shared", "ownedByMe", "capabilities",
        "originalFilename", "fullFileExtension", "fileExtension", "md5Checksum", "sha1Checksum", "sha256Checksum", "size", "quotaBytesUsed", "headRevisionId",
        "thumbnailLink", "exportLinks", "shortcutDetails", "lastModifyingUser", "resourceKey", "permissions", "permissionIds", "hasThumbnail", "copyRequiresWriterPermission",
        "writersCanShare", "isAppAuthorized", "iconLink", "viewedByMe", "modifiedByMe", "modifiedByMeTime", "trashedTime", "trashingUser", "folderColorRgb", "contentHints",
        "videoMediaMetadata", "imageMediaMetadata", "sharedWithMeTime", "sharingUser", "contentRestrictions", "linkShareMetadata", "labelInfo", "inheritedPermissionsDisabled"}
LIST = {"kind": None, "incompleteSearch": None, "nextPageToken": None, "files": FILE}
ABOUT = {"kind": None, "user": {"kind", "displayName", "photoLink", "me", "permissionId", "emailAddress"},
         "storageQuota": {"limit", "usage", "usageInDrive", "usageInDriveTrash"}, "importFormats": None, "exportFormats": None, "maxImportSizes": None,
         "maxUploadSize": None, "appInstalled": None, "folderColorPalette": None, "driveThemes": None, "canCreateDrives": None, "teamDriveThemes": None,
         "canCreateTeamDrives": None}


def parse_fields(text):
    """{name: None or the same for what is inside}."""
    found, at = _selection(text, 0)
    if at != len(text):
        raise ValueError("fields")
    return found


def _selection(text, at):
    found = {}
    while True:
        match = re.compile(r"\s*([A-Za-z0-9_]+|\*)\s*").match(text, at)
        if not match:
            raise ValueError("fields")
        name, at = match.group(1), match.end()
        inner = None
        if text[at:at + 1] == "/":
            part = re.compile(r"([A-Za-z0-9_]+|\*)\s*").match(text, at + 1)
            if not part:
                raise ValueError("fields")
            inner, at = {part.group(1): None}, part.end()
        elif text[at:at + 1] == "(":
            inner, at = _selection(text, at + 1)
            if text[at:at + 1] != ")":
                raise ValueError("fields")
            at += 1
        found[name] = inner
        if text[at:at + 1] != ",":
            return found, at
        at += 1


def check_fields(wanted, schema):
    """Refuses a name that the schema has not."""
    for name, inner in wanted.items():
        if name != "*" and name not in schema:
            raise ValueError("fields")
        below = schema.get(name) if isinstance(schema, dict) else None
        if inner and below:
            check_fields(inner, below)


def select(value, wanted):
    if wanted is None or "*" in wanted:
        return value
    if isinstance(value, list):
        return [select(one, wanted) for one in value]
    return {name: select(value[name], inner) for name, inner in wanted.items() if name in value}


ORDERS = {"createdTime": "created", "modifiedTime": "modified", "name": "name", "name_natural": "name", "folder": "is_folder", "quotaBytesUsed": "size"}


def sort(files, order):
    """In the order that orderBy asks for; ties by id, so that pages don't overlap."""
    files = sorted(files, key=lambda file: file.id)
    for part in reversed([part.split() for part in order.split(",")] if order else []):
        if len(part) not in (1, 2) or part[0] not in ORDERS or part[1:] not in ([], ["desc"]):
            raise ValueError("orderBy")
        files.sort(key=lambda file: getattr(file, ORDERS[part[0]]), reverse=bool(part[1:]))
    return files
