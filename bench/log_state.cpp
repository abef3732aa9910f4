// Decodes the records of a log and works out the state of the pool, for bench/log.py. Prints the
// seconds of CPU for each and the peak of memory. bench_log_state RECORDS
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "modelfloat/domain/pool_state.h"
#include "modelfloat/mf1/log_codec.h"

using namespace modelfloat;

namespace {

constexpr std::uint64_t k_writers = 10;
constexpr std::uint64_t k_models = 20'000;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

long peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

Hash256 hash_of(std::uint64_t number) {
  Hash256 hash{};
  store_le(MutableByteSpan(hash).first(8), number);
  return hash;
}

// Every second record commits what the one before prepared; every seventh knows another writer.
Bytes record(std::uint64_t number) {
  LogRecord record;
  record.writer[0] = static_cast<std::byte>(1 + number % k_writers);
  record.seq = 1 + number / k_writers;
  record.time = 1'700'000'000 + number;
  if (number % 7 == 0 && record.seq > 1) {
    WriterId other{};
    other[0] = static_cast<std::byte>(1 + (number + 3) % k_writers);
    record.heads[other] = {record.seq - 1, {}};
  }
  ManifestNaming naming;
  naming.model = "some-namespace/model-" + std::to_string(number / 2 % k_models);
  naming.tag = "latest";
  naming.manifest = {hash_of(number / 2 + 1), hash_of(number / 2 + 1)};
  if (number % 2 == 0) {
    record.changes = {Prepared{naming}};
  } else {
    record.changes = {Committed{naming}};
  }
  return mf1::to_cbor(record);
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::stoull(argv[1]) : 100'000;
  std::vector<Bytes> rows;
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    rows.push_back(record(i));
    bytes += rows.back().size();
  }
  const double begin = cpu_seconds();
  std::vector<SeenRecord> records;
  records.reserve(rows.size());
  for (std::uint64_t i = 0; i < count; ++i) records.push_back({mf1::log_record_from_cbor(rows[i]), hash_of(i * 7919)});
  const double decoded = cpu_seconds();
  const PoolState state = pool_state_of(records);
  const double end = cpu_seconds();
  std::printf("%llu records, %zu MB of CBOR: decoding %.2f s, state %.2f s, %zu manifests, peak %ld MiB\n",
              static_cast<unsigned long long>(count), bytes / 1'000'000, decoded - begin, end - decoded,
              state.manifests.size(), peak_mib());
}
