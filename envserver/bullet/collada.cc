// The geometry of COLLADA 1.4 (Khronos, "COLLADA - Digital Asset Schema Release 1.4.1", 2008):
// triangles, polygon lists and polygons, placed by the nodes of the visual scenes.

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "LinearMath/btMatrix3x3.h"
#include "LinearMath/btVector3.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "envserver/bullet/mesh.h"
#include "tinyxml2.h"

namespace armature {
namespace {

using tinyxml2::XMLElement;

constexpr int kNestingMax = 64;

struct Affine {
  btMatrix3x3 basis = btMatrix3x3::getIdentity();
  btVector3 origin = btVector3(0, 0, 0);
  btVector3 operator*(const btVector3& v) const { return basis * v + origin; }
  Affine operator*(const Affine& other) const {
    return {basis * other.basis, basis * other.origin + origin};
  }
};

absl::string_view TextOf(const XMLElement* element) {
  const char* text = element == nullptr ? nullptr : element->GetText();
  return text == nullptr ? "" : text;
}

std::string Attribute(const XMLElement* element, const char* name) {
  const char* value = element->Attribute(name);
  return value == nullptr ? "" : value;
}

std::vector<double> Numbers(absl::string_view text) {
  std::vector<double> numbers;
  for (absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty())) {
    double number = std::numeric_limits<double>::quiet_NaN();
    if (!absl::SimpleAtod(word, &number)) number = std::numeric_limits<double>::quiet_NaN();
    numbers.push_back(number);
  }
  return numbers;
}

class Collada {
 public:
  absl::Status Read(const std::string& text) {
    document_.Parse(text.data(), text.size());
    root_ = document_.FirstChildElement("COLLADA");
    if (document_.Error() || root_ == nullptr) {
      return absl::InvalidArgumentError("it is not a COLLADA document");
    }
    Index(root_);
    const Affine place = OfAsset();
    bool any = false;
    for (const XMLElement* scenes = root_->FirstChildElement("library_visual_scenes");
         scenes != nullptr; scenes = scenes->NextSiblingElement("library_visual_scenes")) {
      for (const XMLElement* scene = scenes->FirstChildElement("visual_scene"); scene != nullptr;
           scene = scene->NextSiblingElement("visual_scene")) {
        any = true;
        ReadNodes(scene, place, 0);
      }
    }
    if (!any) {
      for (const auto& [id, element] : by_id_) {
        if (std::string(element->Name()) == "geometry") ReadGeometry(element, place);
      }
    }
    return status_;
  }
  SceneMesh mesh;

 private:
  void Index(const XMLElement* element) {
    if (const char* id = element->Attribute("id")) by_id_[id] = element;
    for (const XMLElement* child = element->FirstChildElement(); child != nullptr;
         child = child->NextSiblingElement()) {
      Index(child);
    }
  }

  // Null: no such element.
  const XMLElement* ById(const std::string& url) const {
    const auto found = by_id_.find(url.substr(url.rfind('#') + 1));
    return found == by_id_.end() ? nullptr : found->second;
  }

  Affine OfAsset() const {
    Affine place;
    const XMLElement* asset = root_->FirstChildElement("asset");
    if (asset == nullptr) return place;
    const XMLElement* unit = asset->FirstChildElement("unit");
    const double metres = unit == nullptr ? 1 : unit->DoubleAttribute("meter", 1);
    const absl::string_view up = TextOf(asset->FirstChildElement("up_axis"));
    if (up == "Y_UP" || up.empty()) place.basis = btMatrix3x3(1, 0, 0, 0, 0, -1, 0, 1, 0);
    if (up == "X_UP") place.basis = btMatrix3x3(0, -1, 0, 0, 0, -1, 1, 0, 0);
    place.basis = place.basis.scaled(btVector3(metres, metres, metres));
    return place;
  }

  Affine TransformOf(const XMLElement* element) {
    const std::string name = element->Name();
    const std::vector<double> v = Numbers(TextOf(element));
    Affine transform;
    if (name == "matrix" && v.size() == 16) {
      transform.basis = btMatrix3x3(v[0], v[1], v[2], v[4], v[5], v[6], v[8], v[9], v[10]);
      transform.origin = btVector3(v[3], v[7], v[11]);
    } else if (name == "translate" && v.size() == 3) {
      transform.origin = btVector3(v[0], v[1], v[2]);
    } else if (name == "scale" && v.size() == 3) {
      transform.basis = transform.basis.scaled(btVector3(v[0], v[1], v[2]));
    } else if (name == "rotate" && v.size() == 4) {
      const btVector3 axis(v[0], v[1], v[2]);
      if (axis.length2() > 0) {
        transform.basis.setRotation(btQuaternion(axis.normalized(), v[3] * SIMD_PI / 180));
      }
    }
    return transform;
  }

  void ReadNodes(const XMLElement* parent, const Affine& place, int depth) {
    if (depth > kNestingMax) return Fail("its nodes are nested too deep");
    for (const XMLElement* node = parent->FirstChildElement("node"); node != nullptr;
         node = node->NextSiblingElement("node")) {
      ReadNode(node, place, depth);
    }
  }

