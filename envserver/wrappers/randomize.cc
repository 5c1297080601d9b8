// Draws properties of the world anew for each episode (domain randomisation).
//
// Facts: each key has a distribution (distribution.h), drawn once an episode, after the inner
// environment's reset, so the first observation was written before. A factor f changes a property p
// to p (1 + s (f - 1)), a value v to p + s (v - p), where p is what the reset has left and s the
// parameter "randomize/scale" (0 .. 1, initially 1). Before the next reset all is put back, so
// nothing adds up over episodes. One draw is for all links of BODY; BODY/LINK names one of them.
// Sizes scale a primitive about its centre and keep its mass. Changing a mass scales the inertia.
// Gravity keeps its direction; where there is none, it is along -z.
// Refused: environments without a Bullet world; a property that is given twice.
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/distribution.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

enum class Property { kMass, kFriction, kSize, kGravity };

// One number of the world: a link's mass or friction, a body's size along one axis, or a component
// of gravity.
struct Place {
  Property property;
  Body* body;  // Null: gravity.
  int index;   // A link, or an axis.
  bool operator==(const Place& other) const {
    return property == other.property && body == other.body && index == other.index;
  }
};

// A key: a distribution, and what it changes.
struct Drawn {
  std::string key;
  bool is_factor;
  Distribution distribution;
  std::vector<Place> places;
  std::vector<double> nominal;  // By place: what the last reset has left.
};

class Randomize : public EnvWrapper {
 public:
  struct Config {
    std::map<std::string, std::string> mass, mass_factor, friction, friction_factor, size_factor;
    std::string gravity, gravity_factor;
    void Visit(ConfigVisitor& v) {
      v.Field("mass", mass, "kg, by BODY/LINK, or by BODY if only one of its links has a mass.");
      v.Field("mass_factor", mass_factor, "Times the mass, by BODY (all its links) or BODY/LINK.");
      v.Field("friction", friction, "Coefficient of friction, by BODY or BODY/LINK.");
      v.Field("friction_factor", friction_factor, "Times the friction, by BODY or BODY/LINK.");
      v.Field("size_factor", size_factor,
              "Times all lengths of a BODY that is one box, sphere, cylinder or capsule.");
      v.Field("gravity", gravity, "m/s^2; empty: as it is.");
      v.Field("gravity_factor", gravity_factor, "Times gravity; empty: as it is.");
    }
  };

  Randomize(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place), world_(NeedWorld()) {
    AddAll("mass", Property::kMass, false, config.mass);
    AddAll("mass_factor", Property::kMass, true, config.mass_factor);
    AddAll("friction", Property::kFriction, false, config.friction);
    AddAll("friction_factor", Property::kFriction, true, config.friction_factor);
    AddAll("size_factor", Property::kSize, true, config.size_factor);
    AddGravity("gravity", false, config.gravity);
    AddGravity("gravity_factor", true, config.gravity_factor);
    if (drawn_.empty()) throw WrapperError("no key says what is drawn");
    scale_ = AddParameter({"randomize/scale", 0, 1, 1});
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    if (is_applied_) {
      for (const Drawn& each : drawn_) Write(each.places, each.nominal);
    }
    inner().Reset(seed, observation);
    for (Drawn& each : drawn_) {
      for (size_t i = 0; i < each.places.size(); ++i) each.nominal[i] = Read(each.places[i]);
    }
    for (const Drawn& each : drawn_) {
      Write(each.places, Changed(each, each.distribution.Draw(rng())));
    }
    is_applied_ = true;
  }

  void Keep(StateArchive& state) override {
    state.Keep(is_applied_);
    for (Drawn& each : drawn_) state.Keep(each.nominal);
  }

 private:
  void AddAll(const std::string& key, Property property, bool is_factor,
              const std::map<std::string, std::string>& config) {
    for (const auto& [name, text] : config) {
      const size_t slash = name.find('/');
      Body* body = world_.FindBody(name.substr(0, slash));
      const std::string link = slash == std::string::npos ? "" : name.substr(slash + 1);
      const std::string full_key = absl::StrCat(key, ".", name);
      std::vector<Place> places =
          property == Property::kSize ? SizePlaces(body, link) : LinkPlaces(property, body, link);
      if (property == Property::kMass && !is_factor && places.size() > 1) {
        throw WrapperError(absl::StrCat(full_key, ": body '", body->name(), "' has ", places.size(),
                                        " links with a mass; name one as ", body->name(), "/",
                                        LinkName(places[0])));
      }
      Add({full_key, is_factor, Distribution(full_key, text), std::move(places), {}});
    }
  }

