#pragma once
// What a client may ask of the server's memory, threads and time.

#include <cstddef>
#include <cstdint>

#include "modelfloat/base/clock.h"

namespace modelfloat::server {

struct HttpLimits {
  std::size_t head_bytes = std::size_t{16} << 10;  // request line and fields
  std::size_t head_fields = 100;
  // From its first byte, or from the connection, to the end of the head.
  Milliseconds head_time{10'000};
  Milliseconds idle_time{60'000};  // between requests
  // A client that is waited for must send, or take, this much on average over each window of
  // waiting. Time in which it waits for us does not count.
  std::uint64_t least_bytes_per_second = 1024;
  Milliseconds rate_window{30'000};
  // Beyond, or beyond half of the descriptors, the one that idles longest makes room.
  std::size_t connections = 2000;
  std::size_t handlers = 48;        // requests that are worked on at once: each has a thread
  std::size_t queued = 256;         // requests that wait for a thread; beyond, 503
  Milliseconds drain_time{10'000};  // how long running requests may go on when the server ends
  // How long a client that still sends has to read its answer before it is cut off.
  Milliseconds linger_time{2'000};
};

}  // namespace modelfloat::server
