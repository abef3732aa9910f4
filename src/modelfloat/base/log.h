#pragma once
// What the program tells its operator, on stderr. Never a key, token, password or a byte of a
// model.

#include <string_view>

namespace modelfloat {

enum class LogLevel { debug, info, warning, error };

// Messages below this level are dropped. The default is warning.
void set_log_level(LogLevel) noexcept;

// May be called from any thread.
void log(LogLevel, std::string_view message);

inline void log_debug(std::string_view message) { log(LogLevel::debug, message); }
inline void log_info(std::string_view message) { log(LogLevel::info, message); }
inline void log_warning(std::string_view message) { log(LogLevel::warning, message); }
inline void log_error(std::string_view message) { log(LogLevel::error, message); }

}  // namespace modelfloat
