// What listings show.
#include "support/registry_samples.h"
#include "support/registry_suite.h"

namespace modelfloat::registry {
namespace {

using namespace test;
using Names = std::vector<std::string>;

TEST_P(RegistrySuite, RevisionsAreListedNewestFirst) {
  const RevisionRow older = sample_revision(1, "acme/small", "the first");
  RevisionRow newer = sample_revision(2, "acme/small");
  registry_->put_revision(newer);
  registry_->put_revision(older);
  registry_->put_revision(sample_revision(3, "acme/other"));
  newer.description = "changed";
  registry_->put_revision(newer);
  reopen();
  EXPECT_EQ(registry_->revisions("acme/small"), (std::vector{newer, older}));
  registry_->remove_revision(newer.manifest);
  registry_->remove_revision(newer.manifest);
  EXPECT_EQ(registry_->revisions("acme/small"), std::vector{older});
  EXPECT_TRUE(registry_->revisions("acme").empty());
}

TEST_P(RegistrySuite, ModelsComeInPages) {
  for (std::uint64_t i = 0; i < 10; ++i) {
    registry_->put_revision(sample_revision(2 * i, "acme/m" + std::to_string(i)));
    registry_->put_revision(sample_revision(2 * i + 1, "acme/m" + std::to_string(i)));
  }
  EXPECT_EQ(registry_->models("", "", 3), (Names{"acme/m0", "acme/m1", "acme/m2"}));
  EXPECT_EQ(registry_->models("acme/m2", "", 3), (Names{"acme/m3", "acme/m4", "acme/m5"}));
  EXPECT_EQ(registry_->models("acme/m8", "", SIZE_MAX), Names{"acme/m9"});
  EXPECT_TRUE(registry_->models("acme/m9", "", 3).empty());
  EXPECT_TRUE(registry_->models("", "", 0).empty());
}

TEST_P(RegistrySuite, SearchIsForPlainTextInAnyCase) {
  registry_->put_revision(sample_revision(1, "acme/100%_sure"));
  registry_->put_revision(sample_revision(2, "acme/100xysure"));
  registry_->put_revision(sample_revision(3, "acme/Qwen", "Größe ÄÖÜ, МОСКВА, 日本語 'quoted\\'"));
  registry_->put_revision(sample_revision(4, "acme/bad", "not UTF-8: \xff\xfeX"));
  const auto found = [&](const std::string& search) { return registry_->models("", search, 100); };
  EXPECT_EQ(found("%"), Names{"acme/100%_sure"});
  EXPECT_EQ(found("0%_S"), Names{"acme/100%_sure"});
  EXPECT_EQ(found("_"), Names{"acme/100%_sure"});
  EXPECT_EQ(found("100"), (Names{"acme/100%_sure", "acme/100xysure"}));
  EXPECT_EQ(found("qWEN"), Names{"acme/Qwen"});
  EXPECT_EQ(found("grÖSSe"), Names{});
  EXPECT_EQ(found("grÖßE äöÜ"), Names{"acme/Qwen"});
  EXPECT_EQ(found("москва"), Names{"acme/Qwen"});
  EXPECT_EQ(found("本語"), Names{"acme/Qwen"});
  EXPECT_EQ(found("'quoted\\'"), Names{"acme/Qwen"});
  EXPECT_EQ(found("' or 1=1 --"), Names{});
  EXPECT_EQ(found("\xfex"), Names{"acme/bad"});
  EXPECT_EQ(registry_->models("acme/100%_sure", "100", 100), Names{"acme/100xysure"});
}

TEST_P(RegistrySuite, TagsAreReplacedAsAWhole) {
  using Tags = std::vector<std::pair<std::string, Hash256>>;
  registry_->set_tags("acme/m", Tags{{"v1", sample_hash(1)}, {"latest", sample_hash(2)}});
  registry_->set_tags("acme/other", Tags{{"latest", sample_hash(3)}});
  EXPECT_EQ(registry_->tags("acme/m"), (Tags{{"latest", sample_hash(2)}, {"v1", sample_hash(1)}}));
  registry_->set_tags("acme/m", Tags{{"v2", sample_hash(4)}});
  reopen();
  EXPECT_EQ(registry_->tags("acme/m"), (Tags{{"v2", sample_hash(4)}}));
  EXPECT_EQ(registry_->tags("acme/other").size(), 1U);
}

}  // namespace
}  // namespace modelfloat::registry
