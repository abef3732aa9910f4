#pragma once
// Tells clients how far an upload is, or a model that is being loaded: as events `transfer`.

#include <cstdint>
#include <optional>
#include <string>

#include "modelfloat/engine/pool/environment.h"
#include "modelfloat/runner/runner.h"
#include "modelfloat/server/event_log.h"

namespace modelfloat::server {

// One transfer. Used by one thread. When it is destroyed before end(), the transfer has failed.
class TransferReport {
 public:
  enum class Direction { upload, pull };
  // `total_bytes`: nullopt when it is not known; for an upload a little more than the model has.
  // `events` and what is in `environment` outlive it.
  TransferReport(EventLog& events, const engine::Environment& environment, Direction direction, std::string model,
                 std::optional<std::uint64_t> total_bytes);
  ~TransferReport();
  TransferReport(const TransferReport&) = delete;
  TransferReport& operator=(const TransferReport&) = delete;

  // Told at most four times a second.
  void progress(std::uint64_t done_bytes);
  // All is done; so many bytes it was.
  void end(std::uint64_t bytes);

 private:
  void publish(const char* state) noexcept;

  EventLog& events_;
  Clock& clock_;
  const std::string id_;
  const Direction direction_;
  const std::string model_;
  std::optional<std::uint64_t> total_bytes_;
  std::uint64_t done_bytes_ = 0;
  std::optional<SteadyTime> told_;
  bool ended_ = false;
};

// The same for a model that is loaded into memory. A model that is there already is no transfer.
// Used by one thread.
class LoadReport {
 public:
  LoadReport(EventLog& events, const engine::Environment& environment, std::string model)
      : events_(events), environment_(environment), model_(std::move(model)) {}
  void progress(const runner::LoadProgress& progress);
  // The model is in memory. Calling it again does nothing.
  void loaded();

 private:
  EventLog& events_;
  const engine::Environment& environment_;
  const std::string model_;
  std::uint64_t total_bytes_ = 0;
  std::optional<TransferReport> report_;
};

}  // namespace modelfloat::server
