#include "envserver/bullet/mesh.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/checksum/crc32c.h"
#include "tiny_obj_loader.h"

namespace armature {
namespace {

absl::StatusOr<SceneMesh> ReadObj(const std::string& path) {
  tinyobj::ObjReader reader;
  if (!reader.ParseFromFile(path)) return absl::InvalidArgumentError(reader.Error());
  SceneMesh mesh;
  mesh.vertices.assign(reader.GetAttrib().vertices.begin(), reader.GetAttrib().vertices.end());
  const auto num_vertices = static_cast<int>(mesh.vertices.size() / 3);
  for (const tinyobj::shape_t& shape : reader.GetShapes()) {
    for (const tinyobj::index_t& index : shape.mesh.indices) {
      if (index.vertex_index < 0 || index.vertex_index >= num_vertices) {
        return absl::InvalidArgumentError("a face names a vertex that there is not");
      }
      mesh.triangles.push_back(index.vertex_index);
    }
  }
  return mesh;
}

// The file's name and a checksum of what is in it: the same on every machine, wherever the file is.
std::string NameOf(const std::string& path, const SceneMesh& mesh) {
  const auto bytes = [](const auto& values) {
    return absl::string_view(reinterpret_cast<const char*>(values.data()),
                             values.size() * sizeof(values[0]));
  };
  const uint32_t checksum = Crc32c(bytes(mesh.triangles), Crc32c(bytes(mesh.vertices)));
  return absl::StrCat(path.substr(path.rfind('/') + 1), " ", absl::Hex(checksum, absl::kZeroPad8));
}

// Gives equal vertices one index.
class VertexMerger {
 public:
  void Add(const std::array<float, 3>& vertex) {
    const auto [place, is_new] =
        indices_.emplace(vertex, static_cast<int32_t>(mesh_.vertices.size() / 3));
    if (is_new) mesh_.vertices.insert(mesh_.vertices.end(), vertex.begin(), vertex.end());
    mesh_.triangles.push_back(place->second);
  }
  SceneMesh Take() { return std::move(mesh_); }

 private:
  SceneMesh mesh_;
  std::map<std::array<float, 3>, int32_t> indices_;
};

absl::StatusOr<SceneMesh> ParseStl(const std::string& bytes) {
  constexpr size_t kHeader = 80, kTriangle = 50, kNormal = 12;
  VertexMerger merger;
  uint32_t count = 0;
  if (bytes.size() >= kHeader + sizeof(count)) {
    std::memcpy(&count, bytes.data() + kHeader, sizeof(count));
    if (bytes.size() == kHeader + sizeof(count) + kTriangle * count) {
      const char* next = bytes.data() + kHeader + sizeof(count);
      for (uint32_t i = 0; i < count; ++i, next += kTriangle) {
        for (int corner = 0; corner < 3; ++corner) {
          std::array<float, 3> vertex;
          std::memcpy(vertex.data(), next + kNormal + corner * sizeof(vertex), sizeof(vertex));
          merger.Add(vertex);
        }
      }
      return merger.Take();
    }
  }
  if (!absl::StartsWith(absl::StripLeadingAsciiWhitespace(bytes), "solid")) {
    return absl::InvalidArgumentError(absl::StrCat("it is not text, and of ", bytes.size(),
                                                   " bytes, which is not 84 + 50 a triangle"));
  }
  std::istringstream words(bytes);
  words.imbue(std::locale::classic());
  std::string word;
  int corners = 0;
  while (words >> word) {
    if (word != "vertex") continue;
    std::array<float, 3> vertex;
    if (!(words >> vertex[0] >> vertex[1] >> vertex[2])) {
      return absl::InvalidArgumentError(absl::StrCat("vertex ", corners, " is not three numbers"));
    }
    merger.Add(vertex);
    ++corners;
  }
  if (corners % 3 != 0) {
    return absl::InvalidArgumentError(absl::StrCat("it has ", corners, " corners of triangles"));
  }
  return merger.Take();
}

absl::StatusOr<SceneMesh> ReadMesh(const std::string& path) {
  const std::string name = absl::AsciiStrToLower(path);
  if (absl::EndsWith(name, ".obj")) return ReadObj(path);
  const bool is_stl = absl::EndsWith(name, ".stl"), is_dae = absl::EndsWith(name, ".dae");
  if (!is_stl && !is_dae) {
    return absl::InvalidArgumentError("its format is not one of .obj, .stl and .dae");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InvalidArgumentError("it cannot be opened");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return is_stl ? ParseStl(text) : ParseCollada(text);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const SceneMesh>> LoadMesh(const std::string& path) {
  auto mesh = ReadMesh(path);
  if (mesh.ok() && mesh->triangles.empty()) mesh = absl::InvalidArgumentError("it has no faces");
  if (mesh.ok()) {
    for (float each : mesh->vertices) {
      if (!std::isfinite(each)) {
        mesh = absl::InvalidArgumentError("it has a vertex that is not finite");
        break;
      }
    }
  }
  if (!mesh.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read mesh ", path, ": ", mesh.status().message()));
  }
  mesh->name = NameOf(path, *mesh);
  return std::make_shared<const SceneMesh>(*std::move(mesh));
}

}  // namespace armature
