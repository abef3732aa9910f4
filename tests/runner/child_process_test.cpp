#include "modelfloat/base/child_process.h"

#include <thread>

#include "runner/fake_programs.h"
#include "support/temporary_folder.h"
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/runner/sandbox.h"

namespace modelfloat::runner {
namespace {

using nlohmann::json;
using test::fake_program;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

// A sanitizer's own start-up writes a file where it finds a folder for it.
constexpr auto k_no_temporary_files = "TMPDIR=/dev/null";

json report_of(ChildSpec spec, const TemporaryFolder& folder, std::uint64_t memory_bytes = 0) {
  spec.program = fake_program(folder.path(), "report");
  SandboxSpec sandboxed = test::sandbox_for(spec.program);
  sandboxed.memory_bytes = memory_bytes;
  Sandbox sandbox(sandboxed, choose_file_confinement(test::test_sandbox()), test::test_sandbox());
  spec.confinement = &sandbox;
  if (spec.environment.empty()) spec.environment = {k_no_temporary_files};
  const ChildProcess child(spec);
  const ChildEnd end = child.wait({});
  EXPECT_FALSE(end.by_signal);
  EXPECT_EQ(end.number, 0);
  return json::parse(child.output());
}

class ChildProcessTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
};

TEST_F(ChildProcessTest, SeesOnlyWhatItWasGiven) {
  // Not close-on-exec: must be closed all the same.
  const FileDescriptor ours(::open("/dev/null", O_RDONLY));
  const FileDescriptor given(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  ::setenv("MODELFLOAT_PASSPHRASE", "a secret of the parent", 1);
  ChildSpec spec;
  spec.arguments = {"one", "two"};
  spec.environment = {"LANG=C.UTF-8", k_no_temporary_files};
  spec.inherited_fd = given.get();
  const json report = report_of(spec, folder_);
  ::unsetenv("MODELFLOAT_PASSPHRASE");

  EXPECT_EQ(report["descriptors"].size(), 4U) << report["descriptors"];
  EXPECT_EQ(report["descriptors"]["3"], "/dev/zero");
  EXPECT_THAT(report["environment"].get<std::vector<std::string>>(), ElementsAre("LANG=C.UTF-8", k_no_temporary_files));
  EXPECT_THAT(report["arguments"].get<std::vector<std::string>>(),
              ElementsAre(fake_program(folder_.path(), "report").string(), "one", "two"));
}

TEST_F(ChildProcessTest, HasNoDescriptorMoreWithoutAnInheritedOne) {
  EXPECT_EQ(report_of({}, folder_)["descriptors"].size(), 3U);
}

TEST_F(ChildProcessTest, IsShutIn) {
  const json report = report_of({}, folder_);
  EXPECT_EQ(report["core_limit"], 0);
  EXPECT_EQ(report["take_memory"], "worked");
}

TEST_F(ChildProcessTest, TakesNoMoreMemoryThanWasPlanned) {
  if (!test::test_sandbox().limit_memory) GTEST_SKIP() << "a sanitizer needs more memory than any limit";
  const json report = report_of({}, folder_, 512U << 20);
  EXPECT_EQ(report["memory_limit"], 512U << 20);
  EXPECT_EQ(report["take_memory"], "ENOMEM");
}

// Between fork and exec it still has our memory, keys and all.
TEST_F(ChildProcessTest, NeverMakesItsCopyOfOurMemoryReadable) {
  for (const char* user : {"0", "65534"}) {
    ChildSpec spec;
    spec.program = fake_program(folder_.path(), "undumpable");
    spec.arguments = {user};
    spec.environment = {k_no_temporary_files};
    const ChildProcess child(spec);
    const ChildEnd end = child.wait({});
    EXPECT_EQ(to_string(end), "exit code 0") << "user " << user << ": " << child.output();
    EXPECT_EQ(child.output(), "500\n") << "user " << user;
  }
}

TEST_F(ChildProcessTest, IsEndedWhenTheThreadThatReapsItCannotBeStarted) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become a user without other processes";
  ChildSpec spec;
  spec.program = fake_program(folder_.path(), "no-listener");
  spec.arguments = {std::to_string(100'000 + ::getpid() % 1'000'000)};
  spec.environment = {k_no_temporary_files};
  const ChildProcess child(spec);
  EXPECT_EQ(to_string(child.wait({})), "exit code 0") << child.output();
  EXPECT_THAT(child.output(), HasSubstr("cannot start another thread"));
}

TEST_F(ChildProcessTest, ThatIsMissingIsAnError) {
  ChildSpec spec;
  spec.program = folder_ / "nothing";
  try {
    const ChildProcess child(spec);
    FAIL() << "it started";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::not_found);
    EXPECT_THAT(error.what(), HasSubstr("nothing"));
  }
}

TEST_F(ChildProcessTest, IsGoneAfterAKill) {
  ChildSpec spec;
  spec.program = fake_program(folder_.path(), "sleep");
  spec.environment = {k_no_temporary_files};
  ChildProcess child(spec);
  EXPECT_FALSE(child.ended());
  EXPECT_EQ(::getsid(child.id()), child.id());
  child.kill();
  ASSERT_TRUE(child.ended());
  EXPECT_TRUE(child.ended()->by_signal);
  EXPECT_EQ(child.ended()->number, SIGKILL);
  EXPECT_EQ(::kill(child.id(), 0), -1);
  child.kill();  // a second time does nothing
}

TEST_F(ChildProcessTest, AFloodOfOutputIsCutToItsEnd) {
  ChildSpec spec;
  spec.program = fake_program(folder_.path(), "flood");
  spec.environment = {k_no_temporary_files};
  ChildProcess child(spec);
  while (child.output().size() < spec.output_limit) std::this_thread::yield();
  for (int i = 0; i < 10; ++i) EXPECT_LE(child.output().size(), spec.output_limit);
  child.kill();
  EXPECT_EQ(child.output(), std::string(spec.output_limit, 'x'));
}

TEST_F(ChildProcessTest, WaitEndsWhenAStopIsAskedFor) {
  ChildSpec spec;
  spec.program = fake_program(folder_.path(), "sleep");
  spec.environment = {k_no_temporary_files};
  const ChildProcess child(spec);
  std::stop_source stop;
  stop.request_stop();
  CallOptions options;
  options.stop = stop.get_token();
  EXPECT_THROW(child.wait(options), Error);
}

// The grandchild holds the write end of a pipe and nothing else ends it: the end of the pipe's data
// is its death.
TEST_F(ChildProcessTest, DiesWithAParentThatIsKilled) {
  fake_program(folder_.path(), "sleep");
  const std::string program = fake_program(folder_.path(), "orphan").string();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const FileDescriptor read_end(ends[0]);
  // Spawning to an equal number would keep close-on-exec.
  FileDescriptor write_end(::fcntl(ends[1], F_DUPFD_CLOEXEC, 10));
  ::close(ends[1]);

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, write_end.get(), 3);
  std::string name = program;
  char* arguments[] = {name.data(), nullptr};
  pid_t parent = -1;
  ASSERT_EQ(::posix_spawn(&parent, program.c_str(), &actions, nullptr, arguments, environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  write_end.reset();

  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the parent did not get as far as starting its child: " << status;
  pollfd watched{read_end.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&watched, 1, 60'000), 1) << "the child outlived its parent";
}

}  // namespace
}  // namespace modelfloat::runner
