"""Apache's mod_dav with a configuration of its own, rclone's WebDAV server, and before Apache the proxy that fails as it is told."""
import base64
import hashlib
import os
import pwd
import shutil
import subprocess

from fault_proxy import FaultProxy
from process import Server, Servers, answers, free_port
from tools import tool

USER, PASSWORD = "tester", "only: a \"test\""

CONFIGURATION = """
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
LogLevel warn
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
User {user}
Group {group}
{modules}
KeepAlive On
MaxKeepAliveRequests 0
DocumentRoot {folder}/data
DavLockDB {folder}/locks
LimitRequestBody 0
<Location />
  Require all denied
</Location>
<Location /basic>
  Dav On
  AuthType Basic
  AuthName "basic"
  AuthUserFile {folder}/basic
  Require valid-user
</Location>
<Location /digest>
  Dav On
  AuthType Digest
  AuthName "digest"
  AuthDigestProvider file
  AuthUserFile {folder}/digest
  Require valid-user
</Location>
"""


def start_apache(folder, environment):
    program = shutil.which("apache2") or shutil.which("apache2", path="/usr/sbin")
    if program is None:
        raise RuntimeError("apache2 is not installed: run ./test, or tools/setup/packages servers")
    user = pwd.getpwuid(os.geteuid())
    if user.pw_uid == 0:  # which Apache refuses to serve as
        user = pwd.getpwnam("www-data")
        folder.parent.chmod(0o711)
    for name in ("data/basic", "data/digest"):
        (folder / name).mkdir(parents=True)
    sha1 = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (folder / "basic").write_text(f"{USER}:{{SHA}}{sha1}\n")
    (folder / "digest").write_text(f"{USER}:digest:{hashlib.md5(f'{USER}:digest:{PASSWORD}'.encode()).hexdigest()}\n")
    modules = "mpm_event authn_core authn_file authz_core authz_user auth_basic auth_digest dav dav_fs".split()
    port = free_port()
    (folder / "httpd.conf").write_text(CONFIGURATION.format(
        folder=folder, port=port, user=user.pw_name, group=f"#{user.pw_gid}",
        modules="\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in modules)))
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", folder], check=True)
    server = Server("apache2", [program, "-f", folder / "httpd.conf", "-D", "FOREGROUND"], folder / "apache.log", environment, lambda: answers(port))
    environment["MODELFLOAT_TEST_WEBDAV"] = f"http://127.0.0.1:{port}"
    environment["MODELFLOAT_TEST_WEBDAV_FOLDER"] = str(folder / "data")
    return server, port


def start_rclone(folder):
    port = free_port()
    (folder / "rclone-data").mkdir()
    environment = dict(os.environ, RCLONE_CONFIG=str(folder / "rclone.conf"), RCLONE_USER=USER, RCLONE_PASS=PASSWORD, RCLONE_CACHE_DIR=str(folder / "rclone-cache"))
    rclone = tool("rclone")
    return Server("rclone", [rclone, "serve", "webdav", folder / "rclone-data", "--addr", f"127.0.0.1:{port}", "--dir-cache-time", "1s"], folder / "rclone.log",
                  {"MODELFLOAT_TEST_WEBDAV_RCLONE": f"http://127.0.0.1:{port}", "MODELFLOAT_TEST_RCLONE": str(rclone)}, lambda: answers(port), env=environment)


def start(folder):
    apache, port = start_apache(folder, {"MODELFLOAT_TEST_WEBDAV_USER": USER, "MODELFLOAT_TEST_WEBDAV_PASSWORD": PASSWORD})
    try:
        return Servers(apache, start_rclone(folder), FaultProxy("webdav", port))
    except BaseException:
        apache.stop()
        raise
