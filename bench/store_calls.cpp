// Puts or gets many objects of a store at once, for bench/store_throughput.py, and prints the
// seconds that the calls took. bench_store_calls put|get URL CREDENTIALS_FILE COUNT OBJECT_BYTES
// THREADS [API_URL [TOKEN_URL]]
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "modelfloat/base/error.h"
#include "modelfloat/base/random.h"
#include "modelfloat/store/memory/memory_vault.h"
#include "modelfloat/store/store_factory.h"

using namespace modelfloat;

namespace {

class Silent final : public store::Dialogue {
 public:
  void tell(const std::string&) override {}
  std::string ask(const std::string& prompt, bool) override {
    throw Error(ErrorKind::denied, prompt, "nobody is there to be asked");
  }
};

ObjectName name_of(std::uint64_t number) {
  Hash256 hash{};
  hash[0] = static_cast<std::byte>(number * 37);
  store_le(MutableByteSpan(hash).subspan(8, 8), number);
  return ObjectName::of(ObjectType::shard, hash);
}

void run(int argc, char** argv) {
  if (argc < 7 || argc > 9)
    throw Error(ErrorKind::invalid, "arguments",
                "put|get URL CREDENTIALS_FILE COUNT OBJECT_BYTES THREADS [API_URL [TOKEN_URL]]");
  const bool puts = std::string(argv[1]) == "put";
  std::ifstream file(argv[3], std::ios::binary);
  const std::string json((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  store::StoreSettings settings;
  settings.credentials = store::Credentials::parse(as_bytes(json), "credentials");
  if (argc > 7) settings.api_url = argv[7];
  if (argc > 8) settings.token_url = argv[8];
  SystemClock clock;
  SystemRandom random;
  store::MemoryVault vault;
  Silent nobody;
  if (puts) store::prepare_new_store(argv[2], settings, {clock, random, vault}, nobody, {});
  const auto store = store::make_store(argv[2], settings, {clock, random, vault});

  const std::uint64_t count = std::stoull(argv[4]);
  const std::uint64_t size = std::stoull(argv[5]);
  std::vector<Bytes> objects(puts ? count : 0);
  for (Bytes& bytes : objects) {
    bytes.resize(size);
    random.fill(bytes);
  }
  std::atomic<std::uint64_t> next = 0;
  std::atomic<bool> failed = false;
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < std::stoull(argv[6]); ++t) {
      threads.emplace_back([&] {
        try {
          for (std::uint64_t i = next++; i < count; i = next++) {
            if (puts) {
              store->put(name_of(i), objects[i], {});
            } else {
              const auto bytes = store->get(name_of(i), {}, {});
              if (!bytes || bytes->size() != size)
                throw Error(ErrorKind::corrupt, name_of(i).path(), "is not what was put");
            }
          }
        } catch (const Error& error) {
          std::fprintf(stderr, "%s\n", error.what());
          failed = true;
        }
      });
    }
  }
  if (failed) throw Error(ErrorKind::transient, "store", "a call failed");
  std::printf("%.4f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
