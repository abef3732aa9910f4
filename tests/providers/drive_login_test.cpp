// How a person logs in to Google Drive, played by a fake one.

#include <regex>
#include <thread>

#include "providers/drive_server.h"
#include "support/fixed_random.h"
#include <gmock/gmock.h>

namespace modelfloat::test {
namespace {

using nlohmann::json;

class DriveLogin : public testing::Test {
 protected:
  void SetUp() override {
    if (!server_variable(k_drive_variable)) GTEST_SKIP() << unless_set(k_drive_variable);
    server_.clear();
  }

  // An account whose client has not logged in yet.
  store::StoreSettings new_client(const std::string& kind) {
    const auto account = server_.control("account", {{"kind", kind}});
    store::StoreSettings settings = server_.addresses();
    settings.credentials.set("client_id", account["client_id"].get<std::string>());
    settings.credentials.set("client_secret", account["client_secret"].get<std::string>());
    return settings;
  }

  // Types the code in at the device page, or opens the address in a browser.
  class Person final : public store::Dialogue {
   public:
    Person(DriveServer& server, std::string decision) : server_(server), decision_(std::move(decision)) {}
    void tell(const std::string& text) override {
      told_ += text;
      std::smatch found;
      if (std::regex_search(text, found, std::regex("http://\\S+/auth\\S+"))) {
        browser_ = std::jthread([this, url = found.str()] { browse(url); });
      } else if (std::regex_search(text, found, std::regex("[A-Z]{4}-[A-Z]{4}"))) {
        const json answer = server_.control("device", {{"user_code", found.str()}, {"state", decision_}});
        EXPECT_TRUE(answer["found"]);
      }
    }
    std::string ask(const std::string& prompt, bool) override {
      throw Error(ErrorKind::denied, prompt, "nobody is there");
    }
    std::string told_;
    std::string page_;

   private:
    std::string open(const std::string& url) {
      store::http::Request request;
      request.url = url;
      request.where = "browser";
      const auto response = store::http::HttpClient().send(request, {});
      page_ = response.text();
      return std::string(response.header("location").value_or(""));
    }
    void browse(const std::string& url) {
      std::string back = open(url);
      if (decision_ == "foreign") {  // somebody else's page tries to log us in as them first
        std::string forged = std::regex_replace(back, std::regex("state=[^&]*"), "state=guessed");
        open(std::regex_replace(forged, std::regex("code=[^&]*"), "code=theirs"));
        EXPECT_THAT(page_, testing::HasSubstr("not the login"));
      }
      if (decision_ == "denied")
        back = back.substr(0, back.find('?')) + "?error=access_denied&" + back.substr(back.find("state="));
      open(back);
    }

    DriveServer& server_;
    const std::string decision_;
    std::jthread browser_;
  };

  void log_in(store::StoreSettings& settings, Person& person, const CallOptions& options = {}) {
    store::prepare_new_store(url_, settings, context_.context(), person, options);
  }
  void works(const store::StoreSettings& settings) {
    RealContext fresh;  // nothing but the refresh token is left of the login
    const auto store = store::make_store(url_, settings, fresh.context());
    store->put(shard_name(1), random_bytes(1000), {});
    EXPECT_EQ(store->get(shard_name(1), {}, {}), random_bytes(1000));
  }
  template <typename Work>
  static std::string denial_of(Work work) {
    try {
      work();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::denied) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "nothing was denied";
    return {};
  }

  DriveServer server_;
  const std::string url_ = "drive:" + fresh_name();
  RealContext context_;
};

TEST_F(DriveLogin, ByACodeOnAnyDevice) {
  auto settings = new_client("tv");
  Person person(server_, "approved");
  log_in(settings, person);
  EXPECT_THAT(person.told_, testing::HasSubstr("/device"));
  works(settings);
}

TEST_F(DriveLogin, WhoRefusesTheCodeIsNotLoggedIn) {
  auto settings = new_client("tv");
  Person person(server_, "denied");
  EXPECT_THAT(denial_of([&] { log_in(settings, person); }), testing::HasSubstr("refused"));
  EXPECT_FALSE(settings.credentials.has("refresh_token"));
}

TEST_F(DriveLogin, ACodeThatRunsOutIsDenied) {
  auto settings = new_client("tv");
  Person person(server_, "expired");
  EXPECT_THAT(denial_of([&] { log_in(settings, person); }), testing::HasSubstr("in time"));
}

TEST_F(DriveLogin, WaitingForTheCodeCanBeStopped) {
  auto settings = new_client("tv");
  Person person(server_, "pending");
  std::stop_source stop;
  CallOptions options;
  options.stop = stop.get_token();
  const std::jthread stopper([&] {
    while (server_.calls("token") < 1) std::this_thread::yield();
    stop.request_stop();
  });
  try {
    log_in(settings, person, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::cancelled);
  }
}

TEST_F(DriveLogin, TroubleOnTheWayIsWaitedOut) {
  auto settings = new_client("tv");
  server_.fault({{"call", "token"}, {"status", 503}});
  Person person(server_, "approved");
  log_in(settings, person);
  works(settings);
}

TEST_F(DriveLogin, ByABrowserWhereTheClientIsNoDevice) {
  auto settings = new_client("desktop");
  Person person(server_, "approved");
  log_in(settings, person);
  EXPECT_THAT(person.told_, testing::HasSubstr("ssh -L "));
  EXPECT_THAT(person.told_, testing::HasSubstr("code_challenge_method=S256"));
  works(settings);
}

TEST_F(DriveLogin, ABrowserThatComesFromElsewhereIsTurnedAway) {
  auto settings = new_client("desktop");
  Person person(server_, "foreign");
  log_in(settings, person);
  works(settings);
}

TEST_F(DriveLogin, WhoRefusesInTheBrowserIsNotLoggedIn) {
  auto settings = new_client("desktop");
  Person person(server_, "denied");
  EXPECT_THAT(denial_of([&] { log_in(settings, person); }), testing::HasSubstr("access_denied"));
}

TEST_F(DriveLogin, AWrongClientIsDeniedAndItsSecretIsNotRepeated) {
  auto settings = new_client("tv");
  settings.credentials.set("client_secret", "quite-wrong");
  Person person(server_, "approved");
  EXPECT_THAT(denial_of([&] { log_in(settings, person); }), testing::Not(testing::HasSubstr("quite-wrong")));
  settings.credentials.set("client_id", "nobody");
  EXPECT_THAT(denial_of([&] { log_in(settings, person); }), testing::HasSubstr("not found"));
}

TEST_F(DriveLogin, AServiceAccountWithoutASharedDriveHasNoRoom) {
  std::string drive;
  auto settings = server_.new_service_account(drive);
  Person person(server_, "");
  log_in(settings, person);
  try {
    store::make_store(url_, settings, context_.context())->put(shard_name(1), random_bytes(10), {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind, ErrorKind::out_of_space);
    EXPECT_THAT(error.what(), testing::HasSubstr("shared drives"));
  }
}

TEST_F(DriveLogin, AServiceAccountSignsWithItsOwnKey) {
  std::string drive;
  auto settings = server_.new_service_account(drive);
  auto key = json::parse(*settings.credentials.find("service_account"));
  std::string other;
  key["private_key"] =
      json::parse(*server_.new_service_account(other).credentials.find("service_account"))["private_key"];
  settings.credentials.set("service_account", key.dump());
  Person person(server_, "");
  EXPECT_THAT(denial_of([&] { log_in(settings, person); }), testing::HasSubstr("Signature"));
}

}  // namespace
}  // namespace modelfloat::test