  void ReadNode(const XMLElement* node, const Affine& parent, int depth) {
    if (depth > kNestingMax) return Fail("its nodes are nested too deep");
    Affine place = parent;
    for (const XMLElement* child = node->FirstChildElement(); child != nullptr;
         child = child->NextSiblingElement()) {
      place = place * TransformOf(child);
    }
    for (const XMLElement* use = node->FirstChildElement("instance_geometry"); use != nullptr;
         use = use->NextSiblingElement("instance_geometry")) {
      const std::string url = Attribute(use, "url");
      const XMLElement* geometry = ById(url);
      if (geometry == nullptr) return Fail(absl::StrCat("it has no geometry '", url, "'"));
      ReadGeometry(geometry, place);
    }
    for (const XMLElement* use = node->FirstChildElement("instance_node"); use != nullptr;
         use = use->NextSiblingElement("instance_node")) {
      if (const XMLElement* other = ById(Attribute(use, "url"))) ReadNode(other, place, depth + 1);
    }
    ReadNodes(node, place, depth + 1);
  }

  void ReadGeometry(const XMLElement* geometry, const Affine& place) {
    const XMLElement* shape = geometry->FirstChildElement("mesh");
    if (shape == nullptr) return;
    for (const XMLElement* faces = shape->FirstChildElement(); faces != nullptr;
         faces = faces->NextSiblingElement()) {
      const std::string kind = faces->Name();
      if (kind != "triangles" && kind != "polylist" && kind != "polygons") continue;
      ReadFaces(faces, kind, place);
    }
  }

  void ReadFaces(const XMLElement* faces, const std::string& kind, const Affine& place) {
    int stride = 1, offset = -1;
    const XMLElement* positions = nullptr;
    for (const XMLElement* input = faces->FirstChildElement("input"); input != nullptr;
         input = input->NextSiblingElement("input")) {
      const int at = input->IntAttribute("offset", 0);
      stride = std::max(stride, at + 1);
      if (Attribute(input, "semantic") != "VERTEX") continue;
      offset = at;
      positions = PositionsOf(ById(Attribute(input, "source")));
    }
    if (positions == nullptr || offset < 0) return Fail("its faces have no positions");
    const std::vector<double> v = Numbers(TextOf(positions));
    const int first = static_cast<int>(mesh.vertices.size() / 3);
    const int count = static_cast<int>(v.size() / 3);
    for (int i = 0; i < count; ++i) {
      const btVector3 placed = place * btVector3(v[3 * i], v[3 * i + 1], v[3 * i + 2]);
      for (int k = 0; k < 3; ++k) mesh.vertices.push_back(static_cast<float>(placed[k]));
    }
    std::vector<double> sizes = Numbers(TextOf(faces->FirstChildElement("vcount")));
    for (const XMLElement* p = faces->FirstChildElement("p"); p != nullptr;
         p = p->NextSiblingElement("p")) {
      const std::vector<double> indices = Numbers(TextOf(p));
      const size_t corners = indices.size() / stride;
      if (kind == "triangles") sizes.assign(corners / 3, 3);
      if (kind == "polygons") sizes.assign(1, static_cast<double>(corners));
      AddPolygons(indices, stride, offset, sizes, first, count);
    }
  }

  // A polygon becomes a fan of triangles.
  void AddPolygons(const std::vector<double>& indices, int stride, int offset,
                   const std::vector<double>& sizes, int first, int count) {
    size_t corner = 0;
    const auto index = [&](size_t at) {
      const size_t place = at * stride + offset;
      const double value = place < indices.size() ? indices[place] : -1;
      return value >= 0 && value < count ? static_cast<int>(value) : -1;
    };
    for (const double size : sizes) {
      if (!(size >= 0) || size > static_cast<double>(indices.size())) {
        return Fail("a polygon has more corners than there are");
      }
      const auto corners = static_cast<size_t>(size);
      for (size_t k = 2; k < corners; ++k) {
        for (const size_t at : {corner, corner + k - 1, corner + k}) {
          if (index(at) < 0) return Fail("a face names a vertex that there is not");
          mesh.triangles.push_back(first + index(at));
        }
      }
      corner += corners;
    }
  }

  // The array of numbers behind a <vertices> element or a <source>; null: none.
  const XMLElement* PositionsOf(const XMLElement* element) const {
    if (element == nullptr) return nullptr;
    if (std::string(element->Name()) == "source") return element->FirstChildElement("float_array");
    for (const XMLElement* input = element->FirstChildElement("input"); input != nullptr;
         input = input->NextSiblingElement("input")) {
      if (Attribute(input, "semantic") != "POSITION") continue;
      const XMLElement* source = ById(Attribute(input, "source"));
      return source == nullptr ? nullptr : source->FirstChildElement("float_array");
    }
    return nullptr;
  }

  void Fail(const std::string& why) { status_.Update(absl::InvalidArgumentError(why)); }

  tinyxml2::XMLDocument document_;
  const XMLElement* root_ = nullptr;
  std::map<std::string, const XMLElement*> by_id_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<SceneMesh> ParseCollada(const std::string& text) {
  Collada reader;
  if (absl::Status status = reader.Read(text); !status.ok()) return status;
  return std::move(reader.mesh);
}

}  // namespace armature
