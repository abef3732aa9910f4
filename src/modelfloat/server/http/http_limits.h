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
  // While the server waits for a client, the client must send or receive at least this much on
  // average over each window. Time in which the client waits for the server does not count.
  std::uint64_t least_bytes_per_second = 1024;
  Milliseconds rate_window{30'000};
  // Beyond this number, or half of the process's descriptors, the connection that has been idle
  // longest is closed.
  std::size_t connections = 2000;
  std::size_t handlers = 48;        // requests that are worked on at once: each has a thread
  std::size_t queued = 256;         // requests that wait for a thread; beyond, 503
  Milliseconds drain_time{10'000};  // how long running requests may go on when the server ends
  // How long a client that is still sending may take to read its response before its connection
  // is closed.
  Milliseconds linger_time{2'000};
};

}  // namespace modelfloat::server
