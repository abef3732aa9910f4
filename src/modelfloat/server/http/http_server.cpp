#include "modelfloat/server/http/http_server.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <future>
#include <list>
#include <mutex>
#include <set>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "modelfloat/base/executor.h"
#include "modelfloat/base/log.h"
#include "modelfloat/base/thread.h"
#include "modelfloat/server/http/http_exchange.h"
#include "modelfloat/server/json.h"

namespace modelfloat::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr Milliseconds k_watch_period{100};
constexpr Milliseconds k_accept_pause{100};
constexpr std::size_t k_linger_bytes = std::size_t{16} << 20;

asio::ip::address parse_address(const std::string& text) {
  error_code error;
  const auto address = asio::ip::make_address(text == "localhost" ? "127.0.0.1" : text, error);
  if (error) throw Error(ErrorKind::invalid, text, "this is no IP address to listen on");
  return address;
}

// Connections leave half of the descriptors to the stores, the registry and the engines.
HttpOptions within_descriptors(HttpOptions options) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const auto half = std::max<std::size_t>(static_cast<std::size_t>(limit.rlim_cur / 2), 1);
    options.limits.connections = std::min(options.limits.connections, half);
  }
  return options;
}

std::string bracketed(const asio::ip::address& address) {
  return address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
}

}  // namespace

// All private state belongs to the I/O thread, except where it says otherwise.
class HttpServer::Impl {
 public:
  Impl(HttpOptions options, Handler handler);
  ~Impl() { stop(); }

  std::uint16_t port() const { return endpoint_.port(); }
  std::string url() const { return "http://" + bracketed(endpoint_.address()) + ":" + std::to_string(port()); }
  void stop();

 private:
  class Connection;
  // Every pending operation keeps its connection.
  using ConnectionPtr = std::shared_ptr<Connection>;

  void listen();
  void accept();
  void add_connection(tcp::socket socket);
  void watch();
  void end_request(const ConnectionPtr& connection);
  void begin_drain();
  void cut_off();
  bool wait_for_requests(std::optional<Milliseconds> limit);

  HttpOptions options_;
  const HttpLimits& limits_ = options_.limits;
  Handler handler_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  tcp::acceptor acceptor_{io_};
  asio::steady_timer accept_timer_{io_};
  asio::steady_timer watch_timer_{io_};
  tcp::endpoint endpoint_;
  const HostList hosts_{options_.host_names};
  std::array<char, 16384> scratch_{};
  std::size_t connections_ = 0;
  std::list<ConnectionPtr> waiting_;  // for a head; the one that waits longest is first
  std::set<ConnectionPtr> active_;    // with a request under way
  bool watching_ = false;
  std::atomic<bool> draining_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t active_count_ = 0;  // guarded by mutex_; the size of active_
  bool stopped_ = false;          // guarded by mutex_

  ThreadPool handlers_;
  std::jthread io_thread_;
};

