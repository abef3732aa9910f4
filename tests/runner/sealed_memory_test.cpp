#include "modelfloat/runner/sealed_memory.h"

#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "modelfloat/base/error.h"

namespace modelfloat::runner {
namespace {

TEST(SealedMemory, KeepsWhatWasWrittenAndLetsNobodyChangeIt) {
  SealedMemory memory("model", 5);
  ASSERT_EQ(::pwrite(memory.fd(), "float", 5, 0), 5);
  memory.seal();

  EXPECT_EQ(as_text(MemoryView(memory).bytes()), "float");
  EXPECT_EQ(::pwrite(memory.fd(), "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(memory.fd(), 1), -1);
  EXPECT_EQ(::ftruncate(memory.fd(), 100), -1);
  EXPECT_EQ(::mmap(nullptr, 5, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd(), 0), MAP_FAILED);
  EXPECT_EQ(::fcntl(memory.fd(), F_ADD_SEALS, 0), -1) << "the seals themselves can be changed";

  const FileDescriptor again(::open(("/proc/self/fd/" + std::to_string(memory.fd())).c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(::pwrite(again.get(), "x", 1, 0), -1) << "a new descriptor gets around the seals";
}

TEST(SealedMemory, CannotGrowWhileItIsFilled) {
  const SealedMemory memory("model", 5);
  EXPECT_EQ(::pwrite(memory.fd(), "beyond", 6, 5), -1);
  EXPECT_EQ(::ftruncate(memory.fd(), 6), -1);
}

TEST(SealedMemory, MayBeEmpty) {
  SealedMemory memory("model", 0);
  memory.seal();
  EXPECT_TRUE(MemoryView(memory).bytes().empty());
}

TEST(SealedMemory, RefusesASizeThatNoFileHas) { EXPECT_THROW(SealedMemory("model", UINT64_MAX), Error); }

}  // namespace
}  // namespace modelfloat::runner
