#pragma once
// An IPFS node as a store: the object NAME is the file FOLDER/NAME in the node's own file system
// (MFS), which can be listed and is never garbage-collected.

#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

// ipfs:http://host:5001 or ipfs:http://host:5001/folder: the address of the node's RPC and a folder
// in MFS ("modelfloat" if none is named), which is made for a new store. Credentials, all optional:
// "bearer", or "user" and "password", for the RPC; "pinning_url" and "pinning_bearer" for a service
// that is asked to keep a copy of each object too; "gateway", an HTTP gateway to read from when the
// node lacks the bytes. The failure domain is the node's host.
//
// While the folder is missing, every call throws Error{offline}. Bytes that the node knows of but
// does not have are Error{timed_out}, because a node searches for them without end. Replacing an
// object of wrong content leaves its name empty for a moment; only readers in other programs can
// see that.
Scheme ipfs_scheme();

}  // namespace modelfloat::store