// Used on the I/O thread, except answer(), which runs on a handler's thread. Meanwhile only
// watch() and cut_off() use the connection.
class HttpServer::Impl::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Impl& server, tcp::socket socket) : server_(server), socket_(std::move(socket)), timer_(server.io_) {
    error_code ignored;
    const auto remote = socket_.remote_endpoint(ignored);
    peer_ = bracketed(remote.address()) + ":" + std::to_string(remote.port());
    local_address_ = socket_.local_endpoint(ignored).address().to_string();
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
    ++server_.connections_;
  }
  ~Connection() = default;

  void await_head(bool first) {
    server_.waiting_.push_back(shared_from_this());
    place_ = std::prev(server_.waiting_.end());
    waiting_ = true;
    limit_time(received_.empty() && !first ? server_.limits_.idle_time : server_.limits_.head_time);
    if (!received_.empty() && find_head()) return;
    wait_readable();
  }

  void close() {
    if (closed_) return;
    closed_ = true;
    leave_waiting();
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    --server_.connections_;
  }

  // Whether the client has disconnected, once the body has been read. While the body is being
  // read, the read itself reports it.
  void check_client() {
    if (!watched_.load(std::memory_order_acquire)) return;
    pollfd entry{socket_.native_handle(), POLLRDHUP, 0};
    if (::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) stop_.request_stop();
  }
  void cut_off() {
    stop_.request_stop();
    ::shutdown(socket_.native_handle(), SHUT_RDWR);
  }

  // After answer(), on the I/O thread again.
  void go_on() {
    if (keep_alive_ && !server_.draining_) {
      await_head(false);
    } else {
      linger();
    }
  }

 private:
  void leave_waiting() {
    if (waiting_) server_.waiting_.erase(place_);
    waiting_ = false;
  }

  void limit_time(Milliseconds duration) {
    timer_.expires_after(duration);
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error && self->timer_.expiry() <= std::chrono::steady_clock::now()) self->out_of_time();
    });
  }

  void out_of_time() {
    if (closed_ || (!waiting_ && !lingering_)) return;
    if (waiting_ && !received_.empty() && received_ != "\r\n")
      return refuse(HttpError(408, "too_slow", "the head of the request came too slowly"));
    close();
  }

  void wait_readable() {
    if (reading_) return;
    reading_ = true;
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code error) {
      self->reading_ = false;
      if (self->closed_) return;
      if (error) return self->close();
      self->on_readable();
    });
  }

  void on_readable() {
    error_code error;
    const auto count = socket_.read_some(asio::buffer(server_.scratch_), error);
    if (error == asio::error::would_block) return wait_readable();
    if (error) return close();
    if (lingering_) return on_lingering(count);
    if (received_.empty()) limit_time(server_.limits_.head_time);
    received_.append(server_.scratch_.data(), count);
    if (!find_head()) wait_readable();
  }

  // True when the connection is no longer waiting for a head.
  bool find_head() {
    try {
      auto found = head_finder_.take(received_);
      if (!found) return false;
      head_ = std::move(*found);
      check_called(head_, server_.hosts_, local_address_);
    } catch (const HttpError& error) {
      refuse(error);
      return true;
    }
    begin_request();
    return true;
  }

  void begin_request() {
    if (server_.draining_) return refuse(HttpError(503, "stopping", "the server is being stopped"));
    if (server_.active_.size() >= server_.limits_.handlers + server_.limits_.queued) {
      return refuse(HttpError(503, "busy", "too many requests are waiting"));
    }
    leave_waiting();
    timer_.cancel();
    const auto self = shared_from_this();
    server_.active_.insert(self);
    {
      const std::lock_guard lock(server_.mutex_);
      ++server_.active_count_;
    }
    if (!server_.watching_) server_.watch();
    stop_ = std::stop_source();
    watched_ = false;
    server_.handlers_.submit([self] {
      self->answer();
      asio::post(self->server_.io_, [self] { self->server_.end_request(self); });
    });
  }

  void answer() {
    keep_alive_ = answer_request({.fd = socket_.native_handle(),
                                  .peer = peer_,
                                  .limits = server_.limits_,
                                  .received = received_,
                                  .head = head_,
                                  .stop = stop_.get_token(),
                                  .body_done = watched_,
                                  .close_afterwards = server_.draining_},
                                 server_.handler_);
    head_ = {};
  }

  void refuse(const HttpError& error) {
    leave_waiting();
    const auto body = error_json(error.code, error.message);
    std::vector<std::pair<std::string, std::string>> headers;
    if (error.status == 503) headers.emplace_back("Retry-After", "1");
    auto answer = response_head(error.status, "application/json", body.size(), false, false, headers);
    if (head_.request.method != "HEAD") answer += body;
    // The answer fits into the empty buffer of the socket. A client that pipelines requests
    // without reading answers may miss it.
    ::send(socket_.native_handle(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    linger();
  }

  // When a socket is closed while bytes are still arriving, the client may lose the answer. So
  // incoming bytes are read and dropped for a while.
  void linger() {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    lingering_ = true;
    limit_time(server_.limits_.linger_time);
    wait_readable();
  }
  void on_lingering(std::size_t count) {
    lingered_bytes_ += count;
    if (lingered_bytes_ > k_linger_bytes || server_.draining_) return close();
    wait_readable();
  }

  Impl& server_;
  tcp::socket socket_;
  asio::steady_timer timer_;
  std::string peer_;
  std::string local_address_;
  std::string received_;  // not yet used
  HeadFinder head_finder_{server_.limits_};
  RequestHead head_;
  std::list<ConnectionPtr>::iterator place_;
  bool waiting_ = false;
  bool reading_ = false;  // an operation waits for bytes
  bool lingering_ = false;
  bool closed_ = false;
  bool keep_alive_ = false;
  std::size_t lingered_bytes_ = 0;
  std::stop_source stop_;
  std::atomic<bool> watched_ = false;
};

HttpServer::Impl::Impl(HttpOptions options, Handler handler)
    : options_(within_descriptors(std::move(options))),
      handler_(std::move(handler)),
      handlers_(options_.limits.handlers) {
  listen();
  accept();
  io_thread_ = start_thread([this] { io_.run(); });
}

void HttpServer::Impl::listen() {
  const tcp::endpoint wanted(parse_address(options_.address), options_.port);
  try {
    acceptor_.open(wanted.protocol());
    acceptor_.set_option(tcp::acceptor::reuse_address(true));
    acceptor_.bind(wanted);
    acceptor_.listen(1024);
    acceptor_.non_blocking(true);
    endpoint_ = acceptor_.local_endpoint();
  } catch (const boost::system::system_error& error) {
    throw system_error(error.code().value(), options_.address + ":" + std::to_string(options_.port),
                       "cannot listen there");
  }
}

void HttpServer::Impl::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted || draining_) return;
    if (!error) {
      add_connection(std::move(socket));
      return accept();
    }
    // Mostly out of file descriptors. The connection that has been idle longest is closed, which
    // takes a moment.
    if (!waiting_.empty()) {
      const auto oldest = waiting_.front();
      oldest->close();
    }
    accept_timer_.expires_after(k_accept_pause);
    accept_timer_.async_wait([this](error_code aborted) {
      if (!aborted && !draining_) accept();
    });
  });
}

