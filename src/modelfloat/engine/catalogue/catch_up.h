#pragma once
// Brings this machine's view of its pool up to date before a job: which stores are online, what the
// log says, and the catalogue that follows from it.

#include "modelfloat/engine/pool/pool.h"

namespace modelfloat::engine {

// How long to wait for store markers that are being read. The time counts from the start of each
// reading.
enum class MarkerWait {
  none,
  straggler,  // Timeouts::straggler: short, so that a store that hangs costs little
  full,       // Timeouts::marker: the longest time that a store may take
};

// From which stores the log is read. Each reading also rechecks offline stores that are due for it,
// uploads queued documents, and waits for needed stores that asked for a pause.
enum class LogReading {
  none,
  quorum,    // until enough failure domains have answered: a reader does not wait for the others
  all,       // every store that is not far behind the others: a writer leaves nothing out
  thorough,  // like all; if that is not fresh, rechecks every store and reads the log again
};

// The steps are done in the order of the members.
struct Need {
  MarkerWait recheck = MarkerWait::none;  // reads the markers of all stores again
  LogReading log = LogReading::none;
  bool catalogue = false;                 // revisions, tags and stores, by the log
  MarkerWait decided = MarkerWait::none;  // waits until each store is known to be online or offline
};

// Brings what this machine knows of the pool up to date. Nothing else in engine, server and cli
// does it. A job that does work between two of these steps calls it several times:
//
//   job                     need of each call              why
//   ----------------------  -----------------------------  ----------------------------------------
//   ls, show, pull, cat,    log quorum, catalogue          a reader wants the newest state soon
//     run, name of a push
//   status, refresher of    log all, catalogue             queued documents go to every store
//     serve
//   health of models        decided straggler              "offline" must not mean "not asked yet"
//   map of fragments        recheck straggler              shows where they can be read now
//   status, readiness,      decided full                   the answer is about each single store
//     store test
//   push begins             log thorough                   refuses unless fresh: somebody may be
//                                                          deleting what it counts on
//                           catalogue, decided straggler   what others stored is known, and stores
//                                                          that they added can be chosen
//   push has too few        recheck full, log all,         stores that are back make the plan valid
//     stores                  catalogue
//   push has prepared       log thorough                   refuses unless fresh, as at first
//   push has committed      log thorough                   for a last look at what is condemned
//                                                          and removed
//                           catalogue                      after it, as it removes condemned packs
//   rm finds no store       recheck full                   one may be back
//   rm                      log thorough                   every revision has to be known
//                           catalogue                      after the record of the removal
//   verify                  log thorough, decided full     no store that is there may be left out
//                           catalogue                      after it, as it reads from all stores
//   store add, store set    log all, catalogue             stores that others added or changed are
//                                                          known before one record is added
//   store rm                log all, decided full          listings of all stores decide
//   recover                 decided full                   listings of all stores fill the registry
//                           log all, catalogue             after them: the catalogue may have more
//                                                          stores than were given
//
// Recover also reads the log before there is a pool, by PoolLog::sync(). A job that repairs needs
// what verify needs. A job that deletes needs what a push needs, and refuses as a push does.
//
// Returns how complete the reading of the log was; with LogReading::none a default value, which is
// not fresh. A store that fails is no error: the result names it. Throws Error{cancelled} or
// Error{timed_out} as `call` says, and any error of the registry. May be called from any thread.
// Calling it twice is safe.
Freshness catch_up(Pool& pool, const Need& need, const CallOptions& call);

}  // namespace modelfloat::engine
