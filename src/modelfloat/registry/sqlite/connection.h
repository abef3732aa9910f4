#pragma once
// One connection to a SQLite file, with statements that are prepared once. SOCI stays behind it.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "modelfloat/base/bytes.h"
#include "modelfloat/base/clock.h"
#include "modelfloat/base/error.h"

namespace modelfloat::registry {

// What goes into a statement. Unsigned 64-bit numbers are stored as signed ones with the same
// bits.
using Parameter = std::variant<std::int64_t, std::string_view, ByteSpan>;

template <typename T>
Parameter to_parameter(const T& value) {
  if constexpr (std::is_same_v<T, UtcTime>) {
    return static_cast<std::int64_t>(value.time_since_epoch().count());
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    return static_cast<std::int64_t>(value);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return std::string_view(value);
  } else {
    return ByteSpan(value);
  }
}

enum class CellKind { number, bytes };

// A value of a result row. as() throws Misfit when the program cannot have written such a value.
struct Cell {
  struct Misfit {};

  std::int64_t number = 0;
  std::string bytes;

  template <typename T>
  static constexpr CellKind k_kind =
      std::is_integral_v<T> || std::is_enum_v<T> || std::is_same_v<T, UtcTime> ? CellKind::number : CellKind::bytes;

  template <typename T>
  T as() const {
    if constexpr (std::is_same_v<T, UtcTime>) {
      return UtcTime(Milliseconds(number));
    } else if constexpr (k_kind<T> == CellKind::number) {
      const T value = static_cast<T>(number);
      if (static_cast<std::int64_t>(value) != number) throw Misfit{};
      return value;
    } else if constexpr (std::is_same_v<T, std::string>) {
      return bytes;
    } else if constexpr (std::is_same_v<T, Bytes>) {
      return to_bytes(bytes);
    } else {
      T array{};
      if (bytes.size() != array.size()) throw Misfit{};
      std::memcpy(array.data(), bytes.data(), array.size());
      return array;
    }
  }
};

// An Error for what SQLite said; `system_errno` is the system's error behind it, or 0.
Error sqlite_error(int code, const std::filesystem::path& file, std::string_view message, int system_errno = 0);

// For one thread at a time. Every method may throw what sqlite_error() makes.
class Connection {
 public:
  // The file must exist.
  Connection(std::filesystem::path file, Milliseconds lock_timeout);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Several statements without parameters.
  void run_script(const std::string& sql);

  // One statement; ?1, ?2 ... are the arguments.
  template <typename... Arguments>
  void run(std::string_view sql, const Arguments&... arguments) {
    execute(sql, {to_parameter(arguments)...}, {}, [](std::span<const Cell>) {});
  }

  // All rows of a select, each made as Result{column, ...}. Without Columns a row is one column of
  // type Result.
  template <typename Result, typename... Columns, typename... Arguments>
  std::vector<Result> rows(std::string_view sql, const Arguments&... arguments) {
    if constexpr (sizeof...(Columns) == 0) {
      return rows<Result, Result>(sql, arguments...);
    } else {
      std::vector<Result> result;
      execute(sql, {to_parameter(arguments)...}, {Cell::k_kind<Columns>...}, [&result](std::span<const Cell> cells) {
        result.push_back(make_row<Result, Columns...>(cells, std::index_sequence_for<Columns...>{}));
      });
      return result;
    }
  }

  // The first row, if there is one.
  template <typename Result, typename... Columns, typename... Arguments>
  std::optional<Result> row(std::string_view sql, const Arguments&... arguments) {
    auto all = rows<Result, Columns...>(sql, arguments...);
    if (all.empty()) return std::nullopt;
    return std::move(all.front());
  }

  // How many rows the last insert, update or delete touched.
  std::uint64_t changes() const;
  // Whether a transaction is open. After some failures SQLite rolls it back on its own.
  bool in_transaction() const;

  const std::filesystem::path& file() const noexcept { return file_; }

 private:
  struct Session;
  struct Prepared;
  using RowSink = std::function<void(std::span<const Cell>)>;

  template <typename Result, typename... Columns, std::size_t... I>
  static Result make_row(std::span<const Cell> cells, std::index_sequence<I...>) {
    return Result{cells[I].template as<Columns>()...};
  }
  void execute(std::string_view sql, std::initializer_list<Parameter> in, std::initializer_list<CellKind> out,
               const RowSink& sink);

  std::filesystem::path file_;
  std::unique_ptr<Session> session_;
};

}  // namespace modelfloat::registry
