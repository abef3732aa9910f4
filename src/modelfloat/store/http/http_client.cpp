#include "modelfloat/store/http/http_client.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <exception>
#include <mutex>

#include <curl/curl.h>
#include <fcntl.h>

#include "modelfloat/base/ascii.h"
#include "modelfloat/base/file_descriptor.h"
#include "modelfloat/store/http/url.h"

namespace modelfloat::store::http {

std::optional<std::string_view> Response::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

namespace {

constexpr long k_buffer_bytes = 128L << 10;
constexpr std::size_t k_idle_connections = 32;
constexpr std::size_t k_longest_head = std::size_t{256} << 10;
constexpr Milliseconds k_longest_wait{10'000};  // between two looks at the deadline

// libcurl requires this once, before any thread uses it.
void initialise_library() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) throw Error(ErrorKind::internal, "libcurl", curl_easy_strerror(result));
}

class HeaderList {
 public:
  ~HeaderList() { curl_slist_free_all(list_); }
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  void add(const std::string& line) {
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      throw Error(ErrorKind::invalid, "HTTP header",
                  "has a line break in it");  // and is not quoted: it may be a secret
    }
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
  }
  curl_slist* get() const noexcept { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

// `connected`: the error came after the connection was made.
ErrorKind kind_of(CURLcode code, bool connected = false) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: return ErrorKind::offline;
    case CURLE_OPERATION_TIMEDOUT: return connected ? ErrorKind::timed_out : ErrorKind::offline;
    case CURLE_UNSUPPORTED_PROTOCOL:
      // If connected, the answer is no HTTP.
      return connected ? ErrorKind::transient : ErrorKind::invalid;
    case CURLE_URL_MALFORMAT: return ErrorKind::invalid;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return ErrorKind::denied;
    case CURLE_OUT_OF_MEMORY: return ErrorKind::out_of_space;
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_NOT_BUILT_IN: return ErrorKind::internal;
    default: return ErrorKind::transient;
  }
}

// Without a free file descriptor no host can be resolved, reached or trusted, and that is not an
// error of the host.
void require_a_descriptor(const std::string& where) {
  const FileDescriptor any(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (any || (errno != EMFILE && errno != ENFILE)) return;
  throw system_error(errno, where, "no connection can be opened here (ulimit -n says how many files may be open)");
}

// The state of one request, for libcurl's callbacks. Exceptions must not pass through libcurl, so
// they are kept here.
class Exchange {
 public:
  explicit Exchange(const Request& request) : request_(request) {
    for (const ByteSpan part : request.body) body_bytes_ += part.size();
  }

  std::uint64_t body_bytes() const noexcept { return body_bytes_; }
  Response& response() noexcept { return response_; }
  // libcurl accepts a connection that ends inside the head as an answer without a body.
  bool head_is_whole() const noexcept { return head_is_whole_; }
  // The exception of a callback.
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

  std::size_t on_header(std::string_view line) noexcept {
    try {
      take_header(line);
      return line.size();
    } catch (...) {
      failure_ = std::current_exception();
      return 0;
    }
  }

  std::size_t on_body(ByteSpan piece) noexcept {
    try {
      take_body(piece);
      return piece.size();
    } catch (...) {
      failure_ = std::current_exception();
      return CURL_WRITEFUNC_ERROR;
    }
  }

  std::size_t on_read(MutableByteSpan room) {
    std::size_t filled = 0;
    while (filled < room.size() && part_ < request_.body.size()) {
      const ByteSpan rest = request_.body[part_].subspan(part_offset_);
      const std::size_t step = std::min(rest.size(), room.size() - filled);
      if (step != 0) std::memcpy(room.data() + filled, rest.data(), step);
      filled += step;
      part_offset_ += step;
      if (part_offset_ == request_.body[part_].size()) {
        ++part_;
        part_offset_ = 0;
      }
    }
    return filled;
  }

  // libcurl sends the body again when a kept connection turns out to be closed, and for Digest.
  bool on_seek(std::uint64_t offset) {
    part_ = 0;
    while (part_ < request_.body.size() && offset >= request_.body[part_].size())
      offset -= request_.body[part_++].size();
    part_offset_ = offset;
    return part_ < request_.body.size() || offset == 0;
  }

 private:
  void take_header(std::string_view line) {
    if (line.starts_with("HTTP/")) {  // also after "100 Continue" and a request for Digest
      response_ = {};
      head_bytes_ = 0;
      head_is_whole_ = false;
      const auto space = line.find(' ');
      if (space != std::string_view::npos) response_.status = std::atoi(std::string(line.substr(space + 1, 3)).c_str());
      return;
    }
    if (trimmed(line).empty()) {
      if (request_.on_head && response_.ok() && !head_is_whole_) request_.on_head(response_);
      head_is_whole_ = true;  // a trailer ends in the same way
      return;
    }
    head_bytes_ += line.size();
    if (head_bytes_ > k_longest_head)
      throw Error(ErrorKind::corrupt, request_.where, "the answer's head is longer than it can rightly be");
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
      response_.headers.emplace_back(lower_case(trimmed(line.substr(0, colon))), trimmed(line.substr(colon + 1)));
    }
  }

  void take_body(ByteSpan piece) {
    if (request_.sink && response_.ok()) return request_.sink(piece);
    const std::uint64_t limit =
        response_.ok() ? request_.max_answer_bytes : std::max(request_.max_answer_bytes, k_error_bytes);
    if (piece.size() > limit - std::min<std::uint64_t>(limit, response_.body.size())) {
      throw Error(ErrorKind::corrupt, request_.where, "the answer is longer than it can rightly be");
    }
    if (response_.body.empty() && response_.ok()) reserve();
    append(response_.body, piece);
  }

  void reserve() {
    std::uint64_t announced = 0;
    if (const auto length = response_.header("content-length"))
      std::from_chars(length->data(), length->data() + length->size(), announced);
    response_.body.reserve(std::min(std::max(announced, request_.expected_bytes), request_.max_answer_bytes));
  }

  // An error answer may be longer than the expected answer.
  static constexpr std::uint64_t k_error_bytes = std::uint64_t{64} << 10;

  const Request& request_;
  std::uint64_t body_bytes_ = 0;
  Response response_;
  std::size_t head_bytes_ = 0;
  bool head_is_whole_ = false;
  std::exception_ptr failure_;
  std::size_t part_ = 0;
  std::size_t part_offset_ = 0;
};

