#include "modelfloat/crypto/locked_memory.h"

#include <cstdint>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/sanitizers.h"
#include "modelfloat/crypto/secret.h"

namespace modelfloat::crypto {
namespace {

using testing::HasSubstr;

// What the kernel says of the memory at this place: "rd wr mr ...".
std::string flags_of(const void* place) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(place);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> begin >> dash >> end && dash == '-') inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return {};
}

bool may_lock() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= (1U << 20);
}

TEST(LockedMemory, IsNotSwappedOutDumpedOrInherited) {
  for (const std::size_t size : {1U, 32U, 300U, 100'000U}) {
    const SecretBytes secret(std::string(size, 'x'));
    const std::string flags = flags_of(secret.bytes().data());
    EXPECT_THAT(flags, HasSubstr(" dd")) << size;
    EXPECT_THAT(flags, HasSubstr(" wf")) << size;
    if (may_lock() && !k_address_sanitizer) {  // it leaves calls of mlock out
      EXPECT_THAT(flags, HasSubstr(" lo")) << size;
    }
  }
}

TEST(LockedMemory, IsZeroInAChild) {
  const SecretBytes secret(std::string_view("a root key"));
  const std::byte* place = secret.bytes().data();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(std::to_integer<int>(*place));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(as_text(secret.bytes()), "a root key");
}

TEST(LockedMemory, IsSharedByManySmallSecrets) {
  const auto page_of = [](const void* place) { return reinterpret_cast<std::uintptr_t>(place) / 65536; };
  std::vector<SecretBytes> secrets;
  std::set<std::uintptr_t> places;
  for (int i = 0; i < 1000; ++i) {
    secrets.emplace_back(std::string(32, 'k'));
    places.insert(page_of(secrets.back().bytes().data()));
  }
  EXPECT_LE(places.size(), 16U) << "a page for each key is more than may be locked";
}

TEST(LockedMemory, IsAlignedForAnything) {
  std::vector<void*> places;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 1; size < 200; ++size) {
      places.push_back(allocate_locked(size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(places.back()) % alignof(std::max_align_t), 0U) << size;
    }
  }
  for (std::size_t i = 0; i < places.size(); ++i) free_locked(places[i], i % 199 + 1);
}

TEST(LockedMemory, IsWipedWhenItIsGivenBack) {
  auto* place = static_cast<unsigned char*>(allocate_locked(48));
  for (int i = 0; i < 48; ++i) place[i] = 0xAA;
  free_locked(place, 48);
  auto* again = static_cast<unsigned char*>(allocate_locked(48));
  EXPECT_EQ(again, place) << "the test needs the same place to look at";
  for (int i = 16; i < 48; ++i)
    EXPECT_EQ(again[i], 0) << i;  // the allocator itself uses the first bytes of a free block
  free_locked(again, 48);
}

}  // namespace
}  // namespace modelfloat::crypto
