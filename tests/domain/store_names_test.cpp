#include "modelfloat/domain/store_names.h"

#include <gtest/gtest.h>

namespace modelfloat {
namespace {

using Names = std::map<StoreId, std::string>;

StoreId id(unsigned char first) {
  StoreId id{};
  id[0] = std::byte{first};
  return id;
}

Names shown(const Names& logged, const Names& others = {}) {
  std::map<StoreId, StoreAdded> catalogue;
  for (const auto& [store, name] : logged) catalogue.emplace(store, StoreAdded{store, name, "", "", 0});
  return shown_store_names(catalogue, others);
}

TEST(StoreNames, AreTheirOwnWhereNoTwoAreTheSame) {
  const Names names{{id(1), "usb"}, {id(2), "usb-2"}, {id(3), "nas"}};
  EXPECT_EQ(shown(names), names);
  EXPECT_TRUE(shown({}).empty());
}

TEST(StoreNames, OfOneNameTheLargerIdsAreNumbered) {
  EXPECT_EQ(shown({{id(7), "usb"}, {id(0x80), "usb"}, {id(9), "usb"}}),
            (Names{{id(7), "usb"}, {id(9), "usb-2"}, {id(0x80), "usb-3"}}));
}

TEST(StoreNames, ANumberThatIsTheNameOfAStoreIsLeftToIt) {
  EXPECT_EQ(shown({{id(1), "usb"}, {id(2), "usb"}, {id(9), "usb-2"}}),
            (Names{{id(1), "usb"}, {id(2), "usb-3"}, {id(9), "usb-2"}}));
  EXPECT_EQ(shown({{id(1), "usb"}, {id(2), "usb"}, {id(3), "usb-2"}, {id(4), "usb-2"}}),
            (Names{{id(1), "usb"}, {id(2), "usb-3"}, {id(3), "usb-2"}, {id(4), "usb-2-2"}}));
}

TEST(StoreNames, OfStoresThatTheLogDoesNotHaveAreGivenLast) {
  EXPECT_EQ(shown({{id(5), "usb"}, {id(6), "usb"}}, {{id(1), "usb"}, {id(2), "nas"}}),
            (Names{{id(1), "usb-3"}, {id(2), "nas"}, {id(5), "usb"}, {id(6), "usb-2"}}));
}

}  // namespace
}  // namespace modelfloat
