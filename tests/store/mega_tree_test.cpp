// What the tree of a MEGA account makes of what a server says, right and wrong.

#include "support/fixed_random.h"
#include "support/store_suite.h"
#include <gtest/gtest.h>
#include <malloc.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/base/hex.h"
#include "modelfloat/store/mega/tree.h"

namespace modelfloat::test {
namespace {

using namespace store::mega;
using nlohmann::json;

const Bytes k_master_key = random_bytes(16, 99);
constexpr std::string_view k_user = "AAAAAAAAAAE";
constexpr Handle k_root = 1;

json folder_node(Handle handle, Handle parent, const std::string& name, std::uint64_t made = 100) {
  Block key = FixedRandom(handle).array<16>();
  const std::string attributes = seal_name(key, name);
  encrypt_ecb(k_master_key, key);
  return {{"h", to_text(handle)},
          {"p", to_text(parent)},
          {"u", k_user},
          {"t", 1},
          {"a", attributes},
          {"k", std::string(k_user) + ":" + to_base64url(key)},
          {"ts", made}};
}

json file_node(Handle handle, Handle parent, const std::string& name, std::uint64_t size = 10,
               std::uint64_t made = 100) {
  auto key = FixedRandom(handle).array<32>();
  const std::string attributes = seal_name(FileKey::unpack(key).key, name);
  encrypt_ecb(k_master_key, key);
  return {{"h", to_text(handle)},
          {"p", to_text(parent)},
          {"u", k_user},
          {"t", 0},
          {"a", attributes},
          {"k", std::string(k_user) + ":" + to_base64url(key)},
          {"s", size},
          {"ts", made}};
}

std::string leaf_of(const ObjectName& name) { return name.path().substr(name.path().rfind('/') + 1); }
std::string short_of(const ObjectName& name) { return leaf_of(name).substr(0, 2); }

json answer_of(json nodes) {
  nodes.push_back({{"h", to_text(k_root)}, {"p", ""}, {"u", k_user}, {"t", 2}, {"a", ""}, {"k", ""}, {"ts", 1}});
  nodes.push_back({{"h", to_text(2)}, {"p", ""}, {"u", k_user}, {"t", 4}, {"a", ""}, {"k", ""}, {"ts", 1}});
  return json::array({{{"f", std::move(nodes)},
                       {"ok", json::array()},
                       {"u", json::array({{{"u", k_user}, {"c", 2}}})},
                       {"sn", "AAAAAAAAAAA"}}});
}

// As it comes over the wire: numbers that are not negative are unsigned.
json received(const json& value) { return json::parse(value.dump()); }

void load(Tree& tree, const json& answer) { tree.load(as_bytes(answer.dump()), k_master_key, k_user, "mega:/f"); }

// "f/mf1/shard/XX" with one object, in an order that nobody would choose.
json small_account(const ObjectName& name) {
  return json::array({file_node(14, 13, leaf_of(name)), folder_node(13, 12, short_of(name)),
                      folder_node(12, 11, "shard"), folder_node(11, 10, "mf1"), folder_node(10, k_root, "f"),
                      folder_node(20, k_root, "other"), file_node(21, 20, "photo.jpg")});
}

TEST(MegaTreeTest, FindsObjectsWhateverTheOrder) {
  const ObjectName name = shard_name(1);
  Tree tree("f");
  load(tree, answer_of(small_account(name)));
  const auto found = tree.find(name);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->handle, 14U);
  EXPECT_EQ(found->size_bytes, 10U);
  EXPECT_EQ(found->node_key, FixedRandom(14).array<32>());
  EXPECT_TRUE(found->confirmed);
  EXPECT_FALSE(tree.find(shard_name(2)));
  EXPECT_EQ(tree.size(), 1U);
  EXPECT_EQ(tree.folder("mf1/shard"), 12U);
  EXPECT_EQ(tree.sequence(), "AAAAAAAAAAA");
  EXPECT_EQ(tree.newest(14)->first, name);
}

TEST(MegaTreeTest, SaysHowFarTheWayToItsFolderGoes) {
  Tree tree("f/deep/er");
  load(tree, answer_of(small_account(shard_name(1))));
  EXPECT_EQ(tree.way_to_folder(), std::pair(Handle{10}, std::size_t{1}));
  EXPECT_FALSE(tree.folder(""));
  EXPECT_EQ(tree.size(), 0U);
}

TEST(MegaTreeTest, KeepsEveryKindOfNameAndNoOther) {
  const Hash256 hash = FixedRandom(1).array<32>();
  const WriterId writer = FixedRandom(2).array<16>();
  const ObjectName chain = ObjectName::of_chain(ObjectType::log, writer, 0xFEDCBA9876543210, hash);
  const json nodes =
      json::array({folder_node(10, k_root, "f"), folder_node(11, 10, "mf1"), file_node(12, 11, "marker"),
                   file_node(13, 11, "FORMAT.txt"), file_node(14, 11, "rescue.py"), folder_node(15, 11, "log"),
                   folder_node(16, 15, to_hex(writer)), file_node(17, 16, leaf_of(chain)),
                   file_node(18, 16, leaf_of(chain) + "x"), file_node(19, 11, "notes.txt"), file_node(20, 15, "marker"),
                   file_node(21, 16, to_hex(hash)), file_node(22, 10, "marker")});
  Tree tree("/f/");
  load(tree, answer_of(nodes));
  for (const ObjectName& name : {chain, ObjectName::marker(), ObjectName::format_text(), ObjectName::rescue_reader()})
    EXPECT_TRUE(tree.find(name)) << name.path();
  EXPECT_EQ(tree.size(), 4U);
}

TEST(MegaTreeTest, TheNewestOfOneNameCounts) {
  const ObjectName name = shard_name(1);
  json nodes = small_account(name);
  nodes.push_back(file_node(30, 13, leaf_of(name), 30, 101));
  nodes.push_back(file_node(31, 13, leaf_of(name), 31, 99));
  Tree tree("f");
  load(tree, answer_of(nodes));
  EXPECT_EQ(tree.find(name)->handle, 30U);
  EXPECT_EQ(tree.all(name).size(), 3U);
  EXPECT_TRUE(tree.newest(30));
  EXPECT_FALSE(tree.newest(14));
  // In the same second, but later.
  tree.add(received(json::array({file_node(32, 13, leaf_of(name), 32, 101)})));
  EXPECT_EQ(tree.find(name)->handle, 32U);
  tree.erase(32);
  tree.erase(30);
  EXPECT_EQ(tree.find(name)->handle, 14U);
}

TEST(MegaTreeTest, TwoFoldersOfOneNameAreOne) {
  json nodes = small_account(shard_name(1));
  nodes.push_back(folder_node(40, 11, "shard"));
  nodes.push_back(folder_node(41, 40, short_of(shard_name(2))));
  nodes.push_back(file_node(42, 41, leaf_of(shard_name(2))));
  Tree tree("f");
  load(tree, answer_of(nodes));
  EXPECT_TRUE(tree.find(shard_name(1)));
  EXPECT_TRUE(tree.find(shard_name(2)));
}

TEST(MegaTreeTest, FollowsEvents) {
  const ObjectName name = shard_name(1);
  Tree tree("f");
  load(tree, answer_of(small_account(name)));
  const ObjectName other = shard_name(2);
  // A subtree that is moved in comes with what lies in it, in any order.
  const json moved = json::array({file_node(52, 51, leaf_of(other)), folder_node(51, 12, short_of(other))});
  EXPECT_TRUE(tree.apply(received(
      json::array({{{"a", "t"}, {"t", {{"f", moved}}}}, {{"a", "d"}, {"n", to_text(14)}}, {{"a", "fa"}}, 7}))));
  EXPECT_TRUE(tree.find(other));
  EXPECT_FALSE(tree.find(name));
  // Not ours.
  EXPECT_TRUE(tree.apply(received(json::array({{{"a", "d"}, {"n", to_text(21)}}, {{"a", "d"}, {"n", to_text(20)}}}))));
  EXPECT_TRUE(tree.apply(
      received(json::array({{{"a", "t"}, {"t", {{"f", json::array({file_node(60, 20, leaf_of(name))})}}}}}))));
  EXPECT_FALSE(tree.find(name));
}

TEST(MegaTreeTest, AsksToBeLoadedAnewWhenFoldersChange) {
  const json nodes = small_account(shard_name(1));
  for (const json& event :
       {json{{"a", "d"}, {"n", to_text(12)}}, json{{"a", "d"}, {"n", to_text(10)}},
        json{{"a", "u"}, {"n", to_text(13)}, {"at", "AAAA"}}, json{{"a", "u"}, {"n", to_text(14)}, {"at", "AAAA"}},
        json{{"a", "t"}, {"t", {{"f", json::array({folder_node(13, 20, short_of(shard_name(1)))})}}}}}) {
    Tree tree("f");
    load(tree, answer_of(nodes));
    EXPECT_FALSE(tree.apply(received(json::array({event})))) << event;
  }
}

TEST(MegaTreeTest, WhatTheServerOnlyClaimsIsNotConfirmed) {
  const ObjectName name = shard_name(2);
  Tree tree("f");
  load(tree, answer_of(small_account(shard_name(1))));
  const json node = file_node(50, 51, leaf_of(name));
  tree.add(received(json::array({folder_node(51, 12, short_of(name)), node})));
  EXPECT_FALSE(tree.find(name)->confirmed);
  EXPECT_EQ(tree.unconfirmed(), std::vector<Handle>{50});
  EXPECT_FALSE(tree.newest(50));
  EXPECT_TRUE(tree.apply(received(json::array({{{"a", "t"}, {"t", {{"f", json::array({node})}}}}}))));
  EXPECT_TRUE(tree.find(name)->confirmed);
  EXPECT_TRUE(tree.unconfirmed().empty());
  tree.add(received(json::array({node})));  // the answer comes after the event
  EXPECT_TRUE(tree.find(name)->confirmed);
}

TEST(MegaTreeTest, NodesThatMakeNoSenseArePassedOver) {
  const ObjectName name = shard_name(1);
  const json good = file_node(14, 13, leaf_of(name));
  for (const auto& [field, value] :
       std::vector<std::pair<std::string, json>>{{"h", 5},
                                                 {"h", "short"},
                                                 {"h", nullptr},
                                                 {"p", "!"},
                                                 {"k", ""},
                                                 {"k", "x"},
                                                 {"k", "AAAAAAAAAAE:AAAA"},
                                                 {"k", "BBBBBBBBBBB:" + std::string(43, 'A')},
                                                 {"a", ""},
                                                 {"a", "A"},
                                                 {"a", std::string(64, 'A')},
                                                 {"t", -1},
                                                 {"t", "0"},
                                                 {"t", 77},
                                                 {"t", 1}}) {
    json nodes = small_account(name);
    nodes[0] = good;
    nodes[0][field] = value;
    Tree tree("f");
    load(tree, answer_of(nodes));
    EXPECT_FALSE(tree.find(name)) << field << " " << value;
    EXPECT_EQ(tree.folder("mf1/shard"), 12U);
  }
  json endless = small_account(name);  // folders that lie in one another
  endless.push_back(folder_node(70, 71, "a"));
  endless.push_back(folder_node(71, 70, "b"));
  endless.push_back(folder_node(72, 72, "c"));
  Tree tree("f");
  load(tree, answer_of(endless));
  EXPECT_TRUE(tree.find(name));
}

TEST(MegaTreeTest, AnswersThatAreNoneAreCorrupt) {
  for (const std::string_view answer :
       {"", "[", "[]", "{}", "[{}]", "[{\"f\":[]}]", "[{\"f\":[],\"sn\":\"AAAAAAAAAAA\"}]", "[5]", "null",
        "[{\"f\":[{\"t\":2}],\"sn\":\"x\"}]"}) {
    Tree tree("f");
    try {
      tree.load(as_bytes(answer), k_master_key, k_user, "here");
      ADD_FAILURE() << answer;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::corrupt) << answer;
    }
    EXPECT_FALSE(tree.loaded());
  }
}

