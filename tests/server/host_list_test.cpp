#include "modelfloat/server/http/host_list.h"

#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::server {
namespace {

std::string in_one_form(std::string_view text) {
  const auto authority = parse_authority(text);
  if (!authority) return "none";
  return authority->host + (authority->port ? " " + std::to_string(*authority->port) : "");
}

TEST(Authority, HasOneForm) {
  EXPECT_EQ(in_one_form("LocalHost.:8080"), "localhost 8080");
  EXPECT_EQ(in_one_form("127.0.0.1:"), "127.0.0.1");
  EXPECT_EQ(in_one_form("[0:0::1]:65535"), "::1 65535");
  EXPECT_EQ(in_one_form("[::ffff:192.168.0.1]"), "192.168.0.1");
  EXPECT_EQ(in_one_form("models_2.example-3.org"), "models_2.example-3.org");
  for (const std::string none : {"", ":", ".", "a..b", ".a", "a:b", "a:65536", "a:1:2", "::1", "[::1", "[a]", "[]",
                                 "a b", "a@b", "a/b", "ä", "*.example.org"}) {
    EXPECT_EQ(in_one_form(none), "none") << none;
  }
  EXPECT_EQ(in_one_form(std::string(254, 'a')), "none");
}

bool allows(const HostList& hosts, std::string_view host, std::string_view local = "127.0.0.1") {
  return hosts.allows(parse_authority(host).value(), local);
}

TEST(HostList, AllowsTheMachineAndTheNamesAlone) {
  const HostList hosts({"Models.example.org", "192.168.7.7", "fe80::0:7"});
  for (const auto* good : {"localhost", "localhost:1", "127.0.0.1:8080", "[::1]:8080", "models.example.org",
                           "192.168.7.7:80", "models.example.org.:8080", "[fe80::7]:80"}) {
    EXPECT_TRUE(allows(hosts, good)) << good;
  }
  for (const auto* bad : {"example.org", "a.models.example.org", "localhost.evil.example", "evil.localhost", "[::]",
                          "127.0.0.1.evil.example", "0.0.0.0", "127.1", "2130706433", "192.168.0.1"}) {
    EXPECT_FALSE(allows(hosts, bad)) << bad;
  }
}

TEST(HostList, KnowsTheAddressThatWasCalled) {
  const HostList hosts({});
  EXPECT_TRUE(allows(hosts, "192.168.0.1:9000", "192.168.0.1"));
  EXPECT_TRUE(allows(hosts, "192.168.0.1", "::ffff:192.168.0.1"));
  EXPECT_TRUE(allows(hosts, "[fe80::1]:80", "fe80::1%eth0"));
  EXPECT_FALSE(allows(hosts, "192.168.0.2", "192.168.0.1"));
}

TEST(HostList, TakesNoNameWithAPortAndNoPattern) {
  for (const auto* bad : {"", "a:80", "a:", "*", "*.example.org", "http://a", "a/b", "[::1]:80"}) {
    EXPECT_THROW(HostList({bad}), Error) << bad;
  }
}

TEST(HostList, AllowsPagesOfItsOwn) {
  const HostList hosts({"models.example.org"});
  const auto allowed = [&hosts](std::string_view origin, std::string_view called) {
    return hosts.allows_origin(origin, parse_authority(called));
  };
  EXPECT_TRUE(allowed("http://localhost:9000", "localhost:9000"));
  EXPECT_TRUE(allowed("http://localhost", "localhost:80"));
  EXPECT_TRUE(allowed("https://localhost", "localhost:443"));
  EXPECT_TRUE(allowed("HTTP://LOCALHOST:9000", "localhost"));  // a proxy that drops the port
  EXPECT_TRUE(allowed("https://models.example.org", "127.0.0.1:8080"));
  EXPECT_FALSE(allowed("http://localhost:3000", "localhost:9000"));
  EXPECT_FALSE(allowed("http://localhost", "localhost:9000"));
  EXPECT_FALSE(allowed("http://127.0.0.1:9000", "localhost:9000"));
  for (const auto* bad : {"null", "", "localhost", "file://localhost", "http://", "http://evil.example"}) {
    EXPECT_FALSE(allowed(bad, "localhost")) << bad;
  }
  EXPECT_FALSE(hosts.allows_origin("http://localhost", std::nullopt));
}

}  // namespace
}  // namespace modelfloat::server
