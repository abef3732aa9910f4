#include "modelfloat/runner/resident_models.h"

#include <algorithm>

#include <fmt/format.h>

#include "modelfloat/base/log.h"

namespace modelfloat::runner {
namespace {

std::string mebibytes(std::uint64_t bytes) { return fmt::format("{} MiB", (bytes + (1U << 20) - 1) >> 20); }

bool is_busy(const Model& model) { return model.requests > 0 || model.phase == Phase::loading; }

RunningModel::State state_of(const Model& model) {
  switch (model.phase) {
    case Phase::ready: return RunningModel::State::ready;
    case Phase::stopped: return RunningModel::State::stopped;
    default: return RunningModel::State::loading;
  }
}

}  // namespace

ModelPtr ResidentModels::entry_for(const ModelSource& source) {
  ModelPtr& model = models_[source.identity()];
  if (!model) {
    model = std::make_shared<Model>();
    model->name = source.name();
    model->identity = source.identity();
    model->size_bytes = source.size_bytes();
  }
  return model;
}

ModelPtr ResidentModels::find(std::string_view identity) const {
  const auto found = models_.find(identity);
  return found == models_.end() ? nullptr : found->second;
}

std::vector<RunningModel> ResidentModels::running() const {
  std::vector<RunningModel> result;
  for (const auto& [identity, model] : models_) {
    result.push_back({model->name, identity, state_of(*model), model->size_bytes, model->memory_bytes, model->requests,
                      model->last_used_utc});
  }
  return result;
}

std::vector<ModelPtr> ResidentModels::make_room(Model& model, const MemoryNeed& need, SteadyTime now) {
  for (const bool repack : {true, false}) {
    auto evicted = evict_for(model, need.total(repack), now);
    if (!evicted) continue;
    model.repack = repack;
    return *std::move(evicted);
  }
  throw no_room(model, need);
}

std::optional<std::vector<ModelPtr>> ResidentModels::evict_for(Model& model, std::uint64_t bytes, SteadyTime now) {
  std::vector<HeldModel> held;
  std::vector<ModelPtr> owners;
  for (const auto& [identity, other] : models_) {
    if (other.get() == &model) continue;
    held.push_back({other->memory_bytes, other->load_seconds, std::max(0.0, seconds_between(other->last_used, now)),
                    is_busy(*other)});
    owners.push_back(other);
  }
  const auto victims = choose_victims(held, bytes, ram_budget_bytes_);
  if (!victims) return std::nullopt;
  std::vector<ModelPtr> evicted;
  for (const std::size_t i : *victims) {
    log_info(fmt::format("{} leaves memory to make room for {}", owners[i]->name, model.name));
    forget(*owners[i]);
    evicted.push_back(owners[i]);
  }
  model.memory_bytes = bytes;
  return evicted;
}

Error ResidentModels::no_room(const Model& model, const MemoryNeed& need) const {
  const bool would_fit_alone = need.total(false) <= ram_budget_bytes_;
  std::uint64_t taken = 0;
  for (const auto& [identity, other] : models_) {
    if (other.get() != &model) taken += other->memory_bytes;
  }
  auto text =
      fmt::format("needs {} of memory ({} for the model, {} for its context, {} to work in), the RAM budget is {}",
                  mebibytes(need.total(false)), mebibytes(need.model_bytes), mebibytes(need.cache_bytes),
                  mebibytes(need.work_bytes), mebibytes(ram_budget_bytes_));
  if (!would_fit_alone) return {ErrorKind::out_of_space, model.name, text};
  text += fmt::format(", and models that are busy now take {} of it", mebibytes(taken));
  return {ErrorKind::out_of_space, model.name, text, std::chrono::seconds(5)};
}

std::vector<ModelPtr> ResidentModels::take_idle(Milliseconds idle_limit, SteadyTime now) {
  std::vector<ModelPtr> gone;
  for (auto it = models_.begin(); it != models_.end();) {
    const ModelPtr& model = it->second;
    const bool decided = model->phase == Phase::ready || model->phase == Phase::stopped;
    if (decided && model->requests == 0 && now - model->last_used >= idle_limit) {
      gone.push_back(model);
      it = models_.erase(it);
    } else {
      ++it;
    }
  }
  return gone;
}

ModelPtr ResidentModels::extract(std::string_view identity) {
  ModelPtr model = find(identity);
  if (!model || is_busy(*model)) return nullptr;
  forget(*model);
  return model;
}

}  // namespace modelfloat::runner
