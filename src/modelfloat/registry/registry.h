#pragma once
// The database of what is known of the pool, and of the operations that are under way. If
// it is lost, `recover` rebuilds it from the stores. Each part has its own interface; code that
// needs one part takes that interface only.
//
// Servers that share one registry share all of it:
//
//   PackIndex, ManifestPacks,   copies of what the stores say; any of the servers may refresh them
//   LogCache, DocumentCache,
//   Catalogue
//   Journal                     what one of them began and another may end
//   Jobs                        what each of them does and did; each row names its server
//   Tokens                      a token is good for all of them
//   KeyValues                   which pool it is, its policy, the writer id of the registry's chain
//   StoreRecords: stores        as the log says
//   StoreRecords: settings and  secrets of accounts, sealed under the pool's key, which every server
//   sessions                    has. They stay here: they appear and go in one transaction with their
//                               store, and providers throttle accounts that every server logs in to
//   StoreRecords: use, pauses   the quota of an account, whoever uses it
//   StoreRecords: health        what was measured last, by whichever of them
//
// What concerns one machine alone is not in the registry but in its home (cli/home.h): the
// folders, config.toml, the key file, and the path of another key file.

#include "modelfloat/registry/catalogue.h"
#include "modelfloat/registry/document_cache.h"
#include "modelfloat/registry/jobs.h"
#include "modelfloat/registry/journal.h"
#include "modelfloat/registry/key_values.h"
#include "modelfloat/registry/log_cache.h"
#include "modelfloat/registry/manifest_packs.h"
#include "modelfloat/registry/pack_index.h"
#include "modelfloat/registry/store_records.h"
#include "modelfloat/registry/tokens.h"

namespace modelfloat::registry {

// For all parts:
// - Threads: every method may be called from many threads, and from several processes.
// - Atomic and durable: a method writes all or nothing. What it wrote is durable when it returns,
//   or within a transaction, when the transaction ends. Other threads and processes see it from
//   then on; this thread sees it at once.
// - Errors, unless a method says more: corrupt when the registry is damaged (the message says to
//   run `recover`), out_of_space, denied when it cannot be written, transient when it stays locked
//   too long.
class Registry : public PackIndex,
                 public ManifestPacks,
                 public Journal,
                 public LogCache,
                 public DocumentCache,
                 public Catalogue,
                 public StoreRecords,
                 public Jobs,
                 public Tokens,
                 public KeyValues {
 public:
  // Forgets everything, as if it were new.
  virtual void clear() = 0;
};

}  // namespace modelfloat::registry