TEST(MegaTreeTest, KeepsAnObjectInTwoHundredBytes) {
  constexpr std::size_t k_objects = 10'000;
  json nodes = json::array({folder_node(10, k_root, "f"), folder_node(11, 10, "mf1"), folder_node(12, 11, "shard")});
  for (std::size_t i = 0; i < 256; ++i)
    nodes.push_back(folder_node(1000 + i, 12, to_hex(std::array{static_cast<std::byte>(i)})));
  std::vector<std::pair<Handle, ObjectName>> names;
  for (std::size_t i = 0; i < k_objects; ++i) {
    const ObjectName name = shard_name(i);
    nodes.push_back(file_node(10'000 + i, 1000 + std::stoul(short_of(name), nullptr, 16), leaf_of(name)));
  }
  const std::string answer = answer_of(std::move(nodes)).dump();
  Tree tree("f");
  const std::size_t before = ::mallinfo2().uordblks;
  tree.load(as_bytes(answer), k_master_key, k_user, "here");
  const std::size_t after = ::mallinfo2().uordblks;
  ASSERT_EQ(tree.size(), k_objects);
  if (after > before) {  // a sanitizer's own malloc says nothing
    EXPECT_LT((after - before) / k_objects, 200U);
  }
}

}  // namespace
}  // namespace modelfloat::test