  void AddGravity(const std::string& key, bool is_factor, const std::string& text) {
    if (text.empty()) return;
    std::vector<Place> places;
    for (int axis = 0; axis < 3; ++axis) places.push_back({Property::kGravity, nullptr, axis});
    Add({key, is_factor, Distribution(key, text), std::move(places), {}});
  }

  void Add(Drawn drawn) {
    const Property property = drawn.places[0].property;
    const double low = drawn.distribution.low();
    const bool may_be_zero = property == Property::kFriction || property == Property::kGravity;
    if (may_be_zero ? low < 0 : low <= 0) {
      throw WrapperError(absl::StrCat(drawn.key, " can be ", low, "; expected ",
                                      may_be_zero ? "at least 0" : "more than 0"));
    }
    for (const Drawn& other : drawn_) {
      for (const Place& place : drawn.places) {
        if (std::find(other.places.begin(), other.places.end(), place) == other.places.end()) {
          continue;
        }
        throw WrapperError(
            absl::StrCat(other.key, " and ", drawn.key, " change the same; give one of them"));
      }
    }
    drawn.nominal.resize(drawn.places.size());
    drawn_.push_back(std::move(drawn));
  }

  static std::string LinkName(const Place& place) {
    return place.body->link_model(place.index).name;
  }

  // `link` empty: all links; of those without a mass only the friction.
  static std::vector<Place> LinkPlaces(Property property, Body* body, const std::string& link) {
    std::vector<Place> places;
    if (!link.empty()) return {{property, body, body->Link(link)}};
    for (int index = kBase; index < body->num_links(); ++index) {
      if (property == Property::kMass && !(body->mass(index) > 0)) continue;
      places.push_back({property, body, index});
    }
    if (places.empty()) {
      throw WrapperError(absl::StrCat("body '", body->name(), "' has no link with a mass"));
    }
    return places;
  }

  static std::vector<Place> SizePlaces(Body* body, const std::string& link) {
    if (!body->has_size() || !link.empty()) {
      throw WrapperError(absl::StrCat("size_factor: body '", body->name(),
                                      "' is not one box, sphere, cylinder or capsule"));
    }
    std::vector<Place> places;
    for (int axis = 0; axis < 3; ++axis) places.push_back({Property::kSize, body, axis});
    return places;
  }

  double Read(const Place& place) const {
    switch (place.property) {
      case Property::kMass:
        return place.body->mass(place.index);
      case Property::kFriction:
        return place.body->contact_material(place.index).friction;
      case Property::kSize:
        return place.body->size()[place.index];
      default:
        return world_.gravity()[place.index];
    }
  }

  void Write(const std::vector<Place>& places, const std::vector<double>& values) {
    const Place& first = places[0];
    if (first.property == Property::kSize) {
      first.body->SetSize({values[0], values[1], values[2]});
    } else if (first.property == Property::kGravity) {
      world_.SetGravity(btVector3(values[0], values[1], values[2]));
    } else {
      for (size_t i = 0; i < places.size(); ++i) {
        Body& body = *places[i].body;
        if (first.property == Property::kMass) {
          body.SetMass(places[i].index, values[i]);
        } else {
          body.SetFriction(places[i].index, values[i]);
        }
      }
    }
  }

  // The values of a key's places for what was drawn.
  std::vector<double> Changed(const Drawn& each, double drawn) const {
    const double scale = parameter(scale_);
    std::vector<double> values = each.nominal;
    if (each.is_factor) {
      for (double& value : values) value *= 1 + scale * (drawn - 1);
    } else if (each.places[0].property == Property::kGravity) {
      const btVector3 nominal(values[0], values[1], values[2]);
      const double length = nominal.length();
      const btVector3 direction = length > 0 ? nominal / length : btVector3(0, 0, -1);
      const btVector3 changed = nominal + direction * (scale * (drawn - length));
      for (int axis = 0; axis < 3; ++axis) values[axis] = changed[axis];
    } else {
      for (double& value : values) value += scale * (drawn - value);
    }
    return values;
  }

  BulletWorld& world_;
  std::vector<Drawn> drawn_;
  int scale_ = 0;
  bool is_applied_ = false;
};

}  // namespace

absl::Status RegisterRandomize(EnvRegistry& registry) {
  return RegisterWrapper<Randomize>(
      registry, "randomize", "Draws masses, frictions, sizes and gravity anew for each episode.");
}

}  // namespace armature
