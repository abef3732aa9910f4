#include "modelfloat/store/drive/session.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace modelfloat::store::drive {
namespace {

using nlohmann::json;

constexpr std::chrono::hours k_longest_pending{6 * 24};  // the provider keeps an upload for a week
constexpr std::size_t k_most_pending = 64;

json to_json(const PendingUpload& upload) {
  return {{"id", upload.id},
          {"address", upload.address},
          {"size", upload.size_bytes},
          {"sha256", upload.sha256},
          {"begun", unix_seconds(upload.begun)}};
}

PendingUpload upload_from(const json& value) {
  return {value.at("id"), value.at("address"), value.at("size"), value.at("sha256"),
          from_unix_seconds(value.at("begun"))};
}

}  // namespace

Session::Session(SessionVault& vault, Clock& clock, std::string owner)
    : vault_(vault), clock_(clock), owner_(std::move(owner)) {
  load();
}

void Session::load() {
  const auto saved = vault_.load();
  if (!saved) return;
  const json value = json::parse(as_text(saved->bytes()), nullptr, false);
  try {
    if (!value.is_object() || value.at("owner") != owner_) return;
    if (value.contains("token")) {
      token_ = AccessToken{crypto::SecretBytes(std::string_view(value.at("token").get_ref<const std::string&>())),
                           from_unix_seconds(value.at("expires"))};
    }
    folders_ = value.at("folders").get<FolderIds>();
    for (const auto& [path, upload] : value.at("uploads").items()) pending_.emplace(path, upload_from(upload));
  } catch (const json::exception&) {  // of another version: everything in it can be found out again
    token_.reset();
    folders_.clear();
    pending_.clear();
  }
}

void Session::save_locked() {
  json uploads = json::object();
  for (const auto& [path, upload] : pending_) {
    if (!upload.address.empty()) uploads[path] = to_json(upload);
  }
  json value = {{"owner", owner_}, {"folders", folders_}, {"uploads", std::move(uploads)}};
  if (token_) {
    value["token"] = as_text(token_->value.bytes());
    value["expires"] = unix_seconds(token_->expires);
  }
  const crypto::SecretBytes text{std::string_view(value.dump())};
  vault_.save(text.bytes());
}

std::optional<AccessToken> Session::token() const {
  const std::lock_guard lock(mutex_);
  return token_;
}

void Session::set_token(const AccessToken& token) {
  const std::lock_guard lock(mutex_);
  token_ = token;
  save_locked();
}

FolderIds Session::folders() const {
  const std::lock_guard lock(mutex_);
  return folders_;
}

void Session::set_folders(const FolderIds& folders) {
  const std::lock_guard lock(mutex_);
  if (folders == folders_) return;
  folders_ = folders;
  save_locked();
}

std::optional<PendingUpload> Session::pending(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(path);
  if (found == pending_.end() || clock_.utc_now() - found->second.begun > k_longest_pending) return std::nullopt;
  return found->second;
}

void Session::set_pending(const std::string& path, const PendingUpload& upload) {
  const std::lock_guard lock(mutex_);
  pending_.insert_or_assign(path, upload);
  if (pending_.size() > k_most_pending) {
    pending_.erase(std::min_element(pending_.begin(), pending_.end(),
                                    [](const auto& a, const auto& b) { return a.second.begun < b.second.begun; }));
  }
  if (!upload.address.empty()) save_locked();
}

// Written to the vault with the next change: an entry that is kept too long is harmless, because
// the server is asked about it first.
void Session::forget_pending(const std::string& path) {
  const std::lock_guard lock(mutex_);
  pending_.erase(path);
}

}  // namespace modelfloat::store::drive