std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->on_header({data, size * count});
}
std::size_t body_callback(char* data, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->on_body(as_bytes({data, size * count}));
}
std::size_t read_callback(char* data, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->on_read(std::as_writable_bytes(std::span(data, size * count)));
}
int seek_callback(void* exchange, curl_off_t offset, int origin) {
  const bool done = origin == SEEK_SET && offset >= 0 &&
                    static_cast<Exchange*>(exchange)->on_seek(static_cast<std::uint64_t>(offset));
  return done ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

}  // namespace

// An easy handle in a multi handle of its own. Another thread can wake the poll of a multi handle.
class HttpClient::Connection {
 public:
  Connection() : easy_(curl_easy_init()), multi_(curl_multi_init()) {
    if (easy_ == nullptr || multi_ == nullptr) throw Error(ErrorKind::internal, "libcurl", "gives no handle");
  }
  ~Connection() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Response send(const Request& request, const ClientSettings& settings, const Authorities& authorities,
                const CallOptions& options);

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy_, option, value);
    if (code != CURLE_OK) throw Error(kind_of(code), "libcurl", curl_easy_strerror(code));
  }
  void prepare(const Request& request, Exchange& exchange, const HeaderList& headers, const ClientSettings& settings);
  void set_body(const Request& request, Exchange& exchange);
  void set_authorities(const Authorities& authorities, bool alone);
  CURLcode run(const std::string& where, const CallOptions& options);
  bool was_reused();
  Response finish(CURLcode code, const Request& request, Exchange& exchange, const Authorities& authorities);

  CURL* easy_;
  CURLM* multi_;
};

void HttpClient::Connection::set_body(const Request& request, Exchange& exchange) {
  const bool has_body =
      request.has_body || !request.body.empty() || request.method == "POST" || request.method == "PUT";
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  if (!has_body) {
    set(CURLOPT_HTTPGET, 1L);
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    return;
  }
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(exchange.body_bytes()));
  set(CURLOPT_READFUNCTION, &read_callback);
  set(CURLOPT_READDATA, static_cast<void*>(&exchange));
  set(CURLOPT_SEEKFUNCTION, &seek_callback);
  set(CURLOPT_SEEKDATA, static_cast<void*>(&exchange));
}

void HttpClient::Connection::prepare(const Request& request, Exchange& exchange, const HeaderList& headers,
                                     const ClientSettings& settings) {
  curl_easy_reset(easy_);
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  // Parallel calls need connections of their own.
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_USERAGENT, "modelfloat");
  set(CURLOPT_BUFFERSIZE, k_buffer_bytes);
  set(CURLOPT_UPLOAD_BUFFERSIZE, k_buffer_bytes);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout.count()));
  set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(settings.stall_bytes_per_second));
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(std::max<Milliseconds::rep>(1, settings.stall_timeout.count() / 1000)));
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for the resolver's thread
  if (!settings.unix_socket.empty()) set(CURLOPT_UNIX_SOCKET_PATH, settings.unix_socket.c_str());
  if (!settings.unix_socket.empty() || is_this_machine(request.url)) set(CURLOPT_PROXY, "");
  if (request.login != nullptr) {
    // Only one scheme, never "any": libcurl would send the whole body just to find out which one.
    set(CURLOPT_HTTPAUTH, static_cast<long>(request.login->digest ? CURLAUTH_DIGEST : CURLAUTH_BASIC));
    set(CURLOPT_USERNAME, request.login->user.c_str());
    std::string password(as_text(request.login->password.bytes()));
    set(CURLOPT_PASSWORD, password.c_str());
    crypto::wipe(std::as_writable_bytes(std::span(password)));
  }
  set_body(request, exchange);
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_HEADERFUNCTION, &header_callback);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  set(CURLOPT_WRITEFUNCTION, &body_callback);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
}

