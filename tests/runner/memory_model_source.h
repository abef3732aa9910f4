#pragma once
// A model source whose bytes are in memory.

#include <atomic>
#include <cerrno>
#include <functional>
#include <string>

#include <unistd.h>

#include "modelfloat/base/error.h"
#include "modelfloat/runner/model_source.h"

namespace modelfloat::test {

class MemoryModelSource final : public runner::ModelSource {
 public:
  MemoryModelSource(std::string name, std::string bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}

  std::string name() const override { return name_; }
  std::string identity() const override { return name_ + "@1"; }
  std::uint64_t size_bytes() const override { return bytes_.size(); }
  void fill(int fd, const std::function<void(std::uint64_t)>& progress, const CallOptions& options) override {
    ++fills;
    if (before_fill) before_fill(options);
    progress(bytes_.size() / 2);
    if (::pwrite(fd, bytes_.data(), bytes_.size(), 0) != static_cast<ssize_t>(bytes_.size())) {
      throw system_error(errno, name_, "cannot write");
    }
    progress(bytes_.size());
  }

  std::atomic<int> fills = 0;
  std::function<void(const CallOptions&)> before_fill;  // may throw, or wait

 private:
  std::string name_;
  std::string bytes_;
};

}  // namespace modelfloat::test
