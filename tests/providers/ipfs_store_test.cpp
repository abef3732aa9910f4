#include "modelfloat/store/ipfs/ipfs_store.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "providers/every_call.h"
#include "providers/fault_proxy.h"
#include "providers/ipfs_node.h"
#include "providers/provider_home.h"
#include "support/fixed_random.h"
#include "support/plain_call.h"
#include "support/store_suite.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "modelfloat/base/error.h"
#include "modelfloat/store/http/url.h"
#include "modelfloat/store/ipfs/cid.h"
#include "modelfloat/store/wrap/retrying.h"

namespace modelfloat::test {
namespace {

using store::Store;
using store::StoreSettings;
using testing::HasSubstr;
using testing::Not;

constexpr const char* k_node = "MODELFLOAT_TEST_IPFS";

CallOptions within(Milliseconds time) { return {{}, std::chrono::steady_clock::now() + time}; }

class NodeHome final : public StoreHome {
 public:
  std::unique_ptr<store::Store> open() override { return home_->open(); }
  std::unique_ptr<store::Store> open_namesake() override { return home_->open_namesake(); }
  // js-ipfs takes from 20 to 100 ms to link a name, one at a time.
  bool fill(const std::map<ObjectName, std::uint64_t>& objects) override {
    std::map<std::string, std::string> files;
    for (const auto& [name, size] : objects) files.emplace(name.path(), std::string(size, 'x'));
    IpfsNode(*server_variable(k_node)).make_files("/" + home_->folder(), files);
    return true;
  }

 private:
  const std::unique_ptr<ProviderHome> home_ = ProviderHome::in_fresh_folder("ipfs:" + *server_variable(k_node) + "/");
};

StoreCase ipfs_case() {
  return {.name = "JsIpfs",
          .make = [] { return std::make_unique<NodeHome>(); },
          .missing = unless_set(k_node),
          .keeps_one_when_cut = false};
}
INSTANTIATE_TEST_SUITE_P(Ipfs, StoreSuite, testing::Values(ipfs_case()), name_of_case);

// Its stores go through the proxy when it is asked for.
class IpfsStore : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_variable(k_node)) GTEST_SKIP() << unless_set(k_node);
    node_ = *server_variable(k_node);
    folder_ = "/" + fresh_name();
    proxy_.emplace(*server_variable("MODELFLOAT_TEST_IPFS_CONTROL"));
  }

  std::unique_ptr<Store> open(StoreSettings settings = {}) { return open_at(node_, std::move(settings)); }
  std::unique_ptr<Store> open_proxied(StoreSettings settings = {}) {
    auto store = open_at(*server_variable("MODELFLOAT_TEST_IPFS_PROXY"), std::move(settings));
    proxy_->clear();
    return store;
  }
  std::unique_ptr<Store> open_at(const std::string& root, StoreSettings settings) {
    ListeningDialogue dialogue;
    store::prepare_new_store("ipfs:" + root + folder_, settings, context_.context(), dialogue, k_no_deadline);
    return store::make_store("ipfs:" + root + folder_, settings, context_.context());
  }
  std::string path_of(const ObjectName& name) const { return folder_ + "/" + name.path(); }

  nlohmann::json rpc(const std::string& call, const store::http::Fields& fields, const std::string& root = {}) {
    store::http::Request request;
    request.method = "POST";
    request.url = (root.empty() ? node_ : root) + "/api/v0/" + call + "?" + store::http::encode_form(fields);
    request.where = call;
    const auto response = client_.send(request, k_no_deadline);
    EXPECT_EQ(response.status, 200) << call << response.text();
    return nlohmann::json::parse(response.text(), nullptr, false);
  }
  // Takes the bytes away, but not the name.
  void lose_blocks(const ObjectName& name) {
    const std::string cid = rpc("files/stat", {{"arg", path_of(name)}})["Hash"];
    rpc("block/rm", {{"arg", cid}, {"force", "true"}});
  }

  std::string node_;
  std::string folder_;
  RealContext context_;
  std::optional<FaultProxy> proxy_;
  store::http::HttpClient client_;
};

