// The maintenance key opens structures and nothing else, and its file is read strictly.
#include "modelfloat/mf1/maintenance_key.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "golden_pool.h"
#include "samples.h"
#include "support/source_folder.h"

#include "modelfloat/base/hex.h"
#include "modelfloat/crypto/hash.h"

namespace modelfloat::mf1 {
namespace {

std::string golden_text() {
  std::ifstream file(test::source_folder() / "tests/golden/maintenance-key-1.txt");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string text_of(const MaintenanceKey& key) {
  const crypto::SecretBytes text = key.text();
  return std::string(as_text(text.bytes()));
}

// With the check that fits these lines.
std::string checked(const std::string& lines) {
  return lines + "check " + to_hex(crypto::blake3(as_bytes(lines))).substr(0, 16) + "\n";
}

const std::string k_head = "modelfloat-maintenance-key-1\npool " + std::string(32, 'a') + "\n";
const std::string k_line = "structure 1 " + std::string(64, 'b') + "\n";

std::optional<ErrorKind> refused_as(std::string_view text) {
  return kind_thrown([&] { MaintenanceKey::parse(text); });
}

std::string why_refused(std::string_view text) {
  const auto error = test::thrown_by([&] { MaintenanceKey::parse(text); });
  return error ? error->what() : "";
}

// The file was computed from mf1-vectors.json by another program.
TEST(MaintenanceKeyText, IsTheSameForever) {
  const GoldenPool pool;
  EXPECT_EQ(text_of(MaintenanceKey(pool.keyring)), golden_text());
  EXPECT_EQ(text_of(MaintenanceKey::parse(golden_text())), golden_text());
}

TEST(MaintenanceKeyText, HasEachRootOfAnEpochAndNothingElse) {
  const GoldenPool pool;
  const auto key = MaintenanceKey::parse(golden_text());
  EXPECT_EQ(key.pool_id(), pool.keyring.pool_id());
  EXPECT_EQ(key.key_count(), pool.keyring.root_count());
  EXPECT_EQ(key.keys(2).size(), 2U);
  EXPECT_EQ(key.newest_epoch(), 3U);
  EXPECT_EQ(kind_thrown([&] { (void)key.keys(4); }), ErrorKind::denied);
  for (const std::uint32_t epoch : {1U, 2U, 3U}) {
    for (const RootKey& root : pool.keyring.roots(epoch)) {
      EXPECT_EQ(golden_text().find(to_hex(root.root().bytes())), std::string::npos);
      for (const KeyUse use :
           {KeyUse::fragment_id, KeyUse::sealing, KeyUse::content, KeyUse::log, KeyUse::older_epochs, KeyUse::local})
        EXPECT_EQ(golden_text().find(to_hex(root.key(use).bytes())), std::string::npos);
    }
  }
}

TEST(MaintenanceKey, OpensEveryStructureAndNothingElse) {
  const GoldenPool pool;
  const auto key = MaintenanceKey::parse(golden_text());
  std::size_t opened = 0;
  for (const GoldenDocument& document : pool.documents) {
    const Bytes& object = pool.objects.at(document.path);
    if (document.type == ObjectType::structure) {
      EXPECT_EQ(open_structure(object, key), document.cbor);
      ++opened;
    } else {
      EXPECT_EQ(kind_thrown([&] { open_structure(object, key); }), ErrorKind::corrupt) << document.path;
      EXPECT_EQ(document_facts(document.type, object).pool, pool.keyring.pool_tag());
    }
  }
  EXPECT_GT(opened, 1U);
}

TEST(MaintenanceKey, OpensNothingOfAnotherPoolOrEpoch) {
  test::FixedRandom random(3);
  const Keyring keyring = sample_keyring(1);
  const auto sealed = seal_document(ObjectType::structure, Bytes(100), keyring, k_aes, random);
  EXPECT_EQ(open_structure(sealed.object, MaintenanceKey(keyring)), Bytes(100));
  EXPECT_EQ(kind_thrown([&] { open_structure(sealed.object, MaintenanceKey(sample_keyring(2))); }), ErrorKind::denied);
  Keyring later = keyring;
  later.add_root(2, crypto::SecretKey::random(random));
  const auto newer = seal_document(ObjectType::structure, Bytes(100), later, k_aes, random);
  EXPECT_EQ(kind_thrown([&] { open_structure(newer.object, MaintenanceKey(keyring)); }), ErrorKind::denied);
  const Keyring other_root(keyring.pool_id(), 1, crypto::SecretKey::random(random));
  EXPECT_EQ(kind_thrown([&] { open_structure(sealed.object, MaintenanceKey(other_root)); }), ErrorKind::denied);
}

TEST(MaintenanceKeyText, EveryDamageIsNoticed) {
  const std::string good = golden_text();
  for_each_damage(to_bytes(as_bytes(good)), [&](const Bytes& bad, const std::string& what) {
    const auto kind = refused_as(as_text(bad));
    EXPECT_TRUE(kind == ErrorKind::invalid || kind == ErrorKind::unsupported) << what;
  });
}

// Each with a check that fits, so that the rule itself refuses it.
TEST(MaintenanceKeyText, HostileTextsAreRefused) {
  const std::string other = "structure 2 " + std::string(64, 'c') + "\n";
  EXPECT_FALSE(refused_as(checked(k_head + k_line + other)));
  const std::string zeros(60'000, '0');
  for (const std::string& lines : {
           k_head,                                                          // no key
           k_head + other + k_line,                                         // not in order
           k_head + k_line + k_line,                                        // twice
           k_head + k_line + "\n" + other,                                  // an empty line
           k_head + k_line + "note 1\n",                                    // another line
           k_head + k_head + k_line,                                        // another head
           k_head + "structure 0 " + std::string(64, 'b') + "\n",           // no such epoch
           k_head + "structure 01 " + std::string(64, 'b') + "\n",          // two ways to write it
           k_head + "structure -1 " + std::string(64, 'b') + "\n",          //
           k_head + "structure +1 " + std::string(64, 'b') + "\n",          //
           k_head + "structure  1 " + std::string(64, 'b') + "\n",          //
           k_head + "structure 4294967296 " + std::string(64, 'b') + "\n",  // beyond 32 bits
           k_head + "structure " + zeros + " " + std::string(64, 'b') + "\n",
           k_head + "structure 1 " + std::string(64, 'B') + "\n",   // upper case
           k_head + "structure 1 " + std::string(63, 'b') + "\n",   //
           k_head + "structure 1 " + std::string(66, 'b') + "\n",   //
           k_head + "structure 1 " + std::string(64, 'g') + "\n",   //
           k_head + "structure 1 " + std::string(64, 'b') + " \n",  //
           k_head + "structure 1\n",                                //
           k_head + "structure \n",                                 //
           std::string("modelfloat-maintenance-key-1\n") + k_line,  // no pool
           "modelfloat-maintenance-key-1\npool " + std::string(30, 'a') + "\n" + k_line,
           "modelfloat-maintenance-key-1\npool " + std::string(32, 'A') + "\n" + k_line,
       }) {
    EXPECT_EQ(refused_as(checked(lines)), ErrorKind::invalid) << lines.substr(0, 200);
  }
  const std::string good = checked(k_head + k_line);
  for (const std::string& text :
       {std::string(), std::string("\n"), " " + good, good + "\n", good + good, good + "x", k_head + k_line,
        std::string("modelfloat-key-1 ") + std::string(64, 'b') + "\n", std::string(60'000, '\n')}) {
    EXPECT_EQ(refused_as(text), ErrorKind::invalid) << text.substr(0, 200);
  }
}

TEST(MaintenanceKeyText, SaysWhatIsWrong) {
  EXPECT_NE(why_refused("modelfloat-maintenance-key-2\nwhatever\n").find("use a newer program"), std::string::npos);
  EXPECT_EQ(refused_as("modelfloat-maintenance-key-2\nwhatever\n"), ErrorKind::unsupported);
  EXPECT_EQ(refused_as("modelfloat-maintenance-key-11\n"), ErrorKind::unsupported);
  std::string with_cr;
  for (const char one : golden_text()) with_cr += one == '\n' ? std::string("\r\n") : std::string(1, one);
  EXPECT_NE(why_refused(with_cr).find("line ends"), std::string::npos);
  EXPECT_NE(why_refused(golden_text().substr(0, 150)).find("cut off"), std::string::npos);
  for (const std::string& text : {golden_text() + "x", checked(k_head + k_line + k_line)})
    EXPECT_EQ(why_refused(text).find("bbbb"), std::string::npos) << "no key in a message";
}

TEST(MaintenanceKeyText, HasSoManyKeysAtMost) {
  std::string lines = k_head;
  for (std::size_t i = 1; i <= MaintenanceKey::k_most_keys; ++i)
    lines += "structure " + std::to_string(i) + " " + std::string(64, 'b') + "\n";
  EXPECT_FALSE(refused_as(checked(lines)));
  EXPECT_LT(checked(lines).size(), 64U << 10) << "what is read of a secret file";
  lines += "structure 4294967295 " + std::string(64, 'b') + "\n";
  EXPECT_EQ(refused_as(checked(lines)), ErrorKind::invalid);
  test::FixedRandom random(1);
  Keyring keyring = sample_keyring();
  for (std::uint32_t i = 0; i < MaintenanceKey::k_most_keys; ++i)
    keyring.add_root(1, crypto::SecretKey::random(random));
  EXPECT_EQ(kind_thrown([&] { MaintenanceKey{keyring}; }), ErrorKind::unsupported);
}

}  // namespace
}  // namespace modelfloat::mf1
