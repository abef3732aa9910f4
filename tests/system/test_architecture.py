"""Arrows go down only: what a layer includes is what it may know. The layers and why stand in ARCHITECTURE.md."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "src/modelfloat"

# Each layer with those right below it; what these know it knows too.
BELOW = {
    "base": [],
    "domain": ["base"],
    "formats": ["domain"],
    "codec": ["domain"],
    "crypto": ["domain"],
    "erasure": ["base"],
    "placement": ["domain"],
    "registry": ["domain"],
    "store": ["crypto"],
    "fragment": ["formats"],
    "mf1": ["codec", "crypto", "erasure"],
    "transfer": ["store", "registry", "placement", "fragment", "mf1"],
    "engine": ["transfer"],
    "runner": ["formats"],
    "inference": ["engine", "runner"],
    "server": ["inference"],
    "cli": ["inference", "server"],
}
# The rooms of large layers: each may include itself and those to its left.
ROOMS = {
    "transfer": ["stores", "ask", "packs"],
    "engine": ["pool", "manifest", "catalogue", "pull", "push", "upkeep"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*["<](modelfloat/)?([^">]+)[">]', re.MULTILINE)


def reach(layer):
    return {layer}.union(*(reach(lower) for lower in BELOW[layer]))


def sources(layer="*"):
    return [path for path in SOURCES.glob(f"{layer}/**/*") if path.suffix in (".h", ".cpp")]


def test_every_folder_is_a_layer():
    assert {path.name for path in SOURCES.iterdir() if path.is_dir()} == set(BELOW)


def test_arrows_go_down():
    wrong = []
    for layer in BELOW:
        allowed = reach(layer)
        for path in sources(layer):
            for ours, name in INCLUDE.findall(path.read_text()):
                if ours and name.split("/")[0] not in allowed:
                    wrong.append(f"{path.relative_to(SOURCES)} includes {name}")
    assert wrong == []


def test_arrows_between_rooms_go_down():
    wrong = []
    for layer, rooms in ROOMS.items():
        assert {path.name for path in (SOURCES / layer).iterdir() if path.is_dir()} == set(rooms)
        assert [path.name for path in (SOURCES / layer).iterdir() if path.is_file()] == ["CMakeLists.txt"]
        for place, room in enumerate(rooms):
            for path in sources(f"{layer}/{room}"):
                for ours, name in INCLUDE.findall(path.read_text()):
                    other = name.split("/")
                    if ours and other[0] == layer and other[1] not in rooms[:place + 1]:
                        wrong.append(f"{path.relative_to(SOURCES)} includes {name}")
    assert wrong == []


def test_link_lines_are_the_arrows():
    for layer, below in BELOW.items():
        text = (SOURCES / layer / "CMakeLists.txt").read_text()
        line = re.search(r"modelfloat_library\(" + layer + r"\b([^)]*)\)", text).group(1)
        depends = re.search(r"DEPENDS\s+([a-z0-9_\s]*?)(?:PRIVATE|$)", line)
        assert sorted(depends.group(1).split() if depends else []) == sorted(below), layer


# Foreign headers that cost seconds to compile, or that only one place should know: (header, files that may include it).
KEPT_APART = [
    (r"boost/(beast|asio)", r"server/http/http_(server|head)\.cpp|runner/unix_http\.cpp"),
    (r"curl/", r"store/http/.*\.cpp"),
    (r"expat", r"store/xml_reader\.cpp"),
    (r"nlohmann/json\.hpp", r"(server|cli|runner|store)/.*\.cpp"),
    (r"spdlog/", r"base/log\.cpp"),
    (r"(soci|sqlite3)", r"registry/sqlite/connection\.cpp"),
    (r"zstd\.h", r"codec/zstd\.cpp"),
    (r"isa-l", r"erasure/reed_solomon\.cpp"),
    # What a single provider's protocol wants of OpenSSL, and nothing else does, stays with that provider.
    (r"openssl/", r"crypto/.*\.cpp|store/(drive/jwt|mega/cipher|mega/login_crypto)\.cpp"),
    (r"sodium", r"crypto/.*\.cpp"),
    (r"blake3", r"crypto/hash\.cpp"),
    (r"toml\+\+", r"cli/home\.cpp"),
    (r"CLI/", r"cli/command_line\.h"),
    (r"gtest", r"$."),
]


def test_foreign_headers_stay_where_they_belong():
    wrong = []
    for path in sources():
        for ours, name in INCLUDE.findall(path.read_text()):
            for header, places in KEPT_APART:
                if not ours and re.match(header, name) and not re.fullmatch(places, str(path.relative_to(SOURCES))):
                    wrong.append(f"{path.relative_to(SOURCES)} includes {name}")
    assert wrong == []


def test_only_the_programs_know_concrete_stores():
    """Others get theirs as a parameter."""
    concrete = re.compile(r"store/(store_factory|local/local_store|memory/memory_store)\.h|registry/sqlite/.*\.h")
    for path in sources():
        layer, *folders, _ = path.relative_to(SOURCES).parts
        if layer in ("cli", "store") or (layer == "registry" and folders):
            continue
        for ours, name in INCLUDE.findall(path.read_text()):
            assert not concrete.fullmatch(name), f"{path.relative_to(SOURCES)} includes {name}"


def test_pure_layers_have_no_files_sockets_or_threads():
    """Bytes in, bytes out; most tests live there."""
    forbidden = re.compile(r"(fstream|filesystem|thread|mutex|sys/socket\.h|fcntl\.h|unistd\.h|curl/.*)")
    for layer in ("domain", "formats", "fragment", "codec", "erasure", "placement", "mf1"):
        for path in sources(layer):
            for ours, name in INCLUDE.findall(path.read_text()):
                assert ours or not forbidden.fullmatch(name), f"{path.relative_to(SOURCES)} includes {name}"


def test_the_engine_has_its_time_from_outside():
    """It can run in virtual time: no clock but the one that it is given, and no wait but by that one, for what stores answer."""
    forbidden = re.compile(r"(steady|system)_clock::now|SystemClock\b|this_thread::|\bwait(_for|_until)?\(lock|check_cancelled\([^,;]*,[^,;]*\);")
    for folder in ("transfer", "engine", "store/wrap"):
        for path in sources(folder):
            text = path.read_text()
            if path.name == "download.cpp":  # waits for tasks of the CPU, which nobody's answer can delay
                text = text.replace("freed_.wait(lock", "")
            for line in text.splitlines():
                assert not forbidden.search(line), f"{path.relative_to(SOURCES)}: {line.strip()}"


def test_only_catch_up_brings_a_pool_up_to_date():
    """Its header has a table of which job needs what. PoolLog and Documents, which it calls, recheck stores as a part of their work."""
    steps = re.compile(r"\blog(\(\))?\.sync\(|\bupdate_catalogue\(|\.recheck\(|\bwait_for_checks\(|\bwait_until_decided\(")
    callers = {}
    for layer in ("engine", "inference", "server", "cli"):
        for path in sources(layer):
            if found := {match[0] for match in steps.finditer(re.sub(r"//.*", "", path.read_text()))}:
                callers[str(path.relative_to(SOURCES / layer))] = found
    assert callers.pop("catalogue/catch_up.cpp")
    assert callers.pop("pool/pool_log.cpp") == callers.pop("pool/documents.cpp") == {".recheck(", "wait_for_checks("}
    assert callers.pop("upkeep/recover.cpp") == {"log.sync("}  # before there is a pool
    assert callers.pop("upkeep/maintenance_repair.cpp") == {"wait_until_decided("}  # without a pool
    assert all(found == {"update_catalogue("} for found in callers.values()) and len(callers) == 2, callers  # who defines it


def test_nobody_prints_but_the_programs():
    for path in sources():
        layer = path.relative_to(SOURCES).parts[0]
        if layer != "cli" and path.name != "log.cpp":
            assert not re.search(r"#include <(iostream|print)>|std::(cout|cerr)\b|\bprintf\(", path.read_text()), path.relative_to(SOURCES)


def test_quickstart_installs_no_server():
    """The package apache2 would start one on port 80, of a machine that only wanted to see a demo."""
    lists = dict(re.findall(r"^(\w+)_packages=\(([^)]*)\)", (ROOT / "tools/setup/packages").read_text(), re.MULTILINE))
    assert "apache2-bin" in lists["servers"].split()
    [wanted] = re.findall(r"^tools/setup/packages (.*)", (ROOT / "quickstart").read_text(), re.MULTILINE)
    assert wanted == "run build test ${kinds:+servers}"
    for name, packages in lists.items():
        assert "apache2" not in packages.split(), name
        assert name == "servers" or not any(package.startswith("apache2") for package in packages.split()), name
