#include "envserver/bullet/world_bytes.h"

#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "LinearMath/btScalar.h"
#include "absl/strings/str_cat.h"
#include "common/checksum/crc32c.h"

namespace armature {
namespace {

constexpr char kMagic[4] = {'A', 'R', 'M', 'W'};
constexpr uint32_t kFormat = 1;
constexpr size_t kHeaderBytes = sizeof(kMagic) + 3 * sizeof(uint32_t);

// Bullet's own default constructors leave members unset.
template <typename T>
T Blank() {
  return T();
}

template <>
btVector3 Blank() {
  return btVector3(0, 0, 0);
}

template <>
btTransform Blank() {
  return btTransform::getIdentity();
}

template <>
btManifoldPoint Blank() {
  const btVector3 zero(0, 0, 0);
  return btManifoldPoint(zero, zero, zero, 0);
}

// One function per type visits every member, for writing and reading alike. A visitor has
// Number(T&), Vector(vector&, visit element) and Optional(optional&, visit value).
class Writer {
 public:
  static constexpr bool kReads = false;
  explicit Writer(std::string* bytes) : bytes_(bytes) {}
  template <typename T>
  void Number(const T& value) {
    static_assert(std::is_arithmetic<T>::value, "");
    bytes_->append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
  template <typename T, typename Visit>
  void Vector(const std::vector<T>& values, Visit visit) {
    Number(static_cast<uint32_t>(values.size()));
    for (const T& value : values) visit(value);
  }
  template <typename T, typename Visit>
  void Optional(const absl::optional<T>& value, Visit visit) {
    Number(static_cast<uint8_t>(value.has_value()));
    if (value.has_value()) visit(*value);
  }

 private:
  std::string* bytes_;
};

class Reader {
 public:
  static constexpr bool kReads = true;
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}
  template <typename T>
  void Number(T& value) {
    if (rest_.size() < sizeof(T)) {
      is_good_ = false;
      rest_ = {};
      value = T();
      return;
    }
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    if constexpr (std::is_floating_point<T>::value) is_good_ = is_good_ && std::isfinite(value);
  }
  void Number(bool& value) {
    uint8_t byte = 0;
    Number(byte);
    is_good_ = is_good_ && byte <= 1;
    value = byte == 1;
  }
  template <typename T, typename Visit>
  void Vector(std::vector<T>& values, Visit visit) {
    uint32_t size = 0;
    Number(size);
    // Every element has at least one byte, so a wrong size cannot ask for more memory than there
    // are bytes.
    if (size > rest_.size()) {
      is_good_ = false;
      size = 0;
    }
    values.assign(size, Blank<T>());
    for (T& value : values) visit(value);
  }
  template <typename T, typename Visit>
  void Optional(absl::optional<T>& value, Visit visit) {
    bool has_value = false;
    Number(has_value);
    value.reset();
    if (!has_value) return;
    value = Blank<T>();
    visit(*value);
  }
  // Whether all was there, and nothing is left.
  bool is_complete() const { return is_good_ && rest_.empty(); }

