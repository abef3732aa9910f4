// Parity that was added to a pack after it was made: no manifest names it, and yet it counts.

#include <algorithm>
#include <mutex>
#include <vector>

#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/crypto/hash.h"
#include "modelfloat/engine/catalogue/fragment_map.h"
#include "modelfloat/engine/catalogue/open_manifest.h"
#include "modelfloat/engine/upkeep/plan.h"
#include "modelfloat/engine/upkeep/repair.h"
#include "modelfloat/engine/upkeep/verify.h"
#include "modelfloat/mf1/shard.h"

namespace modelfloat {
namespace {

using engine::Health;
using test::Files;
using test::Machine;
using test::Threads;
using test::World;

// The field of docs/formats/mf1.md section 7, as it stands there.
unsigned multiply(unsigned a, unsigned b) {
  unsigned product = 0;
  for (; b != 0; b >>= 1) {
    if ((b & 1) != 0) product ^= a;
    a <<= 1;
    if ((a & 0x100) != 0) a ^= 0x11d;
  }
  return product;
}
unsigned inverse(unsigned a) {
  for (unsigned b = 1; b < 256; ++b) {
    if (multiply(a, b) == 1) return b;
  }
  return 0;
}

constexpr std::size_t k_data = 2;

class LaterParity : public testing::TestWithParam<Threads> {
 protected:
  LaterParity() {
    machine_.create({k_data, 1, 1});
    machine_.push("ns/model", files_);
    for (std::size_t store = 0; store < world_.size(); ++store) {
      bool holds_one = false;
      for (const auto& [path, bytes] : world_.objects(store)) {
        if (!path.starts_with("mf1/shard/")) continue;
        const mf1::ShardHeader header = mf1::parse_shard_header(bytes);
        named_.push_back({header.index, store, ObjectName::parse(path).value(), bytes});
        holds_one = true;
      }
      if (!holds_one) spare_stores_.push_back(store);
    }
    std::sort(named_.begin(), named_.end(), [](const Held& a, const Held& b) { return a.index < b.index; });
  }

  struct Held {
    std::size_t index;
    std::size_t store;
    ObjectName name;
    Bytes object;
  };

  // The whole object of parity `index`.
  Bytes parity(std::size_t index) const {
    Bytes object(named_[0].object.size(), std::byte{0});
    mf1::ShardHeader header = mf1::parse_shard_header(named_[0].object);
    header.index = static_cast<std::uint8_t>(index);
    mf1::write_shard_header(header, object);
    for (std::size_t j = 0; j < k_data; ++j) {
      std::array<std::byte, 256> times{};
      for (unsigned value = 0; value < times.size(); ++value) {
        times[value] = static_cast<std::byte>(multiply(value, inverse(static_cast<unsigned>(index ^ j))));
      }
      for (std::size_t at = mf1::k_header_bytes; at < object.size(); ++at)
        object[at] ^= times[std::to_integer<std::size_t>(named_[j].object[at])];
    }
    return object;
  }
  ObjectName put(std::size_t store, const Bytes& object) {
    const ObjectName name = ObjectName::of(ObjectType::shard, crypto::blake3(object));
    world_.inner(store).put(name, object, {});
    return name;
  }
  ObjectName add_parity(std::size_t index) { return put(spare_stores_[index % spare_stores_.size()], parity(index)); }
  void lose_all_but(std::size_t kept) {
    for (const Held& held : named_) {
      if (held.index != kept) world_.inner(held.store).remove(held.name, {});
    }
  }
  Health health(Machine& machine) { return machine.health().health; }
  engine::VerifyReport verify(bool read) { return engine::verify(machine_.pool(), {.read = read}, {}); }

