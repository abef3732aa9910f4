// Names and texts that a model may not have are refused before anything of it is stored.
#include <fstream>

#include "engine/test_pool.h"
#include "support/thrown.h"
#include <gtest/gtest.h>
#include <unistd.h>

namespace modelfloat {
namespace {

using test::Call;
using test::k_copies;
using test::Machine;
using test::Threads;
using test::World;

class ModelNames : public testing::Test {
 protected:
  ModelNames() { machine_.create(k_copies); }

  std::uint64_t puts() {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < world_.size(); ++i) sum += world_.faults(i).calls(Call::put);
    return sum;
  }
  static engine::PushOptions options(const std::string& model = "ns/model") {
    engine::PushOptions options;
    options.model = model;
    return options;
  }
  // What a push of a folder with a large file and one of this name says; empty when it is done.
  // Nothing goes to a store when it is refused.
  std::string refusal_of(const std::string& name) {
    const test::TemporaryFolder folder;
    const Bytes large = test::random_bytes(3'000'000, 1);
    std::ofstream(folder / "a-large-one.bin").write(reinterpret_cast<const char*>(large.data()), 3'000'000);
    std::ofstream(folder.path().string() + "/" + name) << "x";
    const auto before = puts();
    const auto error = test::thrown_by([&] { engine::push_path(machine_.pool(), folder.path(), options(), {}); });
    if (!error) return "";
    EXPECT_EQ(puts(), before);
    EXPECT_EQ(error->kind, ErrorKind::invalid);
    return error->what();
  }

  World world_{3};
  Machine machine_{world_, Threads::one};
};

TEST_F(ModelNames, AFileNameThatAModelMayNotHaveIsRefusedBeforeTheFirstByte) {
  EXPECT_NE(refusal_of("not-utf8-\xff.bin").find("not-utf8-\\xff.bin: is not a path"), std::string::npos);
  EXPECT_NE(refusal_of("back\\slash.bin").find("backslash"), std::string::npos);
  const std::string control = refusal_of("new\nline\x1b[31m.bin");
  EXPECT_NE(control.find("control character"), std::string::npos) << control;
  EXPECT_NE(control.find("new\\x0aline\\x1b[31m.bin"), std::string::npos) << control;
  EXPECT_EQ(refusal_of("模型.bin"), "");
}

TEST_F(ModelNames, AFileThatMayNotBeReadIsRefusedBeforeTheFirstByte) {
  const test::TemporaryFolder folder;
  const Bytes large = test::random_bytes(3'000'000, 1);
  std::ofstream(folder / "a-large-one.bin").write(reinterpret_cast<const char*>(large.data()), 3'000'000);
  std::ofstream(folder / "b-closed.bin") << "x";
  std::filesystem::permissions(folder / "b-closed.bin", std::filesystem::perms::none);
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  const auto before = puts();
  const uid_t user = ::geteuid();
  constexpr uid_t k_nobody = 65534;
  if (user == 0) {  // whom permissions do not bind
    ASSERT_EQ(::seteuid(k_nobody), 0);
  }
  const auto error = test::thrown_by([&] { engine::push_path(machine_.pool(), folder.path(), options(), {}); });
  ASSERT_EQ(::seteuid(user), 0);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::denied);
  EXPECT_EQ(puts(), before);
}

TEST_F(ModelNames, ATextThatIsNotUtf8IsRefusedBeforeTheFirstByte) {
  auto latin = options();
  latin.card["description"] = "caf\xe9";
  EXPECT_EQ(test::kind_thrown([&] { engine::PushSession(machine_.pool(), latin, {}); }), ErrorKind::invalid);
  engine::PushSession session(machine_.pool(), options(), {});
  EXPECT_EQ(test::kind_thrown([&] { session.describe("framework", "caf\xe9"); }), ErrorKind::invalid);
}

TEST_F(ModelNames, AFileThatIsTheFolderOfAnotherIsRefusedAtOnce) {
  engine::PushSession session(machine_.pool(), options(), {});
  const auto add = [&](const std::string& path) {
    const Bytes bytes = test::random_bytes(10, 1);
    MemorySource source(bytes);
    return test::kind_thrown([&] { session.add_file(path, source); });
  };
  EXPECT_EQ(add("a/b"), std::nullopt);
  EXPECT_EQ(add("a-file"), std::nullopt);
  EXPECT_EQ(add("a"), ErrorKind::invalid);
  EXPECT_EQ(add("a/b/c"), ErrorKind::invalid);
  EXPECT_EQ(add("a/b"), ErrorKind::invalid);
  session.commit();
}

TEST_F(ModelNames, MoreFilesThanAManifestCanListAreRefusedAsSoonAsTheirNamesAreKnown) {
  std::string folder;
  while (folder.size() < 3800) folder += std::string(250, 'd') + "/";
  engine::FileListing listing;
  std::size_t files = 0;
  const auto error = test::thrown_by([&] {
    for (; files < 100'000; ++files) listing.add(folder + std::to_string(files), 1000);
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::invalid);
  EXPECT_GT(files, 10'000U);
  EXPECT_LT(files * folder.size(), 64ULL << 20);
}

TEST_F(ModelNames, ReservedNamespacesAreRefusedByWriters) {
  for (const std::string space : {"api", "models", "v1", "v2", "xet", "metrics", "API", "Xet"}) {
    EXPECT_EQ(test::kind_thrown([&] { ModelRef::parse_new(space + "/x"); }), ErrorKind::invalid) << space;
    EXPECT_EQ(test::kind_thrown([&] { engine::PushSession(machine_.pool(), options(space + "/x"), {}); }),
              ErrorKind::invalid);
    EXPECT_EQ(ModelRef::parse(space + "/x").model, space + "/x");
  }
  EXPECT_EQ(ModelRef::parse_new("api-models/v1").model, "api-models/v1");
  EXPECT_EQ(ModelRef::parse_new("v3/x:v1").tag, "v1");
}

// One that an older program pushed.
TEST_F(ModelNames, AModelInAReservedNamespaceIsReadAsAnyOther) {
  const test::Files files{{"m.bin", test::random_bytes(1000, 1)}};
  machine_.push("ns/model", files);
  const auto state = machine_.pool().log().state();
  const auto& live = state.manifests.begin()->second;
  machine_.pool().log().append({Committed{{"api/model", "latest", live.revision, live.manifest}}}, {});
  EXPECT_EQ(machine_.pull("api/model"), files);
}

}  // namespace
}  // namespace modelfloat