 private:
  absl::string_view rest_;
  bool is_good_ = true;
};

template <typename V, typename T>
void VisitVector3(V& v, T& value) {
  for (int i = 0; i < 3; ++i) v.Number(value[i]);
}

template <typename V, typename T>
void VisitQuaternion(V& v, T& value) {
  for (int i = 0; i < 4; ++i) v.Number(value[i]);
}

template <typename V, typename T>
void VisitTransform(V& v, T& value) {
  VisitVector3(v, value.getOrigin());
  for (int row = 0; row < 3; ++row) VisitVector3(v, value.getBasis()[row]);
}

template <typename V, typename T>
void VisitMaterial(V& v, T& material) {
  v.Number(material.friction);
  v.Number(material.spinning_friction);
  v.Number(material.rolling_friction);
  v.Number(material.restitution);
  v.Number(material.stiffness);
  v.Number(material.damping);
  v.Number(material.friction_anchor);
}

template <typename V, typename T>
void VisitProperties(V& v, T& properties) {
  v.Vector(properties.mass, [&](auto& mass) { v.Number(mass); });
  v.Vector(properties.inertia, [&](auto& inertia) { VisitVector3(v, inertia); });
  v.Vector(properties.material, [&](auto& material) { VisitMaterial(v, material); });
  v.Vector(properties.colour, [&](auto& colour) {
    v.Optional(colour, [&](auto& rgba) {
      for (auto& channel : rgba) v.Number(channel);
    });
  });
  for (auto& size : properties.size) v.Number(size);
  v.Number(properties.collision_group);
  v.Number(properties.collision_mask);
}

template <typename V, typename T>
void VisitHeld(V& v, T& held) {
  VisitVector3(v, held.force);
  VisitVector3(v, held.torque);
}

template <typename V, typename T>
void VisitBody(V& v, T& body) {
  VisitVector3(v, body.base_position);
  VisitQuaternion(v, body.base_rotation);
  VisitVector3(v, body.base_linear_velocity);
  VisitVector3(v, body.base_angular_velocity);
  const auto number = [&](auto& value) { v.Number(value); };
  v.Vector(body.joint_position, number);
  v.Vector(body.joint_velocity, number);
  v.Vector(body.motor, [&](auto& motor) {
    v.Number(motor.position);
    v.Number(motor.velocity);
    v.Number(motor.kp);
    v.Number(motor.kd);
    v.Number(motor.force_max);
  });
  v.Vector(body.motor_impulse, number);
  v.Vector(body.held, [&](auto& held) { VisitHeld(v, held); });
  v.Vector(body.added_joint_force, number);
  v.Vector(body.added, [&](auto& added) { VisitHeld(v, added); });
  v.Optional(body.move_target, [&](auto& pose) { VisitTransform(v, pose); });
  v.Vector(body.lagged_pose, [&](auto& pose) { VisitTransform(v, pose); });
  if constexpr (V::kReads) {
    auto properties = std::make_shared<BodyProperties>();
    VisitProperties(v, *properties);
    body.properties = std::move(properties);
  } else {
    VisitProperties(v, *body.properties);
  }
}

template <typename V, typename T>
void VisitPoint(V& v, T& point) {
  VisitVector3(v, point.m_localPointA);
  VisitVector3(v, point.m_localPointB);
  VisitVector3(v, point.m_positionWorldOnB);
  VisitVector3(v, point.m_positionWorldOnA);
  VisitVector3(v, point.m_normalWorldOnB);
  v.Number(point.m_distance1);
  v.Number(point.m_combinedFriction);
  v.Number(point.m_combinedRollingFriction);
  v.Number(point.m_combinedSpinningFriction);
  v.Number(point.m_combinedRestitution);
  v.Number(point.m_partId0);
  v.Number(point.m_partId1);
  v.Number(point.m_index0);
  v.Number(point.m_index1);
  v.Number(point.m_contactPointFlags);
  v.Number(point.m_appliedImpulse);
  v.Number(point.m_prevRHS);
  v.Number(point.m_appliedImpulseLateral1);
  v.Number(point.m_appliedImpulseLateral2);
  v.Number(point.m_contactMotion1);
  v.Number(point.m_contactMotion2);
  v.Number(point.m_contactCFM);  // Or stiffness.
  v.Number(point.m_contactERP);  // Or damping.
  v.Number(point.m_frictionCFM);
  v.Number(point.m_lifeTime);
  VisitVector3(v, point.m_lateralFrictionDir1);
  VisitVector3(v, point.m_lateralFrictionDir2);
}

template <typename V, typename T>
void VisitContacts(V& v, T& contacts) {
  v.Vector(contacts.pairs, [&](auto& pair) {
    v.Number(pair.object_a);
    v.Number(pair.object_b);
    v.Number(pair.was_processed);
    v.Number(pair.num_parts);
  });
  v.Vector(contacts.parts, [&](auto& part) {
    v.Number(part.child_a);
    v.Number(part.child_b);
    v.Number(part.manifold);
    v.Number(part.num_points);
  });
  v.Vector(contacts.points, [&](auto& point) { VisitPoint(v, point); });
}

template <typename V, typename T>
void VisitState(V& v, T& state) {
  v.Vector(state.bodies, [&](auto& body) { VisitBody(v, body); });
  VisitContacts(v, state.contacts);
  VisitVector3(v, state.gravity);
}

void DescribeLink(const LinkModel& link, std::string* text) {
  absl::StrAppend(text, link.name, "|", link.joint_name, "|", link.parent, "|",
                  static_cast<int>(link.joint_type), "|");
  if (link.shape != nullptr) absl::StrAppend(text, link.shape->getShapeType());
  for (const SceneShape& shape : link.collision_looks) {
    absl::StrAppend(text, "|", static_cast<int>(shape.kind));
  }
  text->push_back('\n');
}

// Sizes that a body's state must have, and values that it cannot have.
absl::Status CheckBody(const Body& body, const BodyState& state) {
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state of body '", body.name(), "' has ", what));
  };
  const size_t dofs = body.num_dofs(), links = 1 + body.num_links();
  const auto is = [](const auto& values, size_t size) { return values.size() == size; };
  const auto is_none_or = [](const auto& values, size_t size) {
    return values.empty() || values.size() == size;
  };
  const BodyProperties& properties = *state.properties;
  const bool has_motors = body.has_motors();
  if (!is(state.joint_position, dofs) || !is(state.joint_velocity, dofs) ||
      !is(state.motor, has_motors ? dofs : 0) || !is(state.motor_impulse, has_motors ? dofs : 0)) {
    return wrong("another number of joints");
  }
  if (!is(properties.mass, links) || !is(properties.inertia, links) ||
      !is(properties.material, links) || !is(properties.colour, links) ||
      !is_none_or(state.held, links) || !is_none_or(state.added, links) ||
      !is_none_or(state.lagged_pose, links - 1) ||
      !is(state.added_joint_force, state.added.empty() ? 0 : dofs)) {
    return wrong("another number of links");
  }
  if (std::abs(state.base_rotation.length2() - 1) > 1e-6) return wrong("no rotation");
  for (size_t i = 0; i < links; ++i) {
    const ContactMaterial& material = properties.material[i];
    const btVector3& inertia = properties.inertia[i];
    for (const double value :
         {properties.mass[i], inertia.x(), inertia.y(), inertia.z(), material.friction,
          material.spinning_friction, material.rolling_friction, material.restitution,
          material.stiffness, material.damping}) {
      if (value < 0) return wrong("a mass, inertia or friction below 0");
    }
  }
  if (body.multibody() == nullptr && (!state.held.empty() || !state.added.empty())) {
    return wrong("forces, but does not move by them");
  }
  if (!body.is_kinematic() && state.move_target.has_value()) return wrong("a pose to move to");
  const std::array<double, 3> unset = {0, 0, 0};
  for (int i = 0; i < 3 && body.has_size(); ++i) {
    if ((properties.size[i] > 0) != (body.size()[i] > 0)) return wrong("another kind of size");
  }
  if (!body.has_size() && properties.size != unset) return wrong("a size");
  return absl::OkStatus();
}

}  // namespace

