#include "modelfloat/cli/failure.h"

#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>

#include <gtest/gtest.h>

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

fs::filesystem_error file_failure(int number) {
  return {"cannot make folder", "/some/where", std::error_code(number, std::system_category())};
}

// They came through as "filesystem error: ..." with exit code 1.
TEST(AsError, GivesFailuresOfTheFileSystemTheirKindAndPlace) {
  for (const auto& [number, kind, code] : {std::tuple{EACCES, ErrorKind::denied, ExitCode::denied},
                                           {EPERM, ErrorKind::denied, ExitCode::denied},
                                           {EROFS, ErrorKind::denied, ExitCode::denied},
                                           {ENOENT, ErrorKind::not_found, ExitCode::not_found},
                                           {ENOSPC, ErrorKind::out_of_space, ExitCode::error},
                                           {ELOOP, ErrorKind::invalid, ExitCode::error}}) {
    const Error error = as_error(file_failure(number));
    EXPECT_EQ(error.kind, kind) << number;
    EXPECT_EQ(error.where, "/some/where");
    EXPECT_EQ(std::string(error.what()).find("filesystem error"), std::string::npos) << error.what();
    EXPECT_EQ(report_failure(file_failure(number), false), code) << number;
  }
  EXPECT_EQ(as_error(fs::filesystem_error("no folder", std::error_code(ENOENT, std::system_category()))).where,
            "working folder");
}

TEST(AsError, SaysWhatIsShort) {
  const Error memory = as_error(std::bad_alloc());
  EXPECT_EQ(memory.kind, ErrorKind::transient);
  EXPECT_NE(std::string(memory.what()).find("memory"), std::string::npos) << memory.what();
  EXPECT_EQ(as_error(std::system_error(EAGAIN, std::generic_category())).kind, ErrorKind::transient);
}

TEST(AsError, LeavesAnErrorAsItIs) {
  const Error error(ErrorKind::corrupt, "here", "is wrong");
  EXPECT_EQ(as_error(error).kind, ErrorKind::corrupt);
  EXPECT_STREQ(as_error(error).what(), error.what());
  EXPECT_EQ(as_error(std::runtime_error("a surprise")).kind, ErrorKind::internal);
}

TEST(ReportFailure, OfAUsageErrorIsTwo) {
  EXPECT_EQ(report_failure(UsageError("here", "makes no sense"), false), ExitCode::usage);
}

}  // namespace
}  // namespace modelfloat::cli
