// What pulls that are no more have left behind.

#include "modelfloat/engine/pull/part.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "engine/test_pool.h"
#include <gtest/gtest.h>

#include "modelfloat/engine/pull/pull.h"

namespace modelfloat {
namespace {

namespace fs = std::filesystem;

using test::Machine;
using test::Threads;
using test::World;

class DeadParts : public testing::Test {
 protected:
  fs::path leave_behind(const std::string& digits, bool is_folder) {
    const fs::path path = folder_ / (".modelfloat-" + digits + ".part");
    if (is_folder) fs::create_directories(path / "sub");
    std::ofstream(is_folder ? path / "sub/file" : path) << "half";
    return path;
  }
  std::vector<std::string> entries() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  test::TemporaryFolder folder_;
  test::FixedRandom random_{1};
};

TEST_F(DeadParts, GoAtTheNextPullIntoTheSameFolder) {
  World world(3);
  Machine machine(world, Threads::one);
  machine.create({2, 1, 1});
  machine.push("ns/one", {{"m.bin", to_bytes("x")}});
  leave_behind("0123456789abcdef", false);
  leave_behind("fedcba9876543210", true);
  engine::pull_to_path(machine.pool(), ModelRef::parse("ns/one"), folder_ / "m.bin", true, {}, {});
  EXPECT_EQ(entries(), std::vector<std::string>{"m.bin"});
}

TEST_F(DeadParts, OfLivePullsStay) {
  engine::Part file(folder_.path(), engine::Part::Kind::file, random_);
  engine::Part folder(folder_.path(), engine::Part::Kind::folder, random_);
  engine::clear_dead_parts(folder_.path());
  EXPECT_TRUE(fs::is_regular_file(file.path()));
  EXPECT_TRUE(fs::is_directory(folder.path()));
}

TEST_F(DeadParts, OnlyWhatPullMadeGoes) {
  const std::vector<std::string> others{".m.bin.0123abcd.part", ".modelfloat-0123456789abcdef",
                                        ".modelfloat-0123456789ABCDEF.part", ".modelfloat-0123456789abcde.part",
                                        "modelfloat-0123456789abcdef.part"};
  for (const std::string& name : others) std::ofstream(folder_ / name) << "mine";
  fs::create_symlink(others[0], folder_ / ".modelfloat-aaaaaaaaaaaaaaaa.part");
  engine::clear_dead_parts(folder_.path());
  EXPECT_EQ(entries().size(), others.size() + 1);
}

TEST_F(DeadParts, APartGoesWithItsPull) {
  fs::path path;
  {
    engine::Part part(folder_.path(), engine::Part::Kind::folder, random_);
    path = part.path();
    fs::create_directories(path / "x/y");
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace modelfloat