uint32_t WorldFingerprint(const BulletWorld& world) {
  const WorldOptions& options = world.options();
  std::string text = absl::StrCat(btGetVersion(), "|");
  for (const double value : {options.time_step_s, static_cast<double>(options.solver_iterations),
                             options.contact_erp, options.friction_erp, options.linear_slop_m,
                             options.warm_start_factor, options.residual_threshold}) {
    text.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  for (int i = 0; i < world.num_bodies(); ++i) {
    const Body& body = world.body(i);
    absl::StrAppend(&text, body.name(), "|", body.has_fixed_base(), body.is_kinematic(),
                    body.has_motors(), "\n");
    for (int link = kBase; link < body.num_links(); ++link) {
      DescribeLink(body.link_model(link), &text);
    }
  }
  return Crc32c(text);
}

void EncodeState(const BulletWorld& world, const WorldState& state, std::string* bytes) {
  std::string payload;
  Writer payload_writer(&payload);
  VisitState(payload_writer, state);
  bytes->append(kMagic, sizeof(kMagic));
  Writer writer(bytes);
  writer.Number(kFormat);
  writer.Number(WorldFingerprint(world));
  writer.Number(Crc32c(payload));
  bytes->append(payload);
}

absl::Status DecodeState(const BulletWorld& world, absl::string_view bytes, WorldState* state) {
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0) {
    return absl::InvalidArgumentError("these bytes are not the state of a world");
  }
  Reader header(bytes.substr(sizeof(kMagic)));
  uint32_t format = 0, fingerprint = 0, checksum = 0;
  header.Number(format);
  header.Number(fingerprint);
  header.Number(checksum);
  if (format != kFormat) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state has format ", format, "; this program reads ", kFormat));
  }
  if (fingerprint != WorldFingerprint(world)) {
    return absl::InvalidArgumentError(
        "the state is of a world of other bodies, other options or another version of Bullet");
  }
  const absl::string_view payload = bytes.substr(kHeaderBytes);
  if (Crc32c(payload) != checksum) {
    return absl::InvalidArgumentError("the state is damaged: its checksum differs");
  }
  Reader reader(payload);
  VisitState(reader, *state);
  if (!reader.is_complete() || static_cast<int>(state->bodies.size()) != world.num_bodies()) {
    return absl::InvalidArgumentError("the state is damaged: it is incomplete or not finite");
  }
  for (int i = 0; i < world.num_bodies(); ++i) {
    if (absl::Status status = CheckBody(world.body(i), (*state)[i]); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace armature
