#include "support/temporary_folder.h"

#include <cerrno>
#include <cstdlib>
#include <string>

#include "modelfloat/base/error.h"

namespace modelfloat::test {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "modelfloat-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw system_error(errno, pattern, "no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace modelfloat::test
