#include "modelfloat/transfer/packs/download.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

#include "modelfloat/base/hex.h"

namespace modelfloat::transfer {
namespace {

// The wanted pieces of one pack; pieces of equal fragments are next to each other.
struct PackWork {
  const Pack* pack = nullptr;
  std::vector<DownloadPiece> pieces;
};

// Limits the packs in memory: the fetching thread waits until one of them is finished.
class PackSlots {
 public:
  explicit PackSlots(std::size_t limit) : limit_(limit) {}
  void take() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return taken_ < limit_; });
    ++taken_;
  }
  void give_back() {
    const std::lock_guard lock(mutex_);
    --taken_;
    freed_.notify_one();
  }

 private:
  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::size_t taken_ = 0;
};

std::vector<PackWork> by_pack(std::span<const Pack> packs, const std::vector<DownloadPiece>& pieces) {
  std::map<PackId, std::size_t> place_of;  // index in `work`, in order of first use
  std::vector<PackWork> work;
  for (const DownloadPiece& piece : pieces) {
    const PackId& id = piece.fragment->frame()->pack;
    const auto [place, is_new] = place_of.try_emplace(id, work.size());
    if (is_new) {
      const auto pack = std::find_if(packs.begin(), packs.end(), [&](const Pack& one) { return one.id == id; });
      if (pack == packs.end())
        throw Error(ErrorKind::corrupt, "pack " + to_hex(id), "the manifest does not describe it");
      work.push_back({&*pack, {}});
    }
    work[place->second].pieces.push_back(piece);
  }
  for (PackWork& one : work) {
    std::stable_sort(one.pieces.begin(), one.pieces.end(), [](const DownloadPiece& a, const DownloadPiece& b) {
      return a.fragment->frame()->offset < b.fragment->frame()->offset;
    });
  }
  return work;
}

// Fragments are equal only if all members are: a manifest may list another fragment at the same
// place.
bool same_fragment(const DownloadPiece& a, const DownloadPiece& b) { return *a.fragment == *b.fragment; }

// Opens and checks each fragment once and delivers it to every place where it belongs.
void open_pieces(IncomingPack& pack, std::span<const DownloadPiece> pieces, const PieceSink& deliver) {
  Bytes plain(k_max_fragment_bytes);
  for (std::size_t i = 0; i < pieces.size();) {
    const Fragment& fragment = *pieces[i].fragment;
    const MutableByteSpan bytes = MutableByteSpan(plain).first(fragment.plain_bytes);
    pack.open(fragment, bytes);
    const std::size_t first = i;
    for (; i < pieces.size() && same_fragment(pieces[first], pieces[i]); ++i) deliver(pieces[i], bytes);
  }
}

std::vector<Fragment> distinct_fragments(const PackWork& work) {
  std::vector<Fragment> fragments;
  for (std::size_t i = 0; i < work.pieces.size(); ++i) {
    if (i == 0 || !same_fragment(work.pieces[i - 1], work.pieces[i])) fragments.push_back(*work.pieces[i].fragment);
  }
  return fragments;
}

// Splits the pieces of one pack into a few parts of about equal size, and never between equal
// fragments.
std::vector<std::span<const DownloadPiece>> split(std::span<const DownloadPiece> pieces, std::size_t parts) {
  std::vector<std::span<const DownloadPiece>> result;
  const std::size_t step = std::max<std::size_t>(1, (pieces.size() + parts - 1) / parts);
  for (std::size_t begin = 0; begin < pieces.size();) {
    std::size_t end = std::min(begin + step, pieces.size());
    while (end < pieces.size() && same_fragment(pieces[end - 1], pieces[end])) ++end;
    result.push_back(pieces.subspan(begin, end - begin));
    begin = end;
  }
  return result;
}

void deliver_inline(const PackReading& reading, std::uint32_t epoch, const DownloadPiece& piece,
                    const PieceSink& deliver) {
  Bytes plain(piece.fragment->plain_bytes);
  if (!mf1::open_inline(*piece.fragment, reading.keys, epoch, plain)) {
    throw Error(ErrorKind::corrupt, "fragment " + to_hex(piece.fragment->id),
                "its bytes in the manifest are not what they should be");
  }
  deliver(piece, plain);
}

}  // namespace

std::uint64_t download(const PackReading& reading, Executor& cpu, std::span<const Pack> packs,
                       std::uint32_t inline_epoch, std::vector<DownloadPiece> pieces, const PieceSink& deliver) {
  const auto packed = std::stable_partition(
      pieces.begin(), pieces.end(), [](const DownloadPiece& piece) { return piece.fragment->frame() == nullptr; });
  for (auto piece = pieces.begin(); piece != packed; ++piece) deliver_inline(reading, inline_epoch, *piece, deliver);
  pieces.erase(pieces.begin(), packed);

  const std::vector<PackWork> work = by_pack(packs, pieces);
  constexpr std::size_t k_packs_in_memory = 2;
  PackSlots slots(k_packs_in_memory);
  std::atomic<std::uint64_t> fetched = 0;
  TaskGroup opening(cpu, cpu.width() * 2);  // destroyed before `slots`, which its tasks release
  std::deque<std::pair<std::shared_ptr<IncomingPack>, const PackWork*>> coming;

  const auto open_next = [&] {
    auto [pack, its_work] = std::move(coming.front());
    coming.pop_front();
    pack->finish();
    for (const auto& [other, unused] : coming)
      other->poll();  // the stores that are late for this pack may be late for that one
    for (const auto part : split(its_work->pieces, cpu.width() * 2)) {
      // Shared by the tasks of the pack: the last one frees it and releases its slot.
      opening.run([pack = pack, part, &deliver] { open_pieces(*pack, part, deliver); });
    }
  };
  for (const PackWork& one : work) {
    check_cancelled(reading.call, reading.stores.clock(), "download");
    // At most one other pack is being fetched, so this waits for a pack that is being opened.
    slots.take();
    std::shared_ptr<IncomingPack> pack(new IncomingPack(reading, *one.pack, distinct_fragments(one)),
                                       [&](IncomingPack* done) {
                                         fetched += done->bytes_fetched();
                                         delete done;
                                         slots.give_back();
                                       });
    pack->start();
    coming.emplace_back(std::move(pack), &one);
    if (coming.size() == k_packs_in_memory) open_next();
  }
  while (!coming.empty()) open_next();
  opening.wait();
  return fetched;
}

}  // namespace modelfloat::transfer
