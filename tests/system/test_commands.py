"""The commands as scripts use them: what they print, and how they end."""
import os
import re
import subprocess

import pytest

from program import PROGRAM, Exit, Home, Site, become, hashes, program_for_everybody, same
from samples import MIB, random_bytes, random_file

SIZE = 5 * MIB + 12345


@pytest.fixture(scope="module")
def filled(module_site):
    site = module_site
    folder = site.base / "net"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(random_bytes(SIZE, 1))
    (folder / "sub/config.json").write_text('{"layers": 3}')
    (folder / "empty").write_bytes(b"")
    site.pushed = site.push(folder, "lab/net:v1", "--description", "a net", "--framework", "torch")
    return site


def test_push_says_what_it_did(filled):
    assert filled.pushed.keys() >= {"model", "revision", "bytes", "new_bytes", "stored_bytes", "fragments", "packs", "seconds"}
    assert filled.pushed["model"] == "lab/net:v1"
    assert re.fullmatch("[0-9a-f]{40}", filled.pushed["revision"])
    assert filled.pushed["bytes"] == filled.pushed["new_bytes"] == SIZE + 13
    assert filled.pushed["stored_bytes"] >= 1.5 * SIZE


def test_ls(filled):
    model = filled.models()["lab/net"]
    assert model.keys() >= {"id", "name", "description", "framework", "size_bytes", "created_at", "revision", "tags", "fragments", "stores",
                            "health"}
    assert (model["description"], model["framework"], model["size_bytes"]) == ("a net", "torch", SIZE + 13)
    assert model["tags"] == ["v1"] and model["stores"] == 6 and model["health"] == "sound"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", model["created_at"])
    assert "/" not in model["id"]
    assert "lab/net" in filled.ok("ls").text and "lab/net" in filled.ok("ls", "net").text
    assert filled.json("ls", "no such thing")["models"] == []


def test_show(filled):
    shown = filled.json("show", "lab/net:v1")
    files = {file["path"]: file for file in shown["files"]}
    assert {path: file["sha256"] for path, file in files.items()} == hashes(filled.base / "net")
    assert files["weights.bin"]["size_bytes"] == SIZE and files["empty"]["fragments"] == 0
    assert shown["redundancy"] == ["4+2"] and len(shown["places"]) == 6
    assert sum(place["shards"] for place in shown["places"]) == 6 * shown["packs"]
    text = filled.ok("show", shown["id"]).text
    assert "weights.bin" in text and files["weights.bin"]["sha256"] in text
    filled.run("show", "lab/nothing", code=Exit.NOT_FOUND)
    filled.run("show", "lab/net:v9", code=Exit.NOT_FOUND)


def test_status(filled):
    status = filled.json("status")
    assert status["pool_id"] == filled.pool_id and status["models"] >= 1 and status["policy"]["k"] == 4
    assert {store["name"]: store["online"] for store in status["stores"]} == {f"s{index}": True for index in range(6)}
    assert all(store["used_bytes"] is None or store["used_bytes"] > 0 for store in status["stores"])
    assert filled.pool_id in filled.ok("status").text


def test_pull_targets(filled):
    folder = filled.base / "targets"
    folder.mkdir()
    done = filled.json("pull", "lab/net:v1", "-o", folder / "new")
    assert done.keys() >= {"path", "model", "revision", "bytes", "seconds"} and done["path"] == str(folder / "new")
    assert hashes(folder / "new") == hashes(filled.base / "net")
    one = random_file(filled.base / "one.bin", 1000, 7)
    filled.push(one, "lab/one")
    assert filled.json("pull", "lab/one", "-o", folder)["path"] == str(folder / "one.bin")
    filled.ok("pull", "lab/one", "-o", folder / "renamed")
    assert hashes(folder / "renamed") == hashes(one)
    filled.run("pull", "lab/net:v1", "-o", folder / "renamed", code=Exit.ERROR)  # a file is in the way of a folder
    filled.ok("pull", "lab/one")
    assert (filled.work / "one.bin").read_bytes() == one.read_bytes()
    filled.run("pull", "lab/one", "-o", "/proc/nowhere/file", code=Exit.NOT_FOUND)
    filled.run("pull", "lab/nothing", "-o", folder / "x", code=Exit.NOT_FOUND)
    assert not (folder / "x").exists()


@pytest.mark.parametrize("offset, length", [
    (0, 0), (0, 1), (0, SIZE), (SIZE - 1, 1), (SIZE, 0), (SIZE, 10), (SIZE + 1, 1), (2**63, 1), (0, 2**63), (MIB - 1, 2), (MIB, MIB), (1, SIZE),
    (4 * MIB - 100, 200), (SIZE - 5, 1000), (3, None), (None, 7), (None, None)])
