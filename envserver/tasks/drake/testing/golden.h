// Reads what Drake did from testdata/. For tests only.
#ifndef ARMATURE_ENVSERVER_TASKS_DRAKE_TESTING_GOLDEN_H_
#define ARMATURE_ENVSERVER_TASKS_DRAKE_TESTING_GOLDEN_H_

#include <string>
#include <vector>

namespace armature {

struct GoldenEpisode {
  std::string kind;                       // Empty if the file has only one.
  std::vector<double> head;               // The numbers of the line that begins with "episode".
  std::vector<std::vector<double>> rows;  // The lines that follow it.
};

// Reads testdata/<name>, which must be in the test's data; the file's comments say what the numbers
// are. Aborts if it has no episode or a line is malformed.
std::vector<GoldenEpisode> ReadGolden(const std::string& name);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TASKS_DRAKE_TESTING_GOLDEN_H_
