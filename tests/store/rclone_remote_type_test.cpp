#include <gtest/gtest.h>

#include "modelfloat/store/rclone/remote_type.h"

namespace modelfloat::test {
namespace {

using store::StoreTraits;
using store::rclone::Config;
using store::rclone::remote_type;
using store::rclone::RemoteType;

const std::map<std::string, Config> k_remotes = {
    {"gd", {{"type", "drive"}}},
    {"m", {{"type", "mega"}}},
    {"box", {{"type", "dropbox"}}},
    {"od", {{"type", "onedrive"}}},
    {"aws", {{"type", "s3"}, {"provider", "AWS"}}},
    {"minio", {{"type", "s3"}, {"provider", "Minio"}, {"endpoint", "http://Nas.local:9000"}}},
    {"wasabi", {{"type", "s3"}, {"provider", "Wasabi"}, {"endpoint", "s3.wasabisys.com"}}},
    {"dav", {{"type", "webdav"}, {"url", "https://cloud.example.org/remote.php/dav"}}},
    {"ssh", {{"type", "sftp"}, {"host", "nas.local"}}},
    {"disk", {{"type", "local"}}},
    {"secret", {{"type", "crypt"}, {"remote", "gd:hidden/place"}}},
    {"chunks", {{"type", "chunker"}, {"remote", "secret:"}}},
    {"short", {{"type", "alias"}, {"remote", "/mnt/disk/models/"}}},
    {"flags", {{"type", "crypt"}, {"remote", "gd,shared_with_me=true:x"}}},
    {"fly", {{"type", "crypt"}, {"remote", ":dropbox,token=hush:x"}}},
    {"same", {{"type", "union"}, {"upstreams", "gd:a secret:b:ro"}}},
    {"mixed", {{"type", "union"}, {"upstreams", "gd:a m:b"}}},
    {"quoted", {{"type", "combine"}, {"upstreams", "\"one=gd:a b\" two=secret:"}}},
    {"loop", {{"type", "alias"}, {"remote", "loop:"}}},
    {"new", {{"type", "frobnicator"}}},
};

RemoteType type_of(const std::string& name, std::string_view path = {}) {
  return remote_type(name, path, [](const std::string& wanted) {
    const auto found = k_remotes.find(wanted);
    return found == k_remotes.end() ? Config() : found->second;
  });
}

TEST(RcloneRemoteType, TheDomainIsTheCompanyOrHost) {
  EXPECT_EQ(type_of("gd").domain, "google");
  EXPECT_EQ(type_of("m").domain, "mega");
  EXPECT_EQ(type_of("box").domain, "dropbox");
  EXPECT_EQ(type_of("od").domain, "microsoft");
  EXPECT_EQ(type_of("aws").domain, "amazon");
  EXPECT_EQ(type_of("minio").domain, "nas.local");
  EXPECT_EQ(type_of("wasabi").domain, "wasabi");
  EXPECT_EQ(type_of("dav").domain, "cloud.example.org");
  EXPECT_EQ(type_of("ssh").domain, "nas.local");
  EXPECT_EQ(type_of("new").domain, "rclone:new");
  EXPECT_EQ(type_of("nowhere").domain, "rclone:nowhere");
}

// As local: would call it.
TEST(RcloneRemoteType, ALocalRemoteIsItsFolder) {
  EXPECT_EQ(type_of("disk", "/mnt/a").domain, "local:/mnt/a");
  EXPECT_EQ(type_of("short", "x").domain, "local:/mnt/disk/models");
}

TEST(RcloneRemoteType, WhatWrapsIsLookedThrough) {
  EXPECT_EQ(type_of("secret").type, "drive");
  EXPECT_EQ(type_of("secret").domain, "google");
  EXPECT_EQ(type_of("chunks").domain, "google");
  EXPECT_EQ(type_of("flags").domain, "google");
  EXPECT_EQ(type_of("fly").domain, "dropbox");
  EXPECT_EQ(type_of("same").domain, "google");
  EXPECT_EQ(type_of("quoted").domain, "google");
  EXPECT_EQ(type_of("mixed").domain, "rclone:mixed");
  EXPECT_EQ(type_of("loop").domain, "rclone:loop");
}

TEST(RcloneRemoteType, LimitsFollowTheProvider) {
  const StoreTraits mega = store::rclone::traits_of("mega");
  EXPECT_TRUE(mega.downloads_are_scarce);
  EXPECT_EQ(mega.idle_days, 90U);
  const StoreTraits drive = store::rclone::traits_of("drive");
  EXPECT_FALSE(drive.downloads_are_scarce);
  EXPECT_TRUE(drive.delayed_listing);
  EXPECT_GT(drive.calls_per_second, 0);
  EXPECT_EQ(drive.idle_days, 730U);
  EXPECT_EQ(store::rclone::traits_of("local").calls_per_second, 0);
}

}  // namespace
}  // namespace modelfloat::test
