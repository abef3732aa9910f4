// Files that are not what they should be.
#include <fstream>
#include <random>

#include "support/registry_samples.h"
#include "support/temporary_folder.h"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/registry/sqlite/migrations.h"
#include "modelfloat/registry/sqlite/sqlite_registry.h"

namespace modelfloat::registry {
namespace {

using namespace test;
namespace fs = std::filesystem;

constexpr std::uint64_t k_packs = 60;  // most pages have to be theirs, and not of tables that are empty
constexpr std::size_t k_page = 4096;

class SqliteDamageTest : public testing::Test {
 protected:
  void fill() {
    const auto registry = open_sqlite_registry(file_);
    for (std::uint64_t n = 0; n < k_packs; ++n) add(*registry, sample_pack(n));
  }

  void overwrite(std::uint64_t offset, std::string_view bytes) const {
    std::fstream stream(file_, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(stream.good());
  }

  void write_file(std::string_view text) const { std::ofstream(file_) << text; }

  std::optional<ErrorKind> open_error(std::string* text = nullptr) const {
    return error_of([&] { open_sqlite_registry(file_); }, text);
  }

  // Whether all that fill() wrote is read back; throws what the registry throws.
  bool reads_back() const {
    const auto registry = open_sqlite_registry(file_);
    for (std::uint64_t n = 0; n < k_packs; ++n) {
      const SamplePack sample = sample_pack(n);
      if (registry->pack(sample.pack.id) != sample.pack) return false;
      for (const auto& fragment : sample.fragments) {
        if (registry->find_fragment(fragment.id) != std::vector{fragment}) return false;
      }
      for (std::size_t i = 0; i < 6; ++i) {
        if (registry->shard_places(sample.pack.shards[i]) != std::vector{sample.places[i]}) return false;
      }
    }
    return true;
  }

  TemporaryFolder folder_;
  fs::path file_ = folder_ / "registry.db";
};

TEST_F(SqliteDamageTest, FlippedHeaderIsNamedWithAWayOut) {
  fill();
  overwrite(3, "x");
  std::string text;
  EXPECT_EQ(open_error(&text), ErrorKind::corrupt);
  EXPECT_NE(text.find(file_.string()), std::string::npos) << text;
  EXPECT_NE(text.find("modelfloat recover"), std::string::npos) << text;
}

TEST_F(SqliteDamageTest, TruncatedFileIsCorrupt) {
  fill();
  const auto size = fs::file_size(file_);
  ASSERT_GT(size, 20 * k_page);
  for (const auto rest :
       {size - k_page, size / 2 + 100, std::uintmax_t{k_page}, std::uintmax_t{700}, std::uintmax_t{0}}) {
    fs::resize_file(file_, rest);
    EXPECT_EQ(error_of([&] { reads_back(); }), ErrorKind::corrupt) << rest;
  }
}

TEST_F(SqliteDamageTest, OverwrittenPageIsCorruptOrNotNeeded) {
  fill();
  const fs::path whole = folder_ / "whole";
  fs::copy_file(file_, whole);
  const auto pages = fs::file_size(file_) / k_page;
  std::mt19937 random(1);
  std::size_t noticed = 0;
  for (std::uintmax_t page = 0; page < pages; ++page) {
    fs::copy_file(whole, file_, fs::copy_options::overwrite_existing);
    std::string garbage(k_page, '\0');
    for (char& c : garbage) c = static_cast<char>(random());
    overwrite(page * k_page, garbage);
    bool equal = true;
    const auto error = error_of([&] { equal = reads_back(); });
    EXPECT_TRUE(error == ErrorKind::corrupt || (!error && equal)) << "page " << page;
    if (error) ++noticed;
  }
  EXPECT_GT(noticed, pages / 2);
}

TEST_F(SqliteDamageTest, ValueOfAnotherSizeIsCorrupt) {
  const auto registry = open_sqlite_registry(file_);
  add(*registry, sample_pack(1));
  Database(file_, k_lock_timeout).write([](Connection& c) {
    c.run("update shards set object = x'00ff' where position = 2");
  });
  EXPECT_EQ(error_of([&] { registry->pack(sample_pack(1).pack.id); }), ErrorKind::corrupt);
  Database(file_, k_lock_timeout).write([](Connection& c) { c.run("update packs set k = 300"); });
  EXPECT_EQ(error_of([&] { registry->pack(sample_pack(1).pack.id); }), ErrorKind::corrupt);
}

TEST_F(SqliteDamageTest, ForeignFilesAreCorrupt) {
  write_file("this is no database, whatever its name says, and it is longer than a header of SQLite is: 100 bytes");
  EXPECT_EQ(open_error(), ErrorKind::corrupt);
  write_file("");
  EXPECT_EQ(open_error(), ErrorKind::corrupt);
  Database(file_, k_lock_timeout).write([](Connection& c) { c.run("create table of_another_program (x)"); });
  std::string text;
  EXPECT_EQ(open_error(&text), ErrorKind::corrupt);
  EXPECT_NE(text.find("not a registry"), std::string::npos) << text;
}

TEST_F(SqliteDamageTest, WhatCannotBeARegistryIsSaidPlainly) {
  EXPECT_EQ(error_of([&] { open_sqlite_registry(folder_.path()); }), ErrorKind::invalid);
  EXPECT_EQ(error_of([&] { open_sqlite_registry(folder_ / "missing" / "registry.db"); }), ErrorKind::not_found);
  EXPECT_EQ(error_of([&] { open_sqlite_registry("/dev/null"); }), ErrorKind::invalid);
  EXPECT_EQ(error_of([&] { open_sqlite_registry(folder_ / "a\"quote"); }), ErrorKind::invalid);
  write_file("");
  EXPECT_EQ(error_of([&] { open_sqlite_registry(file_ / "below a file"); }), ErrorKind::not_found);
}

// SQLite says only that it cannot open the file.
TEST_F(SqliteDamageTest, FewDescriptorsAreNotTakenForALackOfPermission) {
  fill();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  for (const int more : {0, 1, 2}) {  // the file itself, its log, its shared memory
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(next);
    const rlimit few{static_cast<rlim_t>(next + more), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    std::string text;
    const auto error = open_error(&text);
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(error, ErrorKind::transient) << more << " " << text;
  }
}

TEST_F(SqliteDamageTest, OddPathsWork) {
  for (const char* name : {"with  two spaces ", "a=b c=d", " lead", "ünï'code", "100%;"}) {
    open_sqlite_registry(folder_ / name)->set_setting("a", as_bytes("1"));
    EXPECT_TRUE(fs::is_regular_file(folder_ / name)) << name;
    EXPECT_NE(open_sqlite_registry(folder_ / name)->setting("a"), std::nullopt) << name;
  }
}

TEST_F(SqliteDamageTest, JournalOfARegistryThatWasMovedAwayIsNotReplayed) {
  {
    const auto old = open_sqlite_registry(file_);
    old->set_setting("old", as_bytes("1"));
    fs::copy_file(file_.string() + "-wal", folder_ / "wal");
  }
  fs::remove(file_);
  fs::rename(folder_ / "wal", file_.string() + "-wal");
  const auto fresh = open_sqlite_registry(file_);
  EXPECT_EQ(fresh->setting("old"), std::nullopt);
  EXPECT_TRUE(fresh->stores().empty());
}

TEST_F(SqliteDamageTest, LeftoverOfAnInterruptedStartIsReplaced) {
  std::ofstream(file_.string() + ".new") << "half a registry";
  open_sqlite_registry(file_)->set_setting("a", as_bytes("1"));
  EXPECT_FALSE(fs::exists(file_.string() + ".new"));
}

TEST_F(SqliteDamageTest, NewerSchemaIsRefused) {
  open_sqlite_registry(file_)->set_setting("a", as_bytes("1"));
  Database database(file_, k_lock_timeout);
  database.write([](Connection& c) { c.run("update schema_version set version = version + 1"); });
  EXPECT_EQ(open_error(), ErrorKind::unsupported);
  database.write([](Connection& c) { c.run("update schema_version set version = version - 1"); });
  EXPECT_EQ(open_error(), std::nullopt);
}

TEST_F(SqliteDamageTest, MigrationsAreNumberedWithoutGaps) {
  std::uint64_t expected = 1;
  for (const Migration& step : all_migrations()) EXPECT_EQ(step.version, expected++);
  EXPECT_GT(expected, 1U);
}

TEST_F(SqliteDamageTest, FailedMigrationLeavesTheVersionBefore) {
  write_file("");
  Database database(file_, k_lock_timeout);
  start_schema(database);
  const std::vector<Migration> broken{{1, "create table a (x);"}, {2, "create table b (x); create table a (x);"}};
  EXPECT_EQ(error_of([&] { migrate(database, broken); }), ErrorKind::internal);
  const auto tables = [&] {
    return database.read([](Connection& c) {
      return c.rows<std::string>("select name from sqlite_master where name in ('a', 'b') order by name");
    });
  };
  EXPECT_EQ(tables(), std::vector<std::string>{"a"});
  const std::vector<Migration> mended{broken[0], {2, "create table b (x);"}};
  migrate(database, mended);
  migrate(database, mended);
  EXPECT_EQ(tables(), (std::vector<std::string>{"a", "b"}));
}

// SQLite undoes a whole transaction when there is no room: nothing may then be written as if it
// went on.
TEST_F(SqliteDamageTest, FullDiskUndoesTheTransactionForGood) {
  write_file("");
  Database database(file_, k_lock_timeout);
  database.write([](Connection& c) { c.run("create table t (x)"); });
  const std::string big(100'000, 'x');
  const auto insert = [&] { database.write([&](Connection& c) { c.run("insert into t values (?1)", big); }); };
  const auto error = error_of([&] {
    database.write([&](Connection& c) {
      c.run("insert into t values ('first')");
      c.run_script("pragma max_page_count = 8");
      EXPECT_EQ(error_of(insert), ErrorKind::out_of_space);
      EXPECT_FALSE(c.in_transaction());
      EXPECT_EQ(error_of(insert), ErrorKind::transient);
    });
  });
  const auto rows = database.read([](Connection& c) { return c.row<std::uint64_t>("select count(*) from t"); });
  EXPECT_EQ(error, ErrorKind::transient);
  EXPECT_EQ(rows, 0U);
}

TEST_F(SqliteDamageTest, SystemErrorsKeepTheirMeaning) {
  EXPECT_EQ(sqlite_error(10, file_, "disk I/O error", ENOSPC).kind, ErrorKind::out_of_space);
  EXPECT_EQ(sqlite_error(10, file_, "disk I/O error", EIO).kind, ErrorKind::transient);
  EXPECT_EQ(sqlite_error(13, file_, "database or disk is full").kind, ErrorKind::out_of_space);
  EXPECT_EQ(sqlite_error(5, file_, "database is locked").kind, ErrorKind::transient);
  EXPECT_EQ(sqlite_error(8, file_, "readonly").kind, ErrorKind::denied);
  EXPECT_EQ(sqlite_error(11 | (1 << 8), file_, "malformed").kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace modelfloat::registry
