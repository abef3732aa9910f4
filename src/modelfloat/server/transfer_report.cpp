#include "modelfloat/server/transfer_report.h"

#include <nlohmann/json.hpp>

#include "modelfloat/base/hex.h"
#include "modelfloat/base/log.h"
#include "modelfloat/server/json.h"

namespace modelfloat::server {
namespace {

constexpr Milliseconds k_progress_period{250};

}  // namespace

TransferReport::TransferReport(EventLog& events, const engine::Environment& environment, Direction direction,
                               std::string model, std::optional<std::uint64_t> total_bytes)
    : events_(events),
      clock_(environment.clock),
      id_("t" + to_hex(environment.random.array<8>())),
      direction_(direction),
      model_(std::move(model)),
      total_bytes_(total_bytes) {
  progress(0);
}

TransferReport::~TransferReport() {
  if (!ended_) publish("failed");
}

void TransferReport::progress(std::uint64_t done_bytes) {
  done_bytes_ = done_bytes;
  const auto now = clock_.steady_now();
  if (ended_ || (told_ && now - *told_ < k_progress_period)) return;
  told_ = now;
  publish("running");
}

void TransferReport::end(std::uint64_t bytes) {
  if (ended_) return;
  ended_ = true;
  done_bytes_ = bytes;
  total_bytes_ = bytes;
  publish("done");
}

void TransferReport::publish(const char* state) noexcept {
  try {
    nlohmann::ordered_json json{{"id", id_},
                                {"direction", direction_ == Direction::upload ? "upload" : "pull"},
                                {"model", model_},
                                {"state", state},
                                {"done_bytes", done_bytes_},
                                {"total_bytes", nullptr}};
    if (total_bytes_) json["total_bytes"] = *total_bytes_;
    events_.publish("transfer", to_text(nlohmann::json(json)));
  } catch (const std::exception& error) {
    log_debug(error.what());  // no memory: whoever watches misses an event
  }
}

void LoadReport::progress(const runner::LoadProgress& progress) {
  total_bytes_ = progress.bytes_total;
  if (progress.step == runner::LoadProgress::Step::starting) return loaded();
  if (!report_) report_.emplace(events_, environment_, TransferReport::Direction::pull, model_, progress.bytes_total);
  report_->progress(progress.bytes_done);
}

void LoadReport::loaded() {
  if (report_) report_->end(total_bytes_);
}

}  // namespace modelfloat::server
