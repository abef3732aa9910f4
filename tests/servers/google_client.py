"""Google's own Python client against another address: google_client.py ROOT CREDENTIALS (put FOLDER NAME FILE [resumable] | get FOLDER NAME FILE | ls FOLDER | free)

FOLDER is a path below My Drive. Downloads go in pieces; an upload that is resumable goes in chunks of 1 MiB.
"""
import json
import sys
from pathlib import Path

import googleapiclient
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.http import MediaFileUpload, MediaIoBaseDownload

FOLDER = "application/vnd.google-apps.folder"


def service(root, credentials):
    document = json.loads((Path(googleapiclient.__file__).parent / "discovery_cache/documents/drive.v3.json").read_text())
    document.update(rootUrl=root + "/", baseUrl=root + "/drive/v3/")
    return build_from_document(document, credentials=Credentials(None, token_uri=root + "/token", **json.loads(Path(credentials).read_text())))


def children(drive, parent, name=None):
    query = f"'{parent}' in parents and trashed = false" + (f" and name = '{name}'" if name else "")
    request, found = drive.files().list(q=query, fields="nextPageToken, files(id, name, size, mimeType, md5Checksum)"), []
    while request is not None:
        answer = request.execute()
        found += answer["files"]
        request = drive.files().list_next(request, answer)
    return found


def folder_id(drive, path):
    parent = "root"
    for name in path.split("/"):
        found = [file for file in children(drive, parent, name) if file["mimeType"] == FOLDER]
        parent = found[0]["id"] if found else drive.files().create(body={"name": name, "parents": [parent], "mimeType": FOLDER}, fields="id").execute()["id"]
    return parent


def main():
    root, credentials, command, *arguments = sys.argv[1:]
    drive = service(root, credentials)
    if command == "free":
        quota = drive.about().get(fields="storageQuota").execute()["storageQuota"]
        print(int(quota["limit"]) - int(quota["usage"]))
        return
    parent = folder_id(drive, arguments[0])
    if command == "ls":
        for file in children(drive, parent):
            print(file["name"], file.get("size", "-"), file.get("md5Checksum", "-"))
    elif command == "put":
        media = MediaFileUpload(arguments[2], mimetype="application/octet-stream", chunksize=1 << 20, resumable=arguments[3:] == ["resumable"])
        drive.files().create(body={"name": arguments[1], "parents": [parent]}, media_body=media, fields="id").execute()
    elif command == "get":
        found = children(drive, parent, arguments[1])
        if len(found) != 1:
            sys.exit(f"{len(found)} files are called {arguments[1]}")
        with open(arguments[2], "wb") as file:
            download = MediaIoBaseDownload(file, drive.files().get_media(fileId=found[0]["id"]), chunksize=1 << 20)
            done = False
            while not done:
                _, done = download.next_chunk()
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
