#include "modelfloat/transfer/packs/pack_stream.h"

#include <iterator>
#include <utility>

#include "modelfloat/mf1/pack_reader.h"
#include "modelfloat/placement/policy.h"

namespace modelfloat::transfer {

// How many fragments are held back, to find one that fills the end of a pack.
static constexpr std::size_t k_look_ahead = 6;
// While fragments of a pack are still being sealed, the next pack grows to at most this part of its
// size.
static constexpr std::uint64_t k_part_beside_fragments = 4;

PackStream::PackStream(const PackStreamContext& context, const PackPlan& plan, std::function<void()> on_sealed)
    : context_(context), plan_(plan), on_sealed_(std::move(on_sealed)) {}

PackStream::~PackStream() {
  if (sealing_.valid()) sealing_.wait();  // sealing uses keys and randomness that we only refer to
}

void PackStream::add(mf1::EncodedFragment fragment) {
  bytes_come_ += fragment.bytes.size();
  pending_.push_back(std::move(fragment));
}

bool PackStream::fill(MoreFragments more) {
  const std::size_t keep = more == MoreFragments::none ? 0 : k_look_ahead;
  while (pending_.size() > keep) {
    if (!builder_) builder_.emplace(next_shape());
    const auto chosen = choose();
    if (chosen == pending_.end()) return true;
    builder_->add(std::move(*chosen));
    pending_.erase(chosen);
  }
  return false;
}

// Takes the oldest fragment if it fits, otherwise the largest that fits. If none fits, the pack is
// full.
PackStream::Fragments::iterator PackStream::choose() {
  if (builder_->fits(pending_.front().bytes.size())) return pending_.begin();
  auto chosen = pending_.end();
  for (auto one = pending_.begin(); one != pending_.end(); ++one) {
    const bool larger = chosen == pending_.end() || one->bytes.size() > chosen->bytes.size();
    if (builder_->fits(one->bytes.size()) && larger) chosen = one;
  }
  return chosen;
}

mf1::PackShape PackStream::next_shape() const {
  const std::uint64_t slice =
      placement::slice_bytes(plan_.model_bytes.value_or(bytes_come_), plan_.redundancy, plan_.max_object_bytes);
  return {plan_.redundancy, slice, static_cast<std::uint8_t>(plan_.survive)};
}

void PackStream::seal(MoreFragments more) {
  if (!builder_) return;
  // std::function needs a callable that can be copied.
  auto builder = std::make_shared<mf1::PackBuilder>(std::move(*builder_));
  builder_.reset();
  auto spare = std::make_shared<std::vector<Bytes>>(std::exchange(spare_, {}));
  auto fragments_sealed = std::make_shared<std::promise<void>>();
  fragments_sealed_ = fragments_sealed->get_future();
  const bool is_last = more == MoreFragments::none;
  auto task = std::make_shared<std::packaged_task<Sealed()>>(
      [context = context_, suite = plan_.suite, is_last, builder, spare, fragments_sealed] {
        // Moved here so that an exception ends the wait of wait_for_memory(), too.
        std::promise<void> sealed = std::move(*fragments_sealed);
        return std::make_shared<mf1::SealedPack>(mf1::seal(std::move(*builder), context.keys, suite, context.random,
                                                           is_last, std::move(*spare), [&] { sealed.set_value(); }));
      });
  sealing_ = task->get_future();
  context_.cpu.submit([task, on_sealed = on_sealed_] {
    (*task)();
    on_sealed();
  });
}

PackStream::Sealed PackStream::sealed_if_ready() {
  if (!sealing_.valid() || sealing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return nullptr;
  return sealing_.get();
}

// The fragments are in memory together with the shards that are made of them, and the CPU threads
// may be busy with other work.
void PackStream::wait_for_memory() {
  if (!sealing_.valid() || !builder_) return;
  if (builder_->used_bytes() > builder_->shape().pack_bytes() / k_part_beside_fragments) fragments_sealed_.wait();
}

void PackStream::take_back(const mf1::SealedPack& pack) {
  auto back = mf1::encoded_fragments_of(pack, context_.keys);
  if (builder_) {
    auto next = builder_->release();
    back.insert(back.end(), std::make_move_iterator(next.begin()), std::make_move_iterator(next.end()));
    builder_.reset();
  }
  pending_.insert(pending_.begin(), std::make_move_iterator(back.begin()), std::make_move_iterator(back.end()));
}

}  // namespace modelfloat::transfer
