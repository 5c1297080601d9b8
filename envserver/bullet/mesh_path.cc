#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "envserver/bullet/mesh.h"

namespace armature {
namespace {

std::vector<std::string> ParentsOf(const std::string& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(folder.empty() ? "." : folder, error);
  std::vector<std::string> parents;
  for (; !path.empty(); path = path.parent_path()) {
    parents.push_back(path.string());
    if (path == path.parent_path()) break;
  }
  return parents;
}

// Whether the folder is the ROS package `name`, whatever the folder is called.
bool IsPackage(const std::string& folder, absl::string_view name) {
  std::ifstream file(folder + "/package.xml");
  if (!file) return false;
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return absl::StrContains(text, absl::StrCat("<name>", name, "</name>"));
}

std::vector<std::string> FoldersOf(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr) return {};
  return absl::StrSplit(value, ':', absl::SkipEmpty());
}

std::vector<std::string> PlacesOfPackageFile(absl::string_view file, const std::string& folder,
                                             const std::vector<std::string>& package_folders) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(file, absl::MaxSplits('/', 1));
  std::vector<std::string> places;
  for (const std::string& each : package_folders) places.push_back(absl::StrCat(each, "/", file));
  for (const std::string& parent : ParentsOf(folder)) {
    places.push_back(absl::StrCat(parent, "/", file));
    if (IsPackage(parent, parts.first)) {
      places.push_back(absl::StrCat(parent, "/", parts.second));
    }
  }
  for (const std::string& each : FoldersOf("ROS_PACKAGE_PATH")) {
    places.push_back(absl::StrCat(each, "/", file));
    if (IsPackage(each, parts.first)) places.push_back(absl::StrCat(each, "/", parts.second));
  }
  for (const std::string& each : FoldersOf("AMENT_PREFIX_PATH")) {
    places.push_back(absl::StrCat(each, "/share/", file));
  }
  return places;
}

}  // namespace

absl::StatusOr<std::string> FindMesh(absl::string_view name, const std::string& folder,
                                     const std::vector<std::string>& package_folders) {
  std::vector<std::string> places;
  absl::string_view file = name;
  if (absl::ConsumePrefix(&file, "package://") || absl::ConsumePrefix(&file, "model://")) {
    places = PlacesOfPackageFile(file, folder, package_folders);
  } else if (absl::ConsumePrefix(&file, "file://") || absl::StartsWith(file, "/")) {
    places = {std::string(file)};
  } else {
    places = {absl::StrCat(folder.empty() ? "." : folder, "/", file)};
  }
  std::error_code error;
  for (const std::string& place : places) {
    if (std::filesystem::is_regular_file(place, error)) return place;
  }
  return absl::NotFoundError(
      absl::StrCat("there is no mesh '", name, "'; tried ", absl::StrJoin(places, ", ")));
}

}  // namespace armature
