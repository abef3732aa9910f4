#include "modelfloat/store/mega/api.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "modelfloat/base/ascii.h"
#include "modelfloat/store/http/status.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/mega/back_off.h"
#include "modelfloat/store/mega/cipher.h"
#include "modelfloat/store/mega/hashcash.h"
#include "modelfloat/store/mega/json_fields.h"
#include "modelfloat/store/mega/login_crypto.h"

namespace modelfloat::store::mega {

using nlohmann::json;

namespace {

constexpr std::string_view k_public_root = "https://g.api.mega.co.nz";
constexpr std::uint64_t k_answer_bytes = std::uint64_t{8} << 20;
constexpr std::uint64_t k_nodes_bytes = std::uint64_t{1} << 30;  // a few million nodes
constexpr unsigned k_hashcash_tries = 3;
constexpr Milliseconds k_refusal_time = std::chrono::minutes(5);

std::string root_of(const StoreSettings& settings) {
  std::string root = settings.api_url.empty() ? std::string(k_public_root) : settings.api_url;
  while (root.ends_with('/')) root.pop_back();
  http::parse_url(root);
  return root;
}

// The number if the answer is only a number, alone or in brackets; otherwise 0.
int code_of(ByteSpan body) {
  constexpr std::size_t k_longest = 16;
  if (body.size() > k_longest) return 0;
  auto parsed = json::parse(as_text(body), nullptr, false);
  if (parsed.is_array() && parsed.size() == 1) parsed = json(parsed[0]);
  return parsed.is_number_integer() && parsed < 0 && parsed > -10'000 ? parsed.get<int>() : 0;
}

json parse_answer(ByteSpan body, const std::string& where) {
  auto parsed = json::parse(as_text(body), nullptr, false);
  if (parsed.is_discarded()) throw Error(ErrorKind::transient, where, "what answered is not MEGA: it sends no JSON");
  return parsed;
}

}  // namespace

Api::Api(const std::string& where, const StoreSettings& settings, const StoreContext& context)
    : where_(where),
      root_(root_of(settings)),
      secure_(root_.starts_with("https:")),
      email_(lower_case(settings.credentials.require("email", where_))),
      credentials_(settings.credentials),
      clock_(context.clock),
      random_(context.random),
      vault_(context.vault),
      http_({.ca_file = settings.ca_file}),
      number_(random_.number() >> 32) {
  credentials_.check_names({"email", "password", "totp_secret"}, where_);
  credentials_.require("password", where_);
}

std::string Api::next_command_path() {
  const std::lock_guard lock(mutex_);
  return "/cs?id=" + std::to_string(number_++);
}

Api::Reply Api::send(const std::string& path, const std::string& body, std::uint64_t max_answer_bytes,
                     const std::string& where, const CallOptions& options) {
  http::Request request;
  request.method = "POST";
  request.url = root_ + path;
  request.where = where;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = {as_bytes(body)};
  request.max_answer_bytes = max_answer_bytes;
  BackOff back_off(clock_, random_);
  for (unsigned challenges = 0;;) {
    http::Response response;
    try {
      response = http_.send(request, options);
    } catch (const Error& error) {
      if (error.kind != ErrorKind::transient) throw;
      back_off.wait(error, options);
      continue;
    }
    request.headers.resize(1);  // a solved challenge is valid once
    if (response.status == 402) {
      const auto header = response.header("x-hashcash");
      const auto challenge = header ? parse_challenge(*header) : std::nullopt;
      const auto answer =
          challenge && ++challenges <= k_hashcash_tries ? solve(*challenge, options.stop) : std::nullopt;
      check_cancelled(options, where);
      if (!answer)
        throw Error(ErrorKind::rate_limited, where, "MEGA wants work done for it and does not take it (HTTP 402)",
                    Milliseconds(60'000));
      request.headers.emplace_back("X-Hashcash", *answer);
      continue;
    }
    if (!response.ok()) {
      const Error error = http::status_error(response, where, "MEGA does not answer", clock_.utc_now());
      if (!worth_retrying(error.kind)) throw Error(error);
      back_off.wait(error, options, error.retry_after);
      continue;
    }
    const int code = code_of(response.body);
    if (code == -3 || code == -4) {
      back_off.wait(code_error(code, Purpose::write, where), options);
      continue;
    }
    return {code, std::move(response.body)};
  }
}

Api::Reply Api::send_with_session(const std::string& path, const std::string& body, std::uint64_t max_answer_bytes,
                                  const std::string& where, const CallOptions& options, SessionPointer& session) {
  const auto send_by = [&](const Session& one) {
    return send(path + "&sid=" + std::string(as_text(one.id.bytes())), body, max_answer_bytes, where, options);
  };
  session = session_other_than(nullptr, options);
  Reply reply = send_by(*session);
  if (reply.code != -15) return reply;
  session = session_other_than(session, options);
  return send_by(*session);
}

json Api::call(const json& command, Purpose purpose, const std::string& where, const CallOptions& options) {
  SessionPointer session;
  const Reply reply =
      send_with_session(next_command_path(), json::array({command}).dump(), k_answer_bytes, where, options, session);
  if (reply.code < 0) throw code_error(reply.code, purpose, where);
  json answer = parse_answer(reply.body, where);
  if (!answer.is_array() || answer.size() != 1) throw Error(ErrorKind::corrupt, where, "MEGA's answer makes no sense");
  return std::move(answer[0]);
}

void Api::call_all(const json& commands, Purpose purpose, const std::string& where, const CallOptions& options) {
  SessionPointer session;
  const Reply reply = send_with_session(next_command_path(), commands.dump(), k_answer_bytes, where, options, session);
  const auto check = [&](const json& answer) {
    const int code = answer.is_number_integer() ? answer.get<int>() : 0;
    if (code < 0 && code != -9) throw code_error(code, purpose, where);
  };
  const json answers = parse_answer(reply.body, where);
  if (!answers.is_array()) return check(answers);
  std::for_each(answers.begin(), answers.end(), check);
}

std::pair<Bytes, SessionPointer> Api::nodes(const CallOptions& options) {
  SessionPointer session;
  Reply reply = send_with_session(next_command_path(), R"([{"a":"f","c":1}])", k_nodes_bytes, where_, options, session);
  if (reply.code < 0) throw code_error(reply.code, Purpose::read, where_);
  return {std::move(reply.body), std::move(session)};
}

std::optional<json> Api::events(const std::string& sequence, const CallOptions& options) {
  SessionPointer session;
  const Reply reply =
      send_with_session("/sc?sn=" + http::percent_encode(sequence), "", k_answer_bytes, where_, options, session);
  if (reply.code == -16) throw code_error(reply.code, Purpose::read, where_);
  if (reply.code < 0)
    // -6 says "too much happened"; any other trouble is cured by reading all as well.
    return std::nullopt;
  return parse_answer(reply.body, where_);
}

SessionPointer Api::session_other_than(const SessionPointer& refused, const CallOptions& options) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (session_ && session_ != refused) return session_;
    if (refusal_ && clock_.steady_now() < refusal_ends_) throw Error(*refusal_);
    if (!logging_in_) break;
    const auto done = [&] { return !logging_in_; };
    if (options.deadline) {
      changed_.wait_until(lock, options.stop, *options.deadline, done);
    } else {
      changed_.wait(lock, options.stop, done);
    }
    check_cancelled(options, where_);
  }
  logging_in_ = true;
  lock.unlock();
  SessionPointer fresh;
  std::optional<Error> refusal;
  std::exception_ptr trouble;
  try {
    fresh = kept_session(refused);
    if (!fresh) fresh = log_in(options);
  } catch (const Error& error) {
    if (error.kind == ErrorKind::denied) refusal = error;
    trouble = std::current_exception();
  } catch (...) {
    trouble = std::current_exception();
  }
  lock.lock();
  logging_in_ = false;
  refusal_ = refusal;
  refusal_ends_ = clock_.steady_now() + k_refusal_time;
  if (fresh) session_ = fresh;
  changed_.notify_all();
  if (trouble) std::rethrow_exception(trouble);
  return fresh;
}

SessionPointer Api::kept_session(const SessionPointer& refused) {
  const auto kept = vault_.load();
  if (!kept) return nullptr;
  const auto parsed = json::parse(as_text(kept->bytes()), nullptr, false);
  const auto key = from_base64(text_in(parsed, "key"));
  if (text_in(parsed, "email") != email_ || !key || key->size() != k_block_bytes || text_in(parsed, "sid").empty())
    return nullptr;
  auto session = std::make_shared<Session>();
  session->id = crypto::SecretBytes(std::string_view(text_in(parsed, "sid")));
  session->master_key = crypto::SecretBytes(ByteSpan(*key));
  session->user = text_in(parsed, "user");
  if (refused && session->id == refused->id) return nullptr;
  return session;
}

void Api::keep(const Session& session) {
  const json kept = {{"email", email_},
                     {"sid", as_text(session.id.bytes())},
                     {"key", to_base64url(session.master_key.bytes())},
                     {"user", session.user}};
  vault_.save(crypto::SecretBytes(std::string_view(kept.dump())).bytes());
}

json Api::command_without_session(const json& command, const CallOptions& options) {
  const Reply reply = send(next_command_path(), json::array({command}).dump(), k_answer_bytes, where_, options);
  if (reply.code < 0) throw code_error(reply.code, Purpose::login, where_);
  const json answer = parse_answer(reply.body, where_);
  if (!answer.is_array() || answer.size() != 1 || !answer[0].is_object()) {
    throw Error(ErrorKind::corrupt, where_, "MEGA's answer to the login makes no sense");
  }
  return answer[0];
}

SessionPointer Api::log_in(const CallOptions& options) {
  const json account = command_without_session({{"a", "us0"}, {"user", email_}}, options);
  const auto version = number_in(account, "v");
  const auto salt = from_base64(text_in(account, "s"));
  const std::string_view password = credentials_.require("password", where_);
  if (version != 1 && (version != 2 || !salt || salt->empty())) {
    throw Error(ErrorKind::unsupported, where_,
                "MEGA has an account of a kind that is not known here (version " + std::to_string(version) + ")");
  }
  const PasswordKeys keys = version == 1 ? password_keys_v1(email_, password) : password_keys_v2(password, *salt);
  json command = {{"a", "us"}, {"user", email_}, {"uh", keys.proof}};
  if (const auto secret = credentials_.find("totp_secret"); secret && !secret->empty()) {
    command["mfa"] = totp_code(*secret, clock_.utc_now(), where_);
  }
  const json answer = command_without_session(command, options);

  auto master_key = from_base64(text_in(answer, "k"));
  const auto private_key = from_base64(text_in(answer, "privk"));
  const auto challenge = from_base64(text_in(answer, "csid"));
  if (!master_key || master_key->size() != k_block_bytes || !private_key || !challenge ||
      text_in(answer, "u").empty()) {
    throw Error(ErrorKind::corrupt, where_, "MEGA's answer to the login lacks a key");
  }
  decrypt_ecb(keys.key.bytes(), *master_key);
  auto session = std::make_shared<Session>();
  session->master_key = crypto::SecretBytes(std::move(*master_key));
  session->user = text_in(answer, "u");
  session->id = crypto::SecretBytes(
      std::string_view(open_session(*challenge, *private_key, session->master_key.bytes(), session->user, where_)));
  keep(*session);
  return session;
}

}  // namespace modelfloat::store::mega
