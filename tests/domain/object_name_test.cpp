#include "modelfloat/domain/object_name.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "modelfloat/base/error.h"

namespace modelfloat {
namespace {

const std::string k_digits = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string k_writer = "00112233445566778899aabbccddeeff";

Hash256 counting_hash() {
  Hash256 hash;
  for (std::size_t i = 0; i < hash.size(); ++i) hash[i] = static_cast<std::byte>(i);
  return hash;
}

TEST(ObjectNameTest, PlainNamesCarryTypeAndHash) {
  for (const auto type : {ObjectType::shard, ObjectType::structure, ObjectType::content, ObjectType::slot}) {
    const auto name = ObjectName::of(type, counting_hash());
    EXPECT_EQ(name.path(), "mf1/" + std::string(to_string(type)) +
                               "/00/000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    EXPECT_EQ(name.type(), type);
    EXPECT_EQ(name.hash(), counting_hash());
    EXPECT_FALSE(name.writer());
    EXPECT_FALSE(name.seq());
    EXPECT_EQ(ObjectName::parse(name.path()), name);
  }
}

TEST(ObjectNameTest, ChainNamesCarryWriterAndNumber) {
  WriterId writer{};
  writer[15] = std::byte{0xab};
  for (const auto type : {ObjectType::log, ObjectType::checkpoint}) {
    for (const std::uint64_t seq :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x0123456789abcdef}, UINT64_MAX}) {
      const auto name = ObjectName::of_chain(type, writer, seq, counting_hash());
      const auto parsed = ObjectName::parse(name.path());
      ASSERT_TRUE(parsed);
      EXPECT_EQ(parsed->type(), type);
      EXPECT_EQ(parsed->writer(), writer);
      EXPECT_EQ(parsed->seq(), seq);
      EXPECT_EQ(parsed->hash(), counting_hash());
    }
  }
}

TEST(ObjectNameTest, ChainNamesSortByNumber) {
  const auto low = ObjectName::of_chain(ObjectType::log, {}, 255, counting_hash());
  const auto high = ObjectName::of_chain(ObjectType::log, {}, 256, {});
  EXPECT_LT(low, high);
}

TEST(ObjectNameTest, FixedNames) {
  EXPECT_EQ(ObjectName::marker().path(), "mf1/marker");
  EXPECT_EQ(ObjectName::marker().type(), ObjectType::marker);
  EXPECT_FALSE(ObjectName::format_text().type());
  EXPECT_FALSE(ObjectName::rescue_reader().type());
  for (const auto& name : {ObjectName::marker(), ObjectName::format_text(), ObjectName::rescue_reader()}) {
    EXPECT_EQ(ObjectName::parse(name.path()), name);
    EXPECT_FALSE(name.hash());
    EXPECT_FALSE(name.writer());
    EXPECT_FALSE(name.seq());
  }
}

TEST(ObjectNameTest, KindsDoNotMix) {
  EXPECT_THROW(ObjectName::of(ObjectType::log, {}), Error);
  EXPECT_THROW(ObjectName::of(ObjectType::marker, {}), Error);
  EXPECT_THROW(ObjectName::of_chain(ObjectType::shard, {}, 1, {}), Error);
}

TEST(ObjectNameTest, EverythingElseIsNoName) {
  ASSERT_TRUE(ObjectName::parse("mf1/shard/01/" + k_digits));
  ASSERT_TRUE(ObjectName::parse("mf1/log/" + k_writer + "/0000000000000001-" + k_digits));
  for (const std::string& path : {std::string(),
                                  std::string("/"),
                                  std::string("mf1"),
                                  std::string("mf1/"),
                                  std::string("mf1/Marker"),
                                  std::string("mf1/marker/"),
                                  std::string("mf1/shard"),
                                  std::string("mf1/shard/01"),
                                  std::string("mf1/shard/01/"),
                                  "mf1/shard/" + k_digits,
                                  "/mf1/shard/01/" + k_digits,
                                  "mf2/shard/01/" + k_digits,
                                  "mf1/shards/01/" + k_digits,
                                  "mf1//01/" + k_digits,
                                  "mf1/shard/02/" + k_digits,
                                  "mf1/shard/../" + k_digits,
                                  "mf1/shard/01/" + k_digits + "0",
                                  "mf1/shard/01/" + k_digits.substr(1),
                                  "mf1/shard/01/" + k_digits + "/",
                                  "mf1/shard/01/" + k_digits.substr(0, 63) + "G",
                                  "mf1/shard/01/" + k_digits.substr(0, 63) + "F",
                                  "mf1/shard/01/" + k_digits.substr(0, 31) + "/" + k_digits.substr(32),
                                  "mf1/shard/01/../" + k_digits,
                                  "mf1/marker/01/" + k_digits,
                                  "mf1/log/01/" + k_digits,
                                  "mf1/log/" + k_writer + "/" + k_digits,
                                  "mf1/log/" + k_writer + "/0000000000000001_" + k_digits,
                                  "mf1/log/" + k_writer + "/000000000000000G-" + k_digits,
                                  "mf1/log/" + k_writer.substr(1) + "/0000000000000001-" + k_digits,
                                  "mf1/shard/" + k_writer + "/0000000000000001-" + k_digits,
                                  std::string("mf1/shard/01/") + std::string(64, '\0')}) {
    EXPECT_FALSE(ObjectName::parse(path)) << path;
  }
}

TEST(ObjectNameTest, WhatParsesIsTheSameTextAgain) {
  // Any single change of a good name is another good name or none, never a name with another text.
  EXPECT_TRUE(rc::check([](const std::string& noise) {
    std::string path = "mf1/shard/01/" + k_digits;
    path.replace(*rc::gen::inRange<std::size_t>(0, path.size()), *rc::gen::inRange<std::size_t>(0, 3), noise);
    if (const auto name = ObjectName::parse(path)) {
      RC_ASSERT(name->path() == path);
      RC_ASSERT(path.find("..") == std::string::npos);
      RC_ASSERT(path.front() != '/');
    }
  }));
}

TEST(ObjectTypeTest, NamesGoBothWays) {
  for (std::uint8_t number = 1; number <= 7; ++number) {
    const auto type = static_cast<ObjectType>(number);
    EXPECT_EQ(object_type_from(to_string(type)), type);
  }
  EXPECT_FALSE(object_type_from("Shard"));
  EXPECT_FALSE(object_type_from(""));
}

}  // namespace
}  // namespace modelfloat