StoreSettings with(std::initializer_list<std::pair<std::string_view, std::string_view>> credentials) {
  StoreSettings settings;
  for (const auto& [name, value] : credentials) settings.credentials.set(name, value);
  return settings;
}

TEST(IpfsUrl, OneStoreHasOneUrl) {
  EXPECT_EQ(store::canonical_url("ipfs:http://127.0.0.1:5001"), "ipfs:http://127.0.0.1:5001/modelfloat");
  EXPECT_EQ(store::canonical_url("ipfs:http://127.0.0.1:5001/"), "ipfs:http://127.0.0.1:5001/modelfloat");
  EXPECT_EQ(store::canonical_url("ipfs:HTTP://Host/a//b/"), "ipfs:http://host/a/b");
  EXPECT_EQ(store::canonical_url("ipfs:https://host/a%20b"), "ipfs:https://host/a%20b");
  EXPECT_EQ(store::default_domain("ipfs:http://host:5001/a", {}), store::default_domain("ipfs:http://host:5001/b", {}));
  EXPECT_NE(store::default_domain("ipfs:http://host:5001", {}), store::default_domain("ipfs:http://other:5001", {}));
}

TEST(IpfsUrl, NonsenseIsRefusedWithoutItsSecrets) {
  for (const char* url : {"ipfs:", "ipfs:host", "ipfs:/ip4/127.0.0.1/tcp/5001", "ipfs:http://host/a/../b",
                          "ipfs:http://host/?a=hush", "ipfs:http://me:hush@host", "ipfs:http://host/%00"}) {
    const auto error = thrown_by([&] { store::canonical_url(url); });
    ASSERT_TRUE(error) << url;
    EXPECT_EQ(error->kind, ErrorKind::invalid) << url;
    EXPECT_THAT(error->what(), Not(HasSubstr("hush")));
  }
}

TEST(IpfsUrl, CredentialsAreChecked) {
  RealContext context;
  const auto make = [&](const StoreSettings& settings) {
    return store::make_store("ipfs:http://127.0.0.1:1", settings, context.context());
  };
  EXPECT_EQ(thrown_by([&] { make(with({{"tokn", "hush"}})); })->kind, ErrorKind::invalid);
  EXPECT_EQ(thrown_by([&] { make(with({{"user", "me"}})); })->kind, ErrorKind::denied);
  EXPECT_EQ(thrown_by([&] { make(with({{"pinning_url", "http://127.0.0.1:1"}})); })->kind, ErrorKind::denied);
  EXPECT_EQ(thrown_by([&] { make(with({{"gateway", "nonsense"}})); })->kind, ErrorKind::invalid);
}

TEST_F(IpfsStore, AMissingFolderIsOfflineAndIsNotMade) {
  const auto store = open();
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  rpc("files/rm", {{"arg", folder_}, {"recursive", "true"}});
  expect_every_call_fails(*store, ErrorKind::offline);
}

TEST_F(IpfsStore, AServerThatIsNoNodeIsInvalid) {
  StoreSettings settings;
  settings.api_url = *server_variable("MODELFLOAT_TEST_IPFS_SECOND_GATEWAY");
  EXPECT_EQ(thrown_by([&] { open(settings); })->kind, ErrorKind::invalid);
}

TEST_F(IpfsStore, TheCidThatWeExpectIsTheNodes) {
  const auto store = open();
  for (const std::size_t size : {0U, 1U, 1U << 20, (1U << 20) + 1, 5'000'000U}) {
    const Bytes bytes = random_bytes(size, size);
    store->put(shard_name(size), bytes, k_no_deadline);
    const std::string cid = rpc("files/stat", {{"arg", path_of(shard_name(size))}})["Hash"];
    EXPECT_EQ(store::ipfs::parse_cid(cid), store::ipfs::cid_of_file(bytes)) << size;
  }
}

