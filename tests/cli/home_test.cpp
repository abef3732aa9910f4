#include "modelfloat/cli/home.h"

#include <fstream>
#include <map>

#include "cli/variables.h"
#include "support/temporary_folder.h"
#include <gtest/gtest.h>

#include "modelfloat/base/error.h"

namespace modelfloat::cli {
namespace {

namespace fs = std::filesystem;

TEST(Home, IsOneFolderWhenTheVariableSaysSo) {
  const auto home =
      Home::locate(variables({{"MODELFLOAT_HOME", "/srv/mf/"}, {"HOME", "/home/u"}, {"XDG_STATE_HOME", "/s"}}));
  EXPECT_EQ(home.config_file(), "/srv/mf/config.toml");
  EXPECT_EQ(home.registry_file(), "/srv/mf/registry.db");
  EXPECT_EQ(home.key_file(), "/srv/mf/key");
}

TEST(Home, FollowsXdg) {
  const auto home = Home::locate(variables({{"HOME", "/home/u"}, {"XDG_CONFIG_HOME", "/c"}, {"XDG_STATE_HOME", "/s"}}));
  EXPECT_EQ(home.config_file(), "/c/modelfloat/config.toml");
  EXPECT_EQ(home.registry_file(), "/s/modelfloat/registry.db");
}

TEST(Home, HasDefaultsAndIgnoresRelativeXdgPaths) {
  const auto home = Home::locate(variables({{"HOME", "/home/u"}, {"XDG_STATE_HOME", "here"}}));
  EXPECT_EQ(home.config_file(), "/home/u/.config/modelfloat/config.toml");
  EXPECT_EQ(home.registry_file(), "/home/u/.local/state/modelfloat/registry.db");
}

TEST(Home, NeedsAPlace) { EXPECT_THROW(Home::locate(variables({})), Error); }

TEST(Home, MakesItsFolderForTheOwnerAlone) {
  const test::TemporaryFolder folder;
  const Home home{folder.path() / "c", folder.path() / "a" / "b"};
  home.make_state_folder();
  EXPECT_EQ(fs::status(home.state_folder).permissions(), fs::perms::owner_all);
  fs::permissions(home.state_folder, fs::perms::owner_all | fs::perms::group_read);
  home.make_state_folder();  // what is there is the user's own affair
  EXPECT_EQ(fs::status(home.state_folder).permissions(), fs::perms::owner_all | fs::perms::group_read);
}

TEST(Config, HasDefaultsWithoutAFile) {
  const test::TemporaryFolder folder;
  const Config config = Home{folder.path(), folder.path()}.config();
  EXPECT_EQ(config.listen, "127.0.0.1:8080");
  EXPECT_EQ(config.key_file, std::nullopt);
  EXPECT_EQ(config.ram_budget_bytes, 0U);
  EXPECT_FALSE(config.weak_sandbox);
}

TEST(Config, IsReadFromItsFile) {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "config.toml")
      << "listen = \"[::1]:9\"\nkey_file = \"keys/k\"\n[runner]\nram_budget_bytes = 5_000\nweak_sandbox = "
         "true\n[serve]\n"
         "hosts = [\"Models.example.org.\", \"192.168.0.7\"]\n";
  const Config config = Home{folder.path(), folder.path()}.config();
  EXPECT_EQ(config.listen, "[::1]:9");
  EXPECT_EQ(config.key_file, folder.path() / "keys/k");
  EXPECT_EQ(config.ram_budget_bytes, 5000U);
  EXPECT_EQ(config.hosts, (std::vector<std::string>{"models.example.org", "192.168.0.7"}));
  EXPECT_TRUE(config.weak_sandbox);
}

TEST(Config, BandwidthsOfAllStoresAndOfOne) {
  const auto config = parse_config(
      "bwlimit = \"10M\"\n[store.mega]\nbwlimit = \"2M:off\"\n[store.\"my.drive\"]\nbwlimit = \"off\"\n", "f");
  EXPECT_EQ(config.bandwidth, "10M");
  EXPECT_EQ(config.store_bandwidth, (std::map<std::string, std::string>{{"mega", "2M:off"}, {"my.drive", "off"}}));
}

TEST(Config, MaintenanceOfThePool) {
  EXPECT_TRUE(Config().maintenance.enabled);
  EXPECT_EQ(Config().maintenance.scrub_days, 30U);
  EXPECT_EQ(Config().maintenance.repair_after_hours, 24U);
  const auto none = parse_config("[maintenance]\nenabled = false\nscrub_days = 0\n", "f").maintenance;
  EXPECT_FALSE(none.enabled);
  EXPECT_EQ(none.scrub_days, 0U);
  EXPECT_EQ(none.window, std::nullopt);
  EXPECT_EQ(none.download_per_day, std::nullopt);
  const auto all = parse_config(
                       "[maintenance]\nrepair_after_hours = 1\nwindow = \"22:00-04:30\"\ndownload_per_day = \"20GB\"\n"
                       "upload_per_day = 5_000\n",
                       "f")
                       .maintenance;
  EXPECT_EQ(all.repair_after_hours, 1U);
  EXPECT_EQ(all.window, server::parse_day_window("22:00-04:30"));
  EXPECT_EQ(all.download_per_day, 20'000'000'000U);
  EXPECT_EQ(all.upload_per_day, 5000U);
}

TEST(Config, NamesTheLineThatIsWrong) {
  for (const char* text :
       {"\nlisten = 8080\n", "\nbwlimit = \"fast\"\n", "\nstore.mega.bwlimit = 10\n", "\n[runner\n",
        "\nrunner.ram_budget_bytes = -1\n", "\nrunner.ram_budget_bytes = \"4 GB\"\n", "\nserve.hosts = \"a\"\n",
        "\nmaintenance.enabled = \"yes\"\n", "\nmaintenance.scrub_days = -1\n",
        "\nmaintenance.scrub_days = 5_000_000_000\n", "\nmaintenance.repair_after_hours = \"1 d\"\n",
        "\nmaintenance.window = \"1-6\"\n", "\nmaintenance.download_per_day = \"much\"\n",
        "\nmaintenance.upload_per_day = -5\n", "\nserve.hosts = [\"a:80\"]\n", "\nserve.hosts = [7]\n"}) {
    try {
      parse_config(text, "/c/config.toml");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind, ErrorKind::invalid) << text;
      EXPECT_NE(std::string(error.what()).find("/c/config.toml line 2"), std::string::npos) << error.what();
    }
  }
}

TEST(Config, PassesOverWhatItDoesNotKnow) { EXPECT_NO_THROW(parse_config("future = 1\n[more]\nx = 2\n", "f")); }

}  // namespace
}  // namespace modelfloat::cli
