#pragma once
// A node of IPFS as a store: the object NAME is the file FOLDER/NAME in the node's own file system
// (MFS), where it is listed and never collected.

#include "modelfloat/store/scheme.h"

namespace modelfloat::store {

// ipfs:http://host:5001 or ipfs:http://host:5001/folder: the address of the node's RPC and a folder
// in MFS ("modelfloat" where none is named), which a new store makes. Credentials, all of them
// optional: "bearer", or "user" and "password", for the RPC; "pinning_url" and "pinning_bearer", a
// service that is asked to keep a copy of each object too; "gateway", an HTTP gateway to read from
// when the node lacks the bytes. The failure domain is the node's host.
//
// While the folder is missing, every call is Error{offline}. Bytes that the node knows of and does
// not have are Error{timed_out}: a node looks for them for ever. Replacing an object of wrong
// content leaves its name empty for a moment, which only readers of other programs can see.
Scheme ipfs_scheme();

}  // namespace modelfloat::store