TEST_F(IpfsStore, TheCollectorLeavesWhatHasAName) {
  const auto store = open();
  const Bytes bytes = random_bytes(3'000'000);
  store->put(shard_name(1), bytes, k_no_deadline);
  store->put(shard_name(2), random_bytes(2'000'000, 2), k_no_deadline);
  const std::string gone = rpc("files/stat", {{"arg", path_of(shard_name(2))}})["Hash"];
  store->remove(shard_name(2), k_no_deadline);
  rpc("repo/gc", {});
  EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline), bytes);
  const auto pins = rpc("pin/ls", {{"type", "recursive"}});
  EXPECT_THAT(pins.dump(), Not(HasSubstr(gone)));
  store::http::Request request;
  request.method = "POST";
  request.url = node_ + "/api/v0/cat?timeout=500ms&arg=" + gone;
  EXPECT_EQ(client_.send(request, k_no_deadline).status, 500);  // its room is free again
}

TEST_F(IpfsStore, MissingBytesEndByTheDeadlineAndAPutBringsThemBack) {
  const auto store = open();
  for (const std::size_t size : {1000U, 3'000'000U}) {
    const ObjectName name = shard_name(size);
    const Bytes bytes = random_bytes(size);
    store->put(name, bytes, k_no_deadline);
    if (size == 1000) {
      lose_blocks(name);
    } else {  // one of the leaves
      const std::string leaf = to_string(*store::ipfs::cid_of_file(ByteSpan(bytes).subspan(1 << 20, 1 << 20)));
      rpc("block/rm", {{"arg", leaf}, {"force", "true"}});
    }
    const auto error = thrown_by([&] { store->get(name, k_all, within(Milliseconds(1500))); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::timed_out) << error->what();
    store->put(name, bytes, k_no_deadline);
    EXPECT_EQ(store->get(name, k_all, k_no_deadline), bytes);
  }
}

TEST_F(IpfsStore, AListingPassesOverObjectsWithoutTheirFirstBlock) {
  const auto store = open();
  const ObjectName lost = *ObjectName::parse("mf1/shard/00/00" + std::string(62, '1'));
  const ObjectName sound = *ObjectName::parse("mf1/shard/00/00" + std::string(62, '2'));
  store->put(lost, random_bytes(1000, 1), k_no_deadline);
  store->put(sound, random_bytes(2000, 2), k_no_deadline);
  lose_blocks(lost);
  std::vector<std::string> listed;
  store->list("", [&](const store::ObjectInfo& info) { listed.push_back(info.name.path()); }, k_no_deadline);
  EXPECT_EQ(listed, std::vector{sound.path()});
}

TEST_F(IpfsStore, AGatewayHasWhatTheNodeLacks) {
  const auto store = open(with({{"gateway", *server_variable("MODELFLOAT_TEST_IPFS_SECOND_GATEWAY")}}));
  folder_ = "/" + fresh_name();
  const auto second = open_at(*server_variable("MODELFLOAT_TEST_IPFS_SECOND"), {});
  for (const std::size_t size : {1000U, 3'000'000U}) {
    const Bytes bytes = random_bytes(size);
    const ObjectName name = shard_name(size);
    store->put(name, bytes, k_no_deadline);
    second->put(name, bytes, k_no_deadline);
    const std::string block =
        to_string(*store::ipfs::cid_of_file(ByteSpan(bytes).first(std::min<std::size_t>(size, 1 << 20))));
    rpc("block/rm", {{"arg", block}, {"force", "true"}});
    EXPECT_EQ(store->get(name, ByteRange{100, 500}, k_no_deadline), to_bytes(ByteSpan(bytes).subspan(100, 500)))
        << size;
  }
}

TEST_F(IpfsStore, APinningServiceIsAskedToKeepACopy) {
  const std::string address = *server_variable("MODELFLOAT_TEST_PINNING");
  const std::string token = *server_variable("MODELFLOAT_TEST_PINNING_TOKEN");
  const auto store = open(with({{"pinning_url", address}, {"pinning_bearer", token}}));
  const Bytes bytes = random_bytes(1000);
  const auto pins = [&] {
    store::http::Request request;
    request.url = address + "/pins?status=queued&name=" + store::http::percent_encode(path_of(shard_name(1)));
    request.headers = {{"Authorization", "Bearer " + token}};
    return nlohmann::json::parse(client_.send(request, k_no_deadline).text());
  };
  store->put(shard_name(1), bytes, k_no_deadline);
  store->put(shard_name(1), bytes, k_no_deadline);
  ASSERT_EQ(pins()["count"], 1);
  EXPECT_EQ(pins()["results"][0]["pin"]["cid"], to_string(*store::ipfs::cid_of_file(bytes)));
  store->remove(shard_name(1), k_no_deadline);
  EXPECT_EQ(pins()["count"], 0);

  const auto refused = open(with({{"pinning_url", address}, {"pinning_bearer", "hush"}}));
  const auto error = thrown_by([&] { refused->put(shard_name(2), bytes, k_no_deadline); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::denied);
  EXPECT_THAT(error->what(), Not(HasSubstr("hush")));
}

TEST_F(IpfsStore, TheNodesOwnClientReadsWhatWeWroteAndWeWhatItWrote) {
  const TemporaryFolder files;
  const std::string client = *server_variable("MODELFLOAT_TEST_NODE") +
                             " " MODELFLOAT_SOURCE_DIR "/tests/servers/kubo_client.mjs " +
                             *server_variable("MODELFLOAT_TEST_KUBO_RPC_CLIENT") + " " + node_;
  const auto store = open();
  const Bytes ours = random_bytes(2'500'000, 1);
  store->put(shard_name(1), ours, k_no_deadline);
  const std::string read_file = (files / "read").string();
  ASSERT_EQ(std::system((client + " read " + path_of(shard_name(1)) + " " + read_file).c_str()), 0);
  std::ifstream in(read_file, std::ios::binary);
  const std::string back((std::istreambuf_iterator<char>(in)), {});
  EXPECT_TRUE(equal(as_bytes(back), ours));

  const Bytes theirs = random_bytes(700'000, 2);  // in chunks of 256 KiB
  const std::string written_file = (files / "written").string();
  std::ofstream(written_file, std::ios::binary) << as_text(theirs);
  ASSERT_EQ(std::system((client + " write " + path_of(shard_name(2)) + " " + written_file).c_str()), 0);
  EXPECT_EQ(store->get(shard_name(2), k_all, k_no_deadline), theirs);
  EXPECT_EQ(store->get(shard_name(2), ByteRange{262'100, 100}, k_no_deadline),
            to_bytes(ByteSpan(theirs).subspan(262'100, 100)));
  store->put(shard_name(2), theirs, k_no_deadline);  // the same bytes in other chunks
  EXPECT_EQ(store->get(shard_name(2), k_all, k_no_deadline), theirs);
}

TEST_F(IpfsStore, TheRpcMayWantAToken) {
  proxy_->add(R"({"unless": {"authorization": "Bearer open sesame"}, "times": 0, "fault": "answer", "status": 401})");
  const std::string proxied = *server_variable("MODELFLOAT_TEST_IPFS_PROXY");
  EXPECT_EQ(thrown_by([&] { open_at(proxied, {}); })->kind, ErrorKind::denied);
  const auto error = thrown_by([&] { open_at(proxied, with({{"bearer", "hush"}})); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::denied);
  EXPECT_THAT(error->what(), Not(HasSubstr("hush")));
  open_at(proxied, with({{"bearer", "open sesame"}}))->put(shard_name(1), random_bytes(10), k_no_deadline);
}

TEST_F(IpfsStore, TheRpcMayWantAPassword) {
  proxy_->add(
      R"({"unless": {"authorization": "Basic bWU6b3BlbiBzZXNhbWU="}, "times": 0, "fault": "answer", "status": 401})");
  const std::string proxied = *server_variable("MODELFLOAT_TEST_IPFS_PROXY");
  EXPECT_EQ(thrown_by([&] { open_at(proxied, with({{"user", "me"}, {"password", "hush"}})); })->kind,
            ErrorKind::denied);
  open_at(proxied, with({{"user", "me"}, {"password", "open sesame"}}))
      ->put(shard_name(1), random_bytes(10), k_no_deadline);
}

// What each call of the store says when one of its requests fails.
struct Fault {
  std::string name;
  std::string said;  // of a rule
  ErrorKind kind;
};

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all = {
      {"reset_request", R"("times": 0, "fault": "reset_request", "at": 0)", ErrorKind::transient},
      {"reset_answer", R"("times": 0, "fault": "reset_answer", "at": -1)", ErrorKind::transient},
      {"unauthorised", R"("fault": "answer", "status": 401)", ErrorKind::denied},
      {"forbidden",
       R"("fault": "answer", "status": 403, "headers": {"Content-Type": "text/plain"}, "body": "403 - Forbidden")",
       ErrorKind::denied},
      {"no_such_call", R"("fault": "answer", "status": 404, "body": "404 page not found")", ErrorKind::invalid},
      {"conflict", R"("fault": "answer", "status": 409)", ErrorKind::invalid},
      {"condition", R"("fault": "answer", "status": 412)", ErrorKind::invalid},
      {"too_many", R"("fault": "answer", "status": 429, "headers": {"Retry-After": "7"})", ErrorKind::rate_limited},
      {"proxy_error", R"("fault": "answer", "status": 502, "body": "<html>")", ErrorKind::transient},
      {"unavailable", R"("fault": "answer", "status": 503)", ErrorKind::transient},
      {"full",
       R"("fault": "answer", "status": 500, "body": "{\"Message\":\"write: no space left on device\",\"Code\":0,\"Type\":\"error\"}")",
       ErrorKind::out_of_space},
      {"gave_up",
       R"("fault": "answer", "status": 500, "body": "{\"Message\":\"context deadline exceeded\",\"Code\":0,\"Type\":\"error\"}")",
       ErrorKind::timed_out},
      {"other_trouble",
       R"("fault": "answer", "status": 500, "body": "{\"Message\":\"lease lost\",\"Code\":0,\"Type\":\"error\"}")",
       ErrorKind::transient},
      {"error_behind_the_answer",
       R"("fault": "answer", "status": 200, "headers": {"X-Stream-Error": "block was not found locally"}, "body": "")",
       ErrorKind::corrupt},
  };
  return all;
}

TEST_F(IpfsStore, EveryFaultOfEveryRequestIsToldByItsKind) {
  const auto store = open_proxied();
  const Bytes bytes = random_bytes(5000);
  store->put(shard_name(1), bytes, k_no_deadline);
  const auto sink = [](const store::ObjectInfo&) {};
  const std::vector<std::tuple<std::string, std::vector<std::string>, std::function<void()>>> calls = {
      {"put", {"files/stat", "/add", "files/cp", "pin/rm"}, [&] { store->put(shard_name(2), bytes, k_no_deadline); }},
      {"get", {"files/stat", "/cat"}, [&] { store->get(shard_name(1), k_all, k_no_deadline); }},
      {"stat", {"files/stat"}, [&] { store->stat(shard_name(1), k_no_deadline); }},
      {"remove", {"files/stat", "files/rm"}, [&] { store->remove(shard_name(1), k_no_deadline); }},
      {"space", {"files/stat", "repo/stat"}, [&] { store->space(k_no_deadline); }}};
  for (const auto& [call, requests, work] : calls) {
    for (const std::string& request : requests) {
      for (const Fault& fault : faults()) {
        SCOPED_TRACE(call + ": " + fault.name + " at " + request);
        store->remove(shard_name(2), k_no_deadline);
        store->put(shard_name(1), bytes, k_no_deadline);
        proxy_->clear();
        proxy_->add("{\"target\": \"" + request + "\", " + fault.said + "}");
        const auto error = thrown_by(work);
        ASSERT_TRUE(error);
        EXPECT_EQ(error->kind, fault.kind) << error->what();
        EXPECT_EQ(error->retry_after,
                  fault.kind == ErrorKind::rate_limited ? std::optional<Milliseconds>(7000) : std::nullopt);
        proxy_->clear();
        EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline).value_or(bytes), bytes);
        EXPECT_EQ(store->get(shard_name(2), k_all, k_no_deadline).value_or(bytes), bytes);
      }
    }
  }
  for (const Fault& fault : faults()) {
    if (fault.kind == ErrorKind::timed_out || fault.kind == ErrorKind::corrupt)
      continue;  // a listing looks at the entries one by one then
    SCOPED_TRACE("list: " + fault.name);
    proxy_->clear();
    proxy_->add("{\"target\": \"files/ls\", \"skip\": 2, " + fault.said + "}");
    const auto error = thrown_by([&] { store->list("", sink, k_no_deadline); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, fault.kind) << error->what();
  }
}

TEST_F(IpfsStore, ANodeThatTakesNoConnectionIsOffline) {
  const auto store = open_proxied();
  proxy_->listen(false);
  expect_every_call_fails(*store, ErrorKind::offline);
}

TEST_F(IpfsStore, AnAnswerThatIsCutOrEmptyGivesNoBytes) {
  const auto store = open_proxied();
  store->put(shard_name(1), random_bytes(500'000), k_no_deadline);
  for (const char* fault : {R"("reset_answer", "times": 0, "at": 100000)", R"("cut", "times": 0, "at": 100000)",
                            R"("empty")", R"("shorter", "by": 1)"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"target": "/cat", "fault": )") + fault + "}");
    EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); })->kind, ErrorKind::transient) << fault;
  }
  proxy_->add(R"({"target": "/cat", "fault": "longer", "by": 1})");
  EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, k_no_deadline); })->kind, ErrorKind::corrupt);
  for (const char* fault :
       {R"("empty")", R"("answer", "status": 200, "body": "[]")", R"("answer", "status": 200, "body": "{}")"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"target": "files/stat", "fault": )") + fault + "}");
    EXPECT_EQ(thrown_by([&] { store->stat(shard_name(1), k_no_deadline); })->kind, ErrorKind::transient) << fault;
  }
}

