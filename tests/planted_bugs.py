#!/usr/bin/env python3
"""Bugs that are planted in copies of sources, to see whether the storm (tests/engine/storm.h) catches them.

planted_bugs.py plant --out DIR      writes the changed sources and planted_bugs.inc, for a build with MODELFLOAT_PLANTED_BUGS
planted_bugs.py check                whether every piece of code that a bug replaces is there, once

Each bug replaces a piece of code of src/modelfloat. In the copy both are there, and planted_bug("name") (tests/support/planted_bug.h)
chooses at run time, so that one program has all of them. The sources themselves know nothing of it.
"""
import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "src/modelfloat"

# name: (what is wrong, file, code, code with the bug). The code with the bug is an expression or whole statements, where BUG is
# the question whether it is switched on.
BUGS = {
    "put-is-not-confirmed": (
        "what a store says that it stored counts without a look", "transfer/ask/confirmed_put.cpp",
        "    const auto info = store.stat(name, call);",
        "    const auto info = BUG ? std::optional(store::ObjectInfo{name, object.size(), std::nullopt}) : store.stat(name, call);"),
    "log-is-not-read-before-commit": (
        "the second reading of the log is left out", "engine/push/publication.cpp",
        "  read_fresh_log(pool_, call_);\n  check_condemned();\n  known_.check_stores();\n  known_.check_still_there();",
        "  if (!BUG) {\n    read_fresh_log(pool_, call_);\n    check_condemned();\n    known_.check_stores();\n    known_.check_still_there();\n  }"),
    "unfresh-log-will-do": (
        "a push goes on when too few stores gave their log", "engine/pool/pool_log_listing.cpp",
        "    return answering > 0 && all_domains.size() <= answering + survive;",
        "    return answering > 0 && (BUG || all_domains.size() <= answering + survive);"),
    "queued-counts-as-durable": (
        "a document that is only queued for a store counts as being there", "engine/pool/documents.cpp",
        "      if (store != nullptr && !do_not_count.contains(id)) having.insert(store->domain);\n    }",
        "      if (store != nullptr && !do_not_count.contains(id)) having.insert(store->domain);\n    }\n"
        "    if (BUG) {\n      for (const PoolStore* store : stores_.all()) having.insert(store->domain);\n    }"),
    "failed-list-counts-as-complete": (
        "a list that failed on the way counts as all that there is", "transfer/ask/listing.cpp",
        "    listing.complete = !answer.error;",
        "    listing.complete = BUG || !answer.error;"),
    "offline-counts-as-present": (
        "repair counts the copies that a store had when it was last seen", "transfer/ask/inventory.cpp",
        "    if (has_whole(one, pack.shard_name(index), mf1::k_header_bytes + pack.slice_bytes)) holders.push_back(one.store);",
        "    const auto known = registry_.shard_places(pack.shard_name(index));\n"
        "    const bool was_there = BUG && !one.is_complete && std::find(known.begin(), known.end(), one.store->id) != known.end();\n"
        "    if (was_there || has_whole(one, pack.shard_name(index), mf1::k_header_bytes + pack.slice_bytes)) holders.push_back(one.store);"),
    "repair-fills-full-domains": (
        "a shard is placed without regard to the others of its pack", "transfer/packs/delivery.cpp",
        "  for (const ShardPlace& place : shards_.lying) all.push_back(placed_on(",
        "  for (const ShardPlace& place : shards_.lying) if (!BUG) all.push_back(placed_on("),
    "repair-writes-wrong-bytes": (
        "a shard that is made anew has the bytes of another", "engine/upkeep/pack_repair.cpp",
        "      return one.copy.named && one.copy.index == (task.pack.k == 1 ? 0 : index);",
        "      return one.copy.named && (BUG || one.copy.index == (task.pack.k == 1 ? 0 : index));"),
    "drain-counts-the-leaving-store": (
        "what is on a store that is to go counts as being elsewhere", "engine/upkeep/shard_spread.cpp",
        "[&](const PoolStore* store) { return leaving.contains(store->id); });",
        "[&](const PoolStore* store) { return !BUG && leaving.contains(store->id); });"),
    "verify-trusts-the-size": (
        "a copy that is read counts as whole when it has bytes", "transfer/ask/copy_check.cpp",
        "fits_name(name, *bytes) ? std::nullopt",
        "BUG || fits_name(name, *bytes) ? std::nullopt"),
    "damaged-is-recorded-whole": (
        "verify enters a copy that it found damaged as whole", "engine/upkeep/verify.cpp",
        "*damage == Damage::corrupt ? CopyState::corrupt : CopyState::missing);",
        "BUG ? CopyState::whole : *damage == Damage::corrupt ? CopyState::corrupt : CopyState::missing);"),
    "commit-without-prepared": (
        "committed is written without prepared before it", "engine/push/publication.cpp",
        "  pool_.log().append({Prepared{naming}}, call_);",
        "  if (!BUG) pool_.log().append({Prepared{naming}}, call_);"),
    "removal-counts-as-complete": (
        "a removal is reported as complete that too few stores have heard of", "engine/upkeep/remove_model.cpp",
        "  removal.complete = durable && fresh;",
        "  removal.complete = BUG || (durable && fresh);"),
    "commit-counts-as-durable": (
        "a record is reported as written that too few stores have", "engine/pool/pool_log_append.cpp",
        "  documents_.require_durable({&published.record, 1}, durable_domains());",
        "  if (!BUG) documents_.require_durable({&published.record, 1}, durable_domains());"),
    "shards-are-not-hashed": (
        "a shard that repair reads is taken for what its name says", "engine/upkeep/pack_repair.cpp",
        "  if (copy.named) return crypto::blake3(bytes) == copy.object;",
        "  if (BUG) return true;\n  if (copy.named) return crypto::blake3(bytes) == copy.object;"),
    "needed-parts-are-deleted": (
        "the parts that a newer checkpoint names are deleted, too", "engine/pool/pool_log_deletion.cpp",
        "      if (*info.name.seq() <= needed.seq && !named.contains(*info.name.hash()))",
        "      if (*info.name.seq() <= needed.seq && (BUG || !named.contains(*info.name.hash())))"),
    "empty-list-is-believed": (
        "when a store lists nothing, what it listed before is forgotten", "engine/pool/pool_log_listing.cpp",
        "        const bool is_normal = !name || may_be_gone(*name, answer);",
        "        const bool is_normal = !name || (BUG && answer.objects.empty()) || may_be_gone(*name, answer);"),
    "rollback-is-not-noticed": (
        "a record that a store has no more is passed over", "engine/pool/pool_log_listing.cpp",
        "  if (!rolled_back) return;",
        "  if (!rolled_back || BUG) return;"),
    "record-is-not-journaled": (
        "from the 16th on, a log record goes to the stores before the registry has it", "engine/pool/pool_log_append.cpp",
        "  environment_.registry.add_log_records({&row, 1});",
        "  if (!BUG || row.seq < 16) environment_.registry.add_log_records({&row, 1});"),
    "done-before-the-put": (
        "a document leaves the queue before the store has taken it", "engine/pool/documents.cpp",
        "    auto sent = std::make_shared<SentObjects>();",
        "    if (BUG) {\n      for (const auto& put : puts) environment_.registry.put_done(id, put.object);\n    }\n"
        "    auto sent = std::make_shared<SentObjects>();"),
    "documents-go-to-one-store": (
        "documents are queued for the first store alone", "engine/pool/documents.cpp",
        "objects) puts.push_back({store.id, object.name.path(), object.bytes});\n  }",
        "objects) puts.push_back({store.id, object.name.path(), object.bytes});\n    if (BUG) break;\n  }"),
    "draining-stores-get-shards": (
        "a store that is draining is a place for new shards", "transfer/packs/candidates.cpp",
        "    if (target.use != StoreUse::in_use) continue;",
        "    if (!BUG && target.use != StoreUse::in_use) continue;"),
    "place-ignores-survive": (
        "any spread of the shards is valid", "placement/policy.cpp",
        "!is_valid_deal(domains, redundancy.m, survive)) continue;",
        "!is_valid_deal(domains, redundancy.m, BUG ? 0 : survive)) continue;"),
    "read-back-is-ignored": (
        "what repair wrote and does not get back counts as written", "engine/upkeep/new_copies.cpp",
        "if (!damage) {",
        "if (!damage || BUG) {"),
}


