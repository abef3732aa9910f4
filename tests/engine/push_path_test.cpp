// Pushes from the file system.

#include <fstream>

#include "engine/test_pool.h"
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modelfloat/engine/catalogue/model_list.h"

namespace modelfloat {
namespace {

namespace fs = std::filesystem;

using test::Machine;
using test::Threads;
using test::World;

// A file that something writes to while it is pushed: at each of the first `writes` reports of
// progress.
class ChangingFile : public testing::Test {
 protected:
  ChangingFile() { machine_.create({2, 1, 1}); }

  void write(const fs::path& path, const Bytes& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  engine::PushResult push(const fs::path& path, int times, const std::function<void(int turn)>& change) {
    engine::PushOptions options;
    options.model = "ns/model";
    int turn = 0;
    std::uint64_t before = 0;
    // Once in each pass over the file: its first report is the smallest.
    options.progress = [&](std::uint64_t bytes_read, std::uint64_t) {
      if ((turn == 0 || bytes_read < before) && bytes_read > 1000 && turn < times) change(turn++);
      before = bytes_read;
    };
    return engine::push_path(machine_.pool(), path, options, {});
  }
  // Other bytes at the end, the same size, and another time, however coarse the clock of the file
  // system is.
  void overwrite_the_end(const fs::path& path, int turn) {
    const int file = ::open(path.c_str(), O_WRONLY);
    const char mark = static_cast<char>('A' + turn);
    EXPECT_EQ(::pwrite(file, &mark, 1, k_size - 1), 1);
    const timespec times[2] = {{1000 + turn, 5}, {1000 + turn, 5 + turn}};
    ::futimens(file, times);
    ::close(file);
  }
  Bytes pulled() { return machine_.pull("ns/model").at("m.bin"); }
  Bytes on_disk(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return to_bytes(std::string((std::istreambuf_iterator<char>(stream)), {}));
  }

  static constexpr off_t k_size = 20'000'000;
  test::TemporaryFolder folder_;
  const fs::path path_ = folder_ / "m.bin";
  World world_{3};
  Machine machine_{world_, Threads::one};
};

TEST_F(ChangingFile, IsReadOnceMore) {
  write(path_, test::random_bytes(k_size, 1));
  const auto result = push(path_, 1, [&](int turn) {
    const int file = ::open(path_.c_str(), O_WRONLY);
    EXPECT_EQ(::pwrite(file, "changed", 7, 10), 7);  // in what has been read already
    ::close(file);
    overwrite_the_end(path_, turn);
  });
  EXPECT_EQ(result.bytes, static_cast<std::uint64_t>(k_size));
  EXPECT_EQ(pulled(), on_disk(path_));
}

TEST_F(ChangingFile, ThatBecomesLongerIsReadOnceMore) {
  write(path_, test::random_bytes(k_size, 1));
  push(path_, 1, [&](int) { std::ofstream(path_, std::ios::app) << "more"; });
  EXPECT_EQ(pulled(), on_disk(path_));
}

TEST_F(ChangingFile, ThatBecomesShorterIsReadOnceMore) {
  write(path_, test::random_bytes(k_size, 1));
  push(path_, 1, [&](int) { fs::resize_file(path_, 15'000'000); });
  EXPECT_EQ(pulled(), on_disk(path_));
}

TEST_F(ChangingFile, WhoseNameGoesToAnotherIsReadOnceMore) {
  write(path_, test::random_bytes(k_size, 1));
  write(folder_ / "next", test::random_bytes(k_size, 2));
  push(path_, 1, [&](int) { fs::rename(folder_ / "next", path_); });
  EXPECT_EQ(pulled(), on_disk(path_));
}

TEST_F(ChangingFile, ThatChangesAgainIsRefusedByName) {
  write(path_, test::random_bytes(k_size, 1));
  try {
    push(path_, 2, [&](int turn) { overwrite_the_end(path_, turn); });
    FAIL() << "a file that changes all the time was pushed";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("m.bin"), std::string::npos) << error.what();
  }
  EXPECT_TRUE(engine::list_models(machine_.pool(), "", "", 10).models.empty());
}

// What its header said while it was half written is not what the model is.
TEST_F(ChangingFile, LeavesNothingOfItsFirstReadingInTheModel) {
  const fs::path folder = folder_ / "model";
  fs::create_directory(folder);
  write(folder / "a.bin", test::random_bytes(100, 1));
  write(folder / "m.bin", test::random_bytes(k_size, 1));
  push(folder, 1, [&](int turn) {
    if (turn == 0) write(folder / "m.bin", test::random_bytes(k_size, 7));
  });
  const auto files = machine_.pull("ns/model");
  EXPECT_EQ(files.size(), 2U);
  EXPECT_EQ(files.at("m.bin"), on_disk(folder / "m.bin"));
}

}  // namespace
}  // namespace modelfloat
