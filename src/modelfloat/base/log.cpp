#include "modelfloat/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "modelfloat/base/printable.h"

namespace modelfloat {

static spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_color_mt("modelfloat");
    made->set_pattern("%^%l:%$ %v");
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *instance;
}

static spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

void set_log_level(LogLevel level) noexcept { logger().set_level(level_of(level)); }

void log(LogLevel level, std::string_view message) {
  if (logger().should_log(level_of(level))) logger().log(level_of(level), printable_lines(message));
}

}  // namespace modelfloat
