#include "envserver/tasks/drake/testing/golden.h"

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace armature {

std::vector<GoldenEpisode> ReadGolden(const std::string& name) {
  std::ifstream file("envserver/tasks/drake/testdata/" + name);
  std::vector<GoldenEpisode> episodes;
  std::string line;
  const auto fail = [&] {
    std::cerr << name << ": missing or malformed: " << line << "\n";
    std::abort();
  };
  while (std::getline(file, line)) {
    if (line[0] == '#') continue;
    std::vector<double> numbers;
    for (absl::string_view word : absl::StrSplit(line, ' ')) {
      double number;
      if (word == "episode") {
        episodes.emplace_back();
      } else if (episodes.empty()) {
        fail();
      } else if (absl::SimpleAtod(word, &number)) {
        numbers.push_back(number);
      } else {
        episodes.back().kind = std::string(word);
      }
    }
    if (episodes.back().head.empty()) {
      episodes.back().head = std::move(numbers);
    } else {
      episodes.back().rows.push_back(std::move(numbers));
    }
  }
  if (episodes.empty()) fail();
  return episodes;
}

}  // namespace armature