// `alone`: the authorities that libcurl knows by itself are not used.
void HttpClient::Connection::set_authorities(const Authorities& authorities, bool alone) {
  if (!authorities.file.empty()) set(CURLOPT_CAINFO, authorities.file.c_str());
  if (!authorities.folder.empty()) {
    set(CURLOPT_CAPATH, authorities.folder.c_str());
  } else if (alone) {
    set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
}

CURLcode HttpClient::Connection::run(const std::string& where, const CallOptions& options) {
  if (curl_multi_add_handle(multi_, easy_) != CURLM_OK) throw Error(ErrorKind::internal, "libcurl", "takes no request");
  struct Detach {
    CURLM* multi;
    CURL* easy;
    ~Detach() { curl_multi_remove_handle(multi, easy); }
  } const detach{multi_, easy_};
  const std::stop_callback wake(options.stop, [this] { curl_multi_wakeup(multi_); });
  for (;;) {
    int running = 0;
    if (curl_multi_perform(multi_, &running) != CURLM_OK)
      throw Error(ErrorKind::internal, "libcurl", "a request cannot go on");
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    check_cancelled(options, where);
    Milliseconds wait = k_longest_wait;
    if (options.deadline) {
      const auto left_time = std::chrono::ceil<Milliseconds>(*options.deadline - std::chrono::steady_clock::now());
      wait = std::clamp(left_time, Milliseconds(0), k_longest_wait);
    }
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(wait.count()), nullptr);
  }
}

Response HttpClient::Connection::send(const Request& request, const ClientSettings& settings,
                                      const Authorities& authorities, const CallOptions& options) {
  HeaderList headers;
  for (const auto& [name, value] : request.headers) {
    std::string line = name;
    line += value.empty() ? ";" : ": ";  // libcurl's notation for an empty value
    line += value;
    headers.add(line);
  }
  // Waiting for "100 Continue" costs a round trip, or a second if it never comes.
  headers.add("Expect:");
  for (bool is_second = false;; is_second = true) {
    Exchange exchange(request);
    prepare(request, exchange, headers, settings);
    set_authorities(authorities, !settings.ca_file.empty());
    const CURLcode code = run(request.where, options);
    exchange.rethrow();
    // libcurl itself repeats the request if it finds a kept connection closed when it reads, but
    // not if it does when it writes.
    if (code != CURLE_SEND_ERROR || is_second || !was_reused() || exchange.response().status != 0)
      return finish(code, request, exchange, authorities);
  }
}

bool HttpClient::Connection::was_reused() {
  long made = 1;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &made);
  return made == 0;
}

Response HttpClient::Connection::finish(CURLcode code, const Request& request, Exchange& exchange,
                                        const Authorities& authorities) {
  if (code == CURLE_OK && exchange.head_is_whole()) return std::move(exchange.response());
  if (code == CURLE_OK) throw Error(ErrorKind::transient, request.where, "the answer ends inside its head");
  if (code != CURLE_OPERATION_TIMEDOUT && exchange.response().status == 0) require_a_descriptor(request.where);
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    long verified = 0;
    curl_easy_getinfo(easy_, CURLINFO_SSL_VERIFYRESULT, &verified);
    throw Error(ErrorKind::denied, request.where, certificate_trouble(verified, authorities));
  }
  if (code == CURLE_SSL_CACERT_BADFILE) throw Error(ErrorKind::denied, request.where, authorities_trouble(authorities));
  curl_off_t connected_after = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &connected_after);
  // libcurl's error buffer may quote the URL. Its text for the error code never does.
  throw Error(kind_of(code, connected_after > 0), request.where, curl_easy_strerror(code));
}

struct HttpClient::Pool {
  std::mutex mutex;
  std::vector<std::unique_ptr<Connection>> idle;
};

HttpClient::HttpClient(ClientSettings settings)
    : settings_(std::move(settings)),
      authorities_(find_authorities(settings_.ca_file)),
      pool_(std::make_unique<Pool>()) {
  initialise_library();
}
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpClient::Connection> HttpClient::acquire() {
  {
    const std::lock_guard lock(pool_->mutex);
    if (!pool_->idle.empty()) {
      auto connection = std::move(pool_->idle.back());
      pool_->idle.pop_back();
      return connection;
    }
  }
  return std::make_unique<Connection>();
}

void HttpClient::give_back(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(pool_->mutex);
  if (pool_->idle.size() < k_idle_connections) pool_->idle.push_back(std::move(connection));
}

Response HttpClient::send(const Request& request, const CallOptions& options) {
  check_cancelled(options, request.where);
  auto connection = acquire();
  // A connection that failed is not reused.
  Response response = connection->send(request, settings_, authorities_, options);
  give_back(std::move(connection));
  return response;
}

}  // namespace modelfloat::store::http