  const Files files_{{"m.bin", test::random_bytes(3'000'000, 51)}};
  World world_{5};
  Machine machine_{world_, GetParam()};
  std::vector<Held> named_;                // the shards that the manifest names, by index
  std::vector<std::size_t> spare_stores_;  // without any
};

TEST_P(LaterParity, OneOfTheNamedShardsIsEnoughWithIt) {
  ASSERT_EQ(named_.size(), 3U);
  for (const std::size_t kept : {0U, 1U, 2U}) {
    for (const Held& held : named_) world_.inner(held.store).put(held.name, held.object, {});
    add_parity(3 + kept);
    lose_all_but(kept);
    EXPECT_EQ(machine_.pull("ns/model"), files_) << kept;
    machine_.reopen();
    EXPECT_EQ(machine_.pull("ns/model"), files_) << kept;
  }
}

TEST_P(LaterParity, NoneOfTheNamedShardsIsNeeded) {
  add_parity(4);
  add_parity(9);
  lose_all_but(99);
  EXPECT_EQ(machine_.pull("ns/model"), files_);
}

TEST_P(LaterParity, ARangeIsReadWithIt) {
  add_parity(3);
  lose_all_but(1);
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/model"), true, {});
  for (const std::uint64_t offset : {100'000U, 2'900'000U}) {
    Bytes got;
    engine::read_range(machine_.pool(), manifest, "m.bin", {offset, 1000}, [&](ByteSpan part) { append(got, part); },
                       {}, {});
    EXPECT_TRUE(equal(got, ByteSpan(files_.at("m.bin")).subspan(offset, 1000))) << offset;
  }
}

TEST_P(LaterParity, AnEmptyHomeFindsIt) {
  add_parity(3);
  lose_all_but(2);
  Machine other(world_, GetParam(), 5);
  other.recover(machine_.recovery_secret(), {0, 1, 2, 3, 4});
  EXPECT_EQ(health(other), Health::degraded);
  EXPECT_EQ(other.pull("ns/model"), files_);
}

TEST_P(LaterParity, VerifyCountsIt) {
  lose_all_but(0);
  EXPECT_EQ(verify(false).models.at(0).health, Health::lost);
  const std::string added = add_parity(3).path();
  const auto report = verify(true);
  EXPECT_EQ(report.models.at(0).health, Health::degraded);
  EXPECT_TRUE(report.readable());
  EXPECT_EQ(report.damaged.size(), 2U);  // what was promised is still missing
  EXPECT_EQ(health(machine_), Health::degraded);

  std::vector<std::string> shown;
  const auto manifest = engine::open_manifest(machine_.pool(), ModelRef::parse("ns/model"), true, {});
  engine::map_fragments(
      machine_.pool(), manifest,
      [&](const engine::PackView& pack) {
        for (const auto& shard : pack.shards) {
          if (shard.index == 3 && shard.state == engine::CopyPresence::present) shown.push_back(shard.object);
        }
      },
      [](const engine::FragmentView&) {}, {});
  EXPECT_EQ(shown, std::vector<std::string>{added});
}

TEST_P(LaterParity, WhatNobodyPromisedCannotBeMissing) {
  const ObjectName added = add_parity(3);
  EXPECT_TRUE(verify(true).sound());
  world_.inner(spare_stores_[1]).remove(added, {});
  const auto report = verify(true);
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(report.models.at(0).health, Health::sound);
  lose_all_but(1);
  EXPECT_EQ(verify(false).models.at(0).health, Health::lost);
}

// A header is easily copied: what does not open anything is dropped, and what is true is used.
TEST_P(LaterParity, AForgedOneIsNamedAndNeverBelieved) {
  Bytes forged = parity(3);
  for (std::size_t at = mf1::k_header_bytes; at < forged.size(); ++at) forged[at] ^= std::byte{1};
  const std::string forgery = put(spare_stores_[0], forged).path();
  lose_all_but(1);
  EXPECT_THROW(machine_.pull("ns/model"), Error);
  add_parity(4);
  machine_.reopen();
  std::mutex mutex;
  std::vector<transfer::Finding> findings;
  const auto pulled = machine_.pull("ns/model", [&](const transfer::Finding& finding) {
    const std::lock_guard lock(mutex);
    if (finding.what == transfer::Damage::corrupt) findings.push_back(finding);
  });
  EXPECT_EQ(pulled, files_);
  for (const auto& finding : findings) EXPECT_EQ(finding.object, forgery);
}

TEST_P(LaterParity, RepairGoesOnWithoutAForgedOne) {
  Bytes forged = parity(3);
  for (std::size_t at = mf1::k_header_bytes; at < forged.size(); ++at) forged[at] ^= std::byte{1};
  put(spare_stores_[0], forged);
  add_parity(4);
  lose_all_but(1);
  const auto repaired = engine::repair(machine_.pool(), {}, {});
  EXPECT_EQ(repaired.shards_written, 2U);
  EXPECT_TRUE(repaired.unrepairable.empty());
  EXPECT_EQ(machine_.pull("ns/model"), files_);
}

TEST_P(LaterParity, ManyForgedOnesProveNothing) {
  for (std::size_t index = 3; index < 6; ++index) {
    Bytes forged = parity(index);
    for (std::size_t at = mf1::k_header_bytes; at < forged.size(); ++at) forged[at] ^= std::byte{1};
    put(spare_stores_[index % spare_stores_.size()], forged);
  }
  lose_all_but(1);
  const auto plan = engine::plan_without(machine_.pool(), {}, {});
  ASSERT_EQ(plan.at_risk.size(), 1U);
  EXPECT_EQ(plan.at_risk[0].domains_may_go, 0U);
  EXPECT_EQ(verify(true).models.at(0).health, Health::lost) << "it was read";
}

INSTANTIATE_TEST_SUITE_P(Threads, LaterParity, testing::Values(Threads::one, Threads::many),
                         [](const auto& param) { return param.param == Threads::one ? "OneThread" : "ManyThreads"; });

}  // namespace
}  // namespace modelfloat
