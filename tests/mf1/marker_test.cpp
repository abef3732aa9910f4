#include "modelfloat/mf1/marker.h"

#include "samples.h"

namespace modelfloat::mf1 {
namespace {

TEST(Marker, RoundTripsAndSeesEveryDamage) {
  test::FixedRandom random;
  const Marker marker{random.array<8>(), random.array<16>()};
  const Bytes object = make_marker(marker);
  EXPECT_EQ(object.size(), k_marker_bytes);
  EXPECT_EQ(parse_marker(object), marker);
  for_each_damage(object, [&](const Bytes& bad, const std::string& what) {
    EXPECT_TRUE(kind_thrown([&] { parse_marker(bad); })) << what;
  });
}

TEST(Marker, ANewerFormatIsSaidToBeOne) {
  Bytes object = make_marker({});
  object[4] = std::byte{2};
  EXPECT_EQ(kind_thrown([&] { parse_marker(object); }), ErrorKind::unsupported);
}

}  // namespace
}  // namespace modelfloat::mf1