def planted(text, names):
    for name in names:
        _, file, code, bug = BUGS[name]
        if text.count(code) != 1:
            raise SystemExit(f"tests/planted_bugs.py: {name}: this is {text.count(code)} times in src/modelfloat/{file}, and not once:\n{code}")
        text = text.replace(code, bug.replace("BUG", f'test::planted_bug("{name}")'))
    return text


def changed_sources():
    """{path below src/modelfloat: the text with its bugs}"""
    files = {}
    for name, (_, file, _, _) in BUGS.items():
        files.setdefault(file, []).append(name)
    texts = {}
    for file, names in files.items():
        # The lines keep their numbers.
        texts[file] = f'#include "{ROOT}/tests/support/planted_bug.h"\n#line 1 "{SOURCES / file}"\n' + planted((SOURCES / file).read_text(), names)
    return texts


def write_if_changed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plant").add_argument("--out", required=True, type=Path)
    commands.add_parser("check")
    arguments = parser.parse_args()
    texts = changed_sources()
    if arguments.command == "plant":
        for file, text in texts.items():
            write_if_changed(arguments.out / file, text)
        rows = "".join(f"{{{json.dumps(name)}, {json.dumps(what)}}},\n" for name, (what, _, _, _) in BUGS.items())
        write_if_changed(arguments.out / "planted_bugs.inc", rows)
        print(";".join(texts))  # for CMake
    return 0


if __name__ == "__main__":
    sys.exit(main())
