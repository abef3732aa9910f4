#include "modelfloat/store/host_domain.h"

#include <utility>

namespace modelfloat::store {

std::string host_domain(std::string_view host) {
  using Pair = std::pair<std::string_view, std::string_view>;
  // The end of a host's name, and its company. The schemes drive: and mega: use the same names
  // "google" and "mega".
  static constexpr Pair k_companies[] = {
      {"amazonaws.com", "amazon"},
      {"amazonaws.com.cn", "amazon"},
      {"backblazeb2.com", "backblaze"},
      {"wasabisys.com", "wasabi"},
      {"r2.cloudflarestorage.com", "cloudflare"},
      {"digitaloceanspaces.com", "digitalocean"},
      {"scw.cloud", "scaleway"},
      {"linodeobjects.com", "akamai"},
      {"your-objectstorage.com", "hetzner"},
      {"your-storagebox.de", "hetzner"},
      {"your-storageshare.de", "hetzner"},
      {"storage.googleapis.com", "google"},
      {"cloud.ovh.net", "ovh"},
      {"cloud.ovh.us", "ovh"},
      {"oraclecloud.com", "oracle"},
      {"appdomain.cloud", "ibm"},
      {"aliyuncs.com", "alibaba"},
      {"myqcloud.com", "tencent"},
      {"vultrobjects.com", "vultr"},
      {"contabostorage.com", "contabo"},
      {"storjshare.io", "storj"},
      {"idrivee2.com", "idrive"},
      {"s4.mega.io", "mega"},
      {"pcloud.com", "pcloud"},
      {"box.com", "box"},
      {"yandex.ru", "yandex"},
      {"yandex.com", "yandex"},
      {"yandexcloud.net", "yandex"},
      {"koofr.net", "koofr"},
      {"koofr.eu", "koofr"},
      {"hidrive.strato.com", "strato"},
      {"hidrive.ionos.com", "ionos"},
      {"sharepoint.com", "microsoft"},
      {"live.net", "microsoft"},
  };
  for (const auto& [end, company] : k_companies) {
    if (host == end) return std::string(company);
    if (host.size() > end.size() && host.ends_with(end) && host[host.size() - end.size() - 1] == '.')
      return std::string(company);
  }
  return std::string(host);
}

std::string host_domain(const http::Url& of_address, const StoreSettings& settings) {
  return host_domain(settings.api_url.empty() ? of_address.host : http::parse_url(settings.api_url).host);
}

}  // namespace modelfloat::store