void HttpServer::Impl::add_connection(tcp::socket socket) {
  if (connections_ >= limits_.connections) {
    if (waiting_.empty()) return;  // closes it: every connection is at work
    const auto oldest = waiting_.front();
    oldest->close();
  }
  std::make_shared<Connection>(*this, std::move(socket))->await_head(true);
}

void HttpServer::Impl::watch() {
  watching_ = !active_.empty();
  if (!watching_) return;
  for (const auto& connection : active_) connection->check_client();
  watch_timer_.expires_after(k_watch_period);
  watch_timer_.async_wait([this](error_code error) {
    if (!error) watch();
  });
}

void HttpServer::Impl::end_request(const ConnectionPtr& connection) {
  active_.erase(connection);
  connection->go_on();
  const std::lock_guard lock(mutex_);
  --active_count_;
  changed_.notify_all();
}

void HttpServer::Impl::begin_drain() {
  draining_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  accept_timer_.cancel();
  while (!waiting_.empty()) {
    const auto connection = waiting_.front();
    connection->close();
  }
}

void HttpServer::Impl::cut_off() {
  for (const auto& connection : active_) connection->cut_off();
}

bool HttpServer::Impl::wait_for_requests(std::optional<Milliseconds> limit) {
  std::unique_lock lock(mutex_);
  const auto none = [this] { return active_count_ == 0; };
  if (limit) return changed_.wait_for(lock, *limit, none);
  changed_.wait(lock, none);
  return true;
}

void HttpServer::Impl::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  std::promise<void> drained;
  asio::post(io_, [&] {
    begin_drain();
    drained.set_value();
  });
  drained.get_future().wait();
  if (!wait_for_requests(limits_.drain_time)) {
    asio::post(io_, [this] { cut_off(); });
    wait_for_requests(std::nullopt);
  }
  work_.reset();
  io_.stop();
  io_thread_.join();
}

HttpServer::HttpServer(HttpOptions options, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler))) {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const noexcept { return impl_->port(); }
std::string HttpServer::url() const { return impl_->url(); }
void HttpServer::stop() { impl_->stop(); }

void HttpServer::run(const std::stop_token& stop_wanted) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait(lock, stop_wanted, [] { return false; });
  stop();
}

}  // namespace modelfloat::server
