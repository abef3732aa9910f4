#pragma once
// An engine that was taken over, and what it tries.

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace modelfloat::test {

// Acts as the taken-over engine: attack NAME VICTIM FOLDER. VICTIM is a process of the same user,
// FOLDER has its files. NAME is `quiet` for everything that is to fail without an alarm, or one
// attack that raises one. Prints a JSON object: for each attack "worked", or the name of its error.
int act_as_hostile_engine(int argc, char** argv);

// The attacks that have to raise an alarm, and what the alarm has to say.
struct LoudAttack {
  std::string name;
  std::string alarm;
};
std::vector<LoudAttack> loud_attacks();
// One of each kind.
std::vector<LoudAttack> some_loud_attacks();

// Acts as the program in some surroundings, which starts hostile engines: surroundings USER
// SETTINGS FOLDER. SETTINGS is a text with any of: landlock=N (the newest version), no-namespaces,
// no-mounts, weak, no-alarms, refuse-namespaces (as a system's service manager does), has-listener
// (of another filter), no-new-privileges, all (every loud attack). Prints a JSON object: for each
// attack what came of it, "killed: ..." where the engine was killed; `victim` and `files` say
// whether they are as before.
int act_in_surroundings(int argc, char** argv);

}  // namespace modelfloat::test
