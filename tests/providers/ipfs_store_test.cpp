#include "modelfloat/store/ipfs/ipfs_store.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "providers/every_call.h"
#include "providers/ipfs_fixture.h"
#include "providers/ipfs_node.h"
#include "support/fixed_random.h"
#include "support/store_suite.h"
#include "support/temporary_folder.h"
#include "support/thrown.h"
#include <gmock/gmock.h>

#include "modelfloat/base/error.h"
#include "modelfloat/store/ipfs/cid.h"

namespace modelfloat::test {
namespace {

using namespace ipfs;
using store::StoreSettings;
using testing::HasSubstr;
using testing::Not;

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

}  // namespace
}  // namespace modelfloat::test