TEST_F(IpfsStore, ANodeThatHangsOrCrawlsEndsByTheDeadlineOrAStop) {
  const auto store = open_proxied();
  store->put(shard_name(1), random_bytes(10'000), k_no_deadline);
  expect_every_call_ends_when_stopped(*proxy_, *store);
  expect_every_call_ends_by_its_deadline(*proxy_, *store);
  for (const char* fault : {R"("stall", "at": -1)", R"("stall", "at": 5)", R"("slow", "rate": 1)"}) {
    proxy_->clear();
    proxy_->add(std::string(R"({"target": "/cat", "fault": )") + fault + "}");
    EXPECT_EQ(thrown_by([&] { store->get(shard_name(1), k_all, within(Milliseconds(400))); })->kind,
              ErrorKind::timed_out)
        << fault;
  }
}

TEST_F(IpfsStore, AFlippedBitIsHandedOn) {
  expect_flipped_bit_is_handed_on(*proxy_, *open_proxied(), R"("target": "/cat")");
}

TEST_F(IpfsStore, AStaleListLosesNothing) {
  expect_stale_list_loses_nothing(*proxy_, *open_proxied(), R"("target": "files/ls.*00")");
}

TEST_F(IpfsStore, BytesThatChangeOnTheWayAreNotTakenForOurs) {
  const auto store = open_proxied();
  for (const std::size_t size : {10'000U, 2'000'000U}) {
    proxy_->add(R"({"target": "/add", "fault": "request_flip", "at": 5000})");
    const auto error = thrown_by([&] { store->put(shard_name(size), random_bytes(size), k_no_deadline); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ErrorKind::corrupt);
    EXPECT_FALSE(store->stat(shard_name(size), k_no_deadline));
  }
}

TEST_F(IpfsStore, SuccessThatWasOnlySaidIsFoundOut) {
  const auto store = open_proxied();
  proxy_->add(R"({"target": "files/cp", "fault": "answer", "status": 200})");
  EXPECT_EQ(thrown_by([&] { store->put(shard_name(1), random_bytes(10), k_no_deadline); })->kind, ErrorKind::transient);
}

TEST_F(IpfsStore, WhatWasDoneThoughAnErrorWasSaidIsFineTheNextTime) {
  const auto store = open_proxied();
  const Bytes bytes = random_bytes(1000);
  proxy_->add(R"({"target": "files/cp", "fault": "answer_after", "status": 500})");
  EXPECT_EQ(thrown_by([&] { store->put(shard_name(1), bytes, k_no_deadline); })->kind, ErrorKind::transient);
  store->put(shard_name(1), bytes, k_no_deadline);
  EXPECT_EQ(store->get(shard_name(1), k_all, k_no_deadline), bytes);
  proxy_->add(R"({"target": "files/rm", "fault": "answer_after", "status": 500})");
  EXPECT_EQ(thrown_by([&] { store->remove(shard_name(1), k_no_deadline); })->kind, ErrorKind::transient);
  store->remove(shard_name(1), k_no_deadline);
  EXPECT_FALSE(store->stat(shard_name(1), k_no_deadline));
}

TEST_F(IpfsStore, ARequestToWaitIsObeyed) {
  SystemClock clock;
  SystemRandom random;
  const auto store = store::make_retrying(open_proxied(), {.first = Milliseconds(1)}, clock, random);
  proxy_->add(R"({"target": "/add", "times": 1, "fault": "answer", "status": 429, "headers": {"Retry-After": "1"}})");
  store->put(shard_name(1), random_bytes(10), k_no_deadline);
  std::vector<double> times;
  for (const ProxiedCall& call : proxy_->log("POST")) {
    if (call.target.find("/add") != std::string::npos) times.push_back(call.seconds);
  }
  ASSERT_EQ(times.size(), 2U);
  EXPECT_GE(times[1] - times[0], 1.0);
}

// The forms in which Kubo answers otherwise than js-ipfs does.
TEST_F(IpfsStore, KubosFormsAreUnderstood) {
  const auto store = open_proxied();
  const Bytes bytes = random_bytes(1000);
  store->put(shard_name(1), bytes, k_no_deadline);
  const std::string cid = to_string(*store::ipfs::cid_of_file(bytes));
  proxy_->add(R"({"target": "files/stat", "fault": "answer", "status": 200, "body": "{\"Hash\":\")" + cid +
              R"(\",\"Size\":1000,\"CumulativeSize\":1000,\"Blocks\":0,\"Type\":\"file\"}"})");
  EXPECT_EQ(store->stat(shard_name(1), k_no_deadline)->size_bytes, 1000U);
  proxy_->clear();
  proxy_->add(
      R"({"target": "files/stat", "fault": "answer", "status": 500, "body": "{\"Message\":\"file does not exist\",\"Code\":0,\"Type\":\"error\"}"})");
  EXPECT_FALSE(store->stat(shard_name(1), k_no_deadline));
  // One document for a whole folder, and null for an empty one.
  proxy_->clear();
  const std::string leaf = shard_name(1).path().substr(13);
  proxy_->add(
      R"({"target": "files/ls", "skip": 2, "fault": "answer", "status": 200, "body": "{\"Entries\":[{\"Name\":\")" +
      leaf + R"(\",\"Type\":0,\"Size\":1000,\"Hash\":\"x\"}]}\n"})");
  std::vector<std::uint64_t> sizes;
  store->list("", [&](const store::ObjectInfo& info) { sizes.push_back(info.size_bytes); }, k_no_deadline);
  EXPECT_EQ(sizes, std::vector<std::uint64_t>{1000});
  proxy_->clear();
  proxy_->add(R"({"target": "files/ls", "fault": "answer", "status": 200, "body": "{\"Entries\":null}\n"})");
  store->list("", [](const auto&) { FAIL(); }, k_no_deadline);
  // What rm says of a file that another one removed first: success, and then not.
  proxy_->clear();
  proxy_->add(
      R"({"target": "files/rm", "fault": "answer_after", "status": 200, "headers": {"X-Stream-Error": "can't remove some files"}, "body": "\"/x: file does not exist\""})");
  store->remove(shard_name(1), k_no_deadline);
  // Numbers, where js-ipfs has text.
  proxy_->add(
      R"({"target": "repo/stat", "fault": "answer", "status": 200, "body": "{\"RepoSize\":1000,\"StorageMax\":10000000000}"})");
  const store::Space space = store->space(k_no_deadline);
  EXPECT_EQ(space.used_bytes, 1000U);
  EXPECT_EQ(space.free_bytes, 9'999'999'000U);
}

}  // namespace
}  // namespace modelfloat::test
