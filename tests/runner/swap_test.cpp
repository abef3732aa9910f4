#include "modelfloat/runner/swap.h"

#include <fstream>

#include "support/temporary_folder.h"
#include <gtest/gtest.h>

namespace modelfloat::runner {
namespace {

namespace fs = std::filesystem;

class SwapTest : public testing::Test {
 protected:
  void add_swap(const std::string& name) { swaps_ += name + "\tpartition\t1000\t0\t-2\n"; }
  fs::path add_device(const std::string& name, const std::string& uuid = "") {
    const fs::path device = folder_.path() / "class/block" / name;
    fs::create_directories(device / "slaves");
    if (!uuid.empty()) {
      fs::create_directories(device / "dm");
      std::ofstream(device / "dm/uuid") << uuid << '\n';
    }
    return device;
  }
  void put_on(const std::string& upper, const std::string& lower) {
    const fs::path devices = folder_.path() / "class/block";
    fs::create_directory_symlink(devices / lower, devices / upper / "slaves" / lower);
  }
  std::vector<std::string> found() {
    std::ofstream(folder_ / "swaps") << "Filename\tType\tSize\tUsed\tPriority\n" << swaps_;
    return unencrypted_swaps(folder_.path(), folder_.path());
  }

  test::TemporaryFolder folder_;
  std::string swaps_;
};

TEST_F(SwapTest, NoneIsFine) { EXPECT_TRUE(found().empty()); }

TEST_F(SwapTest, APlainPartitionIsNamed) {
  add_device("sda2");
  add_swap("/dev/sda2");
  EXPECT_EQ(found(), std::vector<std::string>{"/dev/sda2"});
}

TEST_F(SwapTest, CompressedMemoryAndEncryptedDisksAreFine) {
  add_device("dm-1", "CRYPT-LUKS2-0123-swap");
  add_swap("/dev/zram0");
  add_swap("/dev/dm-1");
  EXPECT_TRUE(found().empty());
}

TEST_F(SwapTest, AVolumeIsAsGoodAsEverythingBelowIt) {
  add_device("dm-0", "CRYPT-LUKS2-0123-disk");
  add_device("sdb1");
  add_device("dm-1", "LVM-abc");
  put_on("dm-1", "dm-0");
  add_swap("/dev/dm-1");
  EXPECT_TRUE(found().empty());
  put_on("dm-1", "sdb1");
  EXPECT_EQ(found(), std::vector<std::string>{"/dev/dm-1"});
}

TEST_F(SwapTest, AFileThatCannotBePlacedIsNamed) {
  add_swap("/no/such/swapfile");
  EXPECT_EQ(found(), std::vector<std::string>{"/no/such/swapfile"});
}

}  // namespace
}  // namespace modelfloat::runner