def test_cat(filled, offset, length):
    options = ([] if offset is None else ["--offset", offset]) + ([] if length is None else ["--length", length])
    done = filled.run("cat", "lab/net:v1", "weights.bin", *options)
    content = (filled.base / "net/weights.bin").read_bytes()
    begin = offset or 0
    assert same(done.out, content[begin:None if length is None else begin + length])
    assert done.code == Exit.OK


def test_cat_of_all_files(filled):
    assert filled.ok("cat", "lab/net:v1", "sub/config.json").text == '{"layers": 3}'
    assert filled.ok("cat", "lab/net:v1", "empty").out == b""
    filled.run("cat", "lab/net:v1", "not-there", code=Exit.NOT_FOUND)
    filled.run("cat", "lab/net:v1", "../weights.bin", code=Exit.NOT_FOUND)


def test_cat_into_a_pipe_that_closes(filled):
    process = filled.start("cat", "lab/net:v1", "weights.bin", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(60) == Exit.ERROR
    process.stderr.close()


def test_no_room_for_the_output(filled):
    with open("/dev/full", "wb") as full:
        assert filled.start("ls", "--json", stdout=full, stderr=subprocess.DEVNULL).wait(60) == Exit.ERROR
        assert filled.start("cat", "lab/net:v1", "weights.bin", stdout=full, stderr=subprocess.DEVNULL).wait(60) == Exit.ERROR


@pytest.mark.parametrize("arguments", [
    [], ["frobnicate"], ["push"], ["pull"], ["init", "--frob"], ["init", "--redundancy", "4"], ["init", "--redundancy", "4+9"],
    ["init", "--redundancy", "17+1"], ["init", "--redundancy", "0+2"], ["init", "--redundancy", "4+2", "--survive", "2"],
    ["init", "--survive", "-1"], ["push", "x", "--redundancy", "a+b"], ["push", "x", "--name", "../.."], ["push", "x", "--name", "a/b/c"],
    ["push", "x", "--name", ""], ["push", "x", "--name", "api/x"], ["push", "x", "--name", "XET/x:v1"], ["pull", "a b"], ["cat", "lab/net"], ["cat", "lab/net", "f", "--offset", "-1"],
    ["cat", "lab/net", "f", "--length", "x"], ["run", "lab/net"], ["run", "lab/net", "p", "-n", "0"], ["run", "lab/net", "p", "--temperature", "-1"],
    ["serve", "--listen", "nowhere"], ["serve", "--listen", "127.0.0.1:99999"], ["token", "create"], ["token", "create", "--scope", "all"],
    ["token"], ["store"], ["store", "add", "x"], ["recover"], ["verify", "a", "b"], ["ls", "--key-file", "a", "--passphrase-file", "b"],
    ["rm"], ["show"], ["run", "lab/net", "p", "--temperature", "2.1"], ["store", "add", "", "local:x"], ["store", "add", " ", "local:x"],
    ["cat", "lab/net", "f", "--offset", "18446744073709551616"],
    *([*command, "--capacity", size] for size in ("-5", "18446744073709551611", "18446744073709551616", "1.5XB", "")
      for command in (["store", "add", "x", "local:x"], ["store", "set", "s0"], ["recover", "--key-file", "f", "--store", "local:x"]))],
    ids=" ".join)
def test_usage_errors(filled, arguments):
    done = filled.run(*arguments, code=Exit.USAGE)
    assert done.out == b"" and done.err != "", done


@pytest.mark.parametrize("arguments, complaint", [
    (["bogus"], "bogus: no such command"), (["--json", "bogus", "--name", "x"], "bogus: no such command"), (["store", "bogus"], "store bogus: no such command"),
    (["cat", "lab/net", "f", "--offset", "-1"], "--offset: '-1' is not a whole number"), (["cat", "lab/net", "f", "--length", "1.5"], "--length: '1.5' is not"),
    (["store", "add", "", "local:x"], "name: it must not be empty"), (["store", "set", "s0", "--capacity", "-5"], "-5: a size is like"),
    ([], "subcommand is required"), (["store"], "subcommand is required"), (["push"], "path is required")], ids=str)
def test_usage_errors_say_what_is_wrong(filled, arguments, complaint):
    done = filled.run(*arguments, code=Exit.USAGE)
    assert complaint in done.err and len(done.err) < 200, done


def test_help_is_a_command_too(filled):
    assert filled.ok("help").text == filled.ok("--help").text
    assert filled.ok("help", "store", "add").text == filled.ok("store", "add", "--help").text != filled.ok("help").text


def test_sizes_of_stores(site):
    def capacities():
        return {store["name"]: store["capacity_bytes"] for store in site.json("store", "ls")["stores"]}

    site.ok("store", "add", "extra", f"local:{site.base}/extra", "--capacity", "2TiB")
    site.ok("store", "set", "s0", "--capacity", "1.5GB")
    site.ok("store", "set", "s1", "--capacity", "500G")
    found = capacities()
    assert (found["extra"], found["s0"], found["s1"], found["s2"]) == (2 << 40, 1_500_000_000, 500_000_000_000, 0)


def test_an_offline_store_is_told_once(site):
    with site.gone(site.stores[0], site.stores[3]):
        for options in ((), ("--quiet",)):
            done = site.run(*options, "status", code=Exit.DEGRADED)
            said = done.text + done.err
            assert said.count("the folder is not there") == 2, done
            assert re.search("^s0 +offline", done.text, re.MULTILINE) and re.search("^s3 +offline", done.text, re.MULTILINE), done


def test_help_and_version(filled):
    for arguments in (["--help"], ["push", "--help"], ["store", "add", "--help"]):
        assert "modelfloat" in filled.ok(*arguments).text
    assert re.match(r"modelfloat \d+\.\d+\.\d+", filled.ok("--version").text)


def test_without_a_pool(base):
    home = Home(base)
    for arguments in (["ls"], ["status"], ["verify"], ["pull", "a/b"], ["push", "/etc/hostname"], ["rm", "a/b"], ["store", "ls"],
                      ["token", "create", "--scope", "read"], ["serve", "--listen", "127.0.0.1:0"]):
        done = home.run("--json", *arguments, seconds=30)
        assert done.code == Exit.NOT_FOUND, done
        assert done.json["error"]["kind"] == "not_found" and "init" in done.err


def test_init(base):
    home = Home(base)
    made = home.json("init", "--survive", "2")
    assert re.fullmatch("[0-9a-f]{32}", made["pool_id"])
    assert re.fullmatch("([a-z2-7]{7}-){7}[a-z2-7]{7}", made["recovery_code"])
    again = home.run("init", code=Exit.ERROR)  # an init that was killed may have shown nothing
    assert f"remove {home.folder / 'registry.db'} and run init again" in again.err, again
    assert home.json("status")["pool_id"] == made["pool_id"]
    assert home.json("status")["policy"]["survive"] == 2
    other = Home(base, "other")
    key = base / "my-key"
    other.ok("init", "--key-file", key)
    assert re.fullmatch("modelfloat-key-1 [0-9a-f]{64}\n", key.read_text()) and key.stat().st_mode & 0o777 == 0o600
    other.ok("status")  # it is remembered where the key is
    key.rename(base / "moved")
    other.run("status", code=Exit.NOT_FOUND)
    other.ok("status", "--key-file", base / "moved")


def test_wrong_keys(base):
    site, other = Site(base, stores=1, redundancy="1+0"), Site(base / "other", stores=1, redundancy="1+0")
    done = site.run("--json", "ls", "--key-file", other.folder / "key", code=Exit.DENIED)
    assert done.json["error"]["kind"] == "denied"
    (base / "garbage").write_text("no key")
    assert site.run("ls", "--key-file", base / "garbage").code in (Exit.ERROR, Exit.DENIED)
    (base / "phrase").write_text("a passphrase that nobody set\n")
    site.run("ls", "--passphrase-file", base / "phrase", code=Exit.DENIED)
    site.ok("ls")


def test_nobody_is_asked_without_a_terminal(base):
    secret = base / "passphrase"
    secret.write_text("correct horse battery staple\n")
    home = Home(base)
    home.ok("init", "--passphrase-file", secret)
    done = home.run("ls", code=Exit.DENIED, seconds=30)
    assert "passphrase" in done.err.lower()


def test_survive_chooses_a_code(base):
    home = Home(base)
    home.ok("init", "--survive", "2")
    for index in range(6):
        home.ok("store", "add", f"s{index}", f"local:{base}/s{index}")
    file = random_file(base / "a.bin", 3 * MIB, 1)
    home.json("push", file, "--name", "lab/a")
    [redundancy] = home.json("show", "lab/a")["redundancy"]
    k, m = map(int, redundancy.split("+"))
    assert m >= 2 and k >= 2, redundancy


def test_failures_in_json(filled):
    done = filled.run("--json", "pull", "lab/nothing", code=Exit.NOT_FOUND)
    assert done.json["error"].keys() == {"kind", "where", "message"} and done.err != ""
    assert filled.run("push", "/nowhere/at/all", "--name", "lab/x").code == Exit.NOT_FOUND
    assert filled.run("--json", "push", "/nowhere/at/all", "--name", "lab/x").json["error"]["kind"] == "not_found"


def test_no_error_in_json_among_the_bytes_of_a_file(filled):
    done = filled.run("--json", "cat", "lab/net:v1", "not-there", code=Exit.NOT_FOUND)
    assert done.out == b"" and "not-there" in done.err


def refused_push(site, path):
    """What it says of a push that must be refused without a trace."""
    done = site.run("push", path, "--name", "lab/odd", code=Exit.ERROR, seconds=60)
    assert "lab/odd" not in site.models()
    return done.err


@pytest.mark.parametrize("make, complaint", [
    (lambda path: os.mkfifo(path), "no regular file"),
    (lambda path: path.symlink_to("/dev/null"), "no regular file"),
    (lambda path: path.symlink_to("nowhere"), "not there"),
    (lambda path: path.symlink_to("sub"), "link to a folder"),
    (lambda path: path.symlink_to("."), "link to a folder"),
], ids=["a pipe", "a link to a device", "a dangling link", "a link to a folder", "a loop"])
def test_what_a_folder_may_not_have(filled, base, make, complaint):
    """Nothing of it is left out silently: the rest would pass for the whole model."""
    (base / "odd/sub").mkdir(parents=True)
    (base / "odd/sub/file").write_bytes(b"a file")
    make(base / "odd/it")
    said = refused_push(filled, base / "odd")
    assert str(base / "odd/it") in said and complaint in said, said


def test_what_is_no_file_to_push(filled, base):
    (base / "empty").mkdir()
    assert "no file" in refused_push(filled, base / "empty")
    os.mkfifo(base / "pipe")
    for path in (base / "pipe", "/dev/null"):
        said = refused_push(filled, path)
        assert str(path) in said and "no regular file" in said, said


def test_links_to_files_are_followed(filled, base):
    """As a snapshot of the Hub's cache has them."""
    (base / "blobs").mkdir()
    blob = random_file(base / "blobs/0123", MIB, 8)
    (base / "snapshot/sub").mkdir(parents=True)
    (base / "snapshot/model.bin").symlink_to(blob)
    (base / "snapshot/sub/copy.bin").symlink_to("../../blobs/0123")
    filled.push(base / "snapshot", "lab/linked")
    [content] = hashes(blob).values()
    assert filled.pull("lab/linked")[1] == {"model.bin": content, "sub/copy.bin": content}
    (base / "whole").symlink_to(base / "snapshot")
    assert filled.push(base / "whole", "lab/linked")["new_bytes"] == 0


@pytest.mark.parametrize("options", [(), ("--json",)], ids=" ".join)
def test_what_is_left_out_is_named(filled, base, options):
    folder = base / "clone"
    for path in (".git/objects/pack", ".cache/huggingface/it", "sub/.git/config", "sub/file", ".gitattributes"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    done = filled.ok("push", folder, "--name", "lab/clone", *options)
    assert "left out: .cache/, .git/, sub/.git/\n" in done.err, done
    assert filled.pull("lab/clone")[1].keys() == {"sub/file", ".gitattributes"}
    said = filled.ok("push", "--help").text
    assert ".git" in said and ".cache" in said and "links to folders" in " ".join(said.split())


def test_data_on_stdout_and_the_rest_on_stderr(filled):
    file = random_file(filled.base / "quiet.bin", MIB, 5)
    done = filled.ok("push", file, "--name", "lab/quiet", "--quiet")
    assert done.err == "" and re.fullmatch("lab/quiet@[0-9a-f]{40}\n", done.text), done
    done = filled.ok("--quiet", "pull", "lab/quiet", "-o", filled.base / "q")
    assert done.err == "" and done.text == f"{filled.base}/q\n"


def test_default_name(filled):
    file = random_file(filled.base / "My Net.v2.bin", 1000, 6)
    assert filled.json("push", file)["model"] == "library/My-Net.v2:latest"
    folder = filled.base / "my folder.v3"
    folder.mkdir()
    (folder / "file").write_bytes(b"a file")
    assert filled.json("push", f"{folder}/")["model"] == "library/my-folder.v3:latest"


def test_two_files_do_not_become_one_model_silently(site, base):
    """Other files may come to the same name; the second took the first one's tag."""
    first, second = base / "模-v2.gguf", base / "数-v2.gguf"
    first.write_bytes(random_bytes(1000, 1))
    second.write_bytes(random_bytes(1000, 2))
    assert site.json("push", first)["model"] == "library/----v2:latest"
    refused = site.run("--json", "push", second, code=Exit.USAGE)
    assert "--name" in refused.err and "library/----v2" in refused.err and refused.json["error"]["kind"] == "invalid"
    assert site.pull("library/----v2")[1] == hashes(first)
    site.ok("push", first)  # the same content goes on being fine
    second.write_bytes(random_bytes(500, 3))
    site.run("push", second, code=Exit.USAGE)
    site.ok("push", second, "--name", "library/----v2")  # now it is meant
    site.ok("push", first)  # an earlier revision of it
    assert site.pull("library/----v2")[1] == hashes(first)


def test_a_name_without_a_letter_of_the_files_own_is_refused(site, base):
    file = base / "模型.gguf"
    file.write_bytes(b"weights")
    refused = site.run("push", file, code=Exit.USAGE)
    assert "--name" in refused.err
    assert site.models() == {}


def test_a_changed_folder_needs_a_name(site, base):
    folder = base / "net"
    folder.mkdir()
    (folder / "a").write_bytes(b"1")
    site.ok("push", folder)
    site.ok("push", folder)
    (folder / "b").write_bytes(b"2")
    site.run("push", folder, code=Exit.USAGE)
    (folder / "b").unlink()
    (folder / "a").rename(folder / "c")
    site.run("push", folder, code=Exit.USAGE)


@pytest.mark.parametrize("arguments", [["ls"], ["status"], ["push", "/etc/hostname"], ["init"]], ids=" ".join)
def test_a_home_that_may_not_be_read_is_denied_in_plain_words(base, arguments):
    """It was "filesystem error: status: Permission denied" and exit code 1."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    base.chmod(0o755)
    locked = base / "locked"
    (locked / "home").mkdir(parents=True)
    locked.chmod(0o700)
    with program_for_everybody() as program:
        done = subprocess.run([program, *arguments], env={"MODELFLOAT_HOME": f"{locked}/home"}, cwd="/", capture_output=True, text=True, timeout=60,
                              preexec_fn=become(65534))
    assert done.returncode == Exit.DENIED and "Permission denied" in done.stderr and "filesystem error" not in done.stderr, done
    assert str(locked) in done.stderr


def test_nothing_of_a_model_steers_the_terminal(site, base):
    """Cards and file names come from others; a terminal obeys what is in them."""
    folder = base / "net"
    folder.mkdir()
    (folder / "gpj.\u202eexe").write_bytes(b"1")
    site.push(folder, "lab/net", "--description", "\x1b]0;owned\x07\x1b[2J nice", "--framework", "a\u009b31m")
    for arguments in (["ls"], ["show", "lab/net"], ["verify"], ["status"], ["cat", "lab/net", "no\x1b[2Jfile"]):
        done = site.run(*arguments)
        for text in (done.out.decode(), done.err):
            assert not any(mark in text for mark in ("\x1b", "\x07", "\u009b", "\u202e")), done
    shown = site.json("show", "lab/net")  # JSON stays exact
    assert shown["description"] == "\x1b]0;owned\x07\x1b[2J nice" and shown["files"][0]["path"] == "gpj.\u202eexe"


def test_tokens(filled):
    made = filled.json("token", "create", "--scope", "read")
    assert re.fullmatch("hf_[A-Za-z0-9]{40}", made["token"])
    assert {token["id"]: token["scope"] for token in filled.json("token", "ls")["tokens"]}[made["id"]] == "read"
    for path in filled.folder.rglob("*"):
        assert not path.is_file() or made["token"].encode() not in path.read_bytes()
    filled.ok("token", "rm", made["id"])
    filled.run("token", "rm", made["id"], code=Exit.NOT_FOUND)
    assert made["id"] not in filled.ok("token", "ls").text


def test_many_commands_at_once(filled):
    """Commands of one home may run at the same time."""
    files = [random_file(filled.base / f"at-once-{number}.bin", 3 * MIB, 60 + number) for number in range(4)]
    started = [filled.start("push", file, "--name", f"lab/{file.stem}", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for file in files]
    started += [filled.start("ls", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(3)]
    for process in started:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
    for file in files:
        assert filled.pull(f"lab/{file.stem}")[1] == hashes(file)


def test_the_program_needs_nothing_of_the_build_folder():
    linked = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert "not found" not in linked and str(PROGRAM.parents[1]) not in linked
