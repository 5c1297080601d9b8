#include "envserver/bullet/pose_query.h"

#include <algorithm>
#include <random>
#include <utility>

#include "BulletCollision/BroadphaseCollision/btCollisionAlgorithm.h"
#include "BulletCollision/CollisionDispatch/btCollisionObjectWrapper.h"
#include "BulletCollision/CollisionDispatch/btManifoldResult.h"
#include "LinearMath/btAabbUtil2.h"
#include "envserver/bullet/ground_contacts.h"

namespace armature {
namespace {

// Bullet's own defaults take several MiB; pools grow on the heap if needed.
btDefaultCollisionConstructionInfo SmallPools() {
  btDefaultCollisionConstructionInfo pools;
  pools.m_defaultMaxPersistentManifoldPoolSize = 4;
  pools.m_defaultMaxCollisionAlgorithmPoolSize = 16;
  return pools;
}

constexpr int kSampledPoses = 100;

// Takes Bullet's points and keeps the smallest distance.
struct Nearest : btManifoldResult {
  Nearest(const btCollisionObjectWrapper* a, const btCollisionObjectWrapper* b, double distance_max)
      : btManifoldResult(a, b), distance(distance_max) {
    m_closestPointDistanceThreshold = distance_max;
  }
  void addContactPoint(const btVector3&, const btVector3&, btScalar depth) override {
    found = found || depth <= distance;
    distance = std::min(distance, depth);
  }

  bool found = false;
  btScalar distance;
};

}  // namespace

PoseQuery::PoseQuery(const BulletWorld& world, const Body* body, absl::Span<const int> dofs,
                     double margin)
    : body_(body),
      margin_(margin),
      dofs_(dofs.begin(), dofs.end()),
      configuration_(SmallPools()),
      dispatcher_(&configuration_),
      poses_(1 + body->num_links()) {
  RegisterGroundContacts(&dispatcher_);
  for (int id = 0; id < world.num_bodies(); ++id) {
    const Body& other = world.body(id);
    if (&other == body || other.num_velocities() > 0 || other.is_kinematic()) continue;
    statics_.push_back(&other);
  }
  dof_of_link_.assign(body->num_links(), -1);
  for (int dof = 0; dof < body->num_dofs(); ++dof) dof_of_link_[body->dof_link(dof)] = dof;
  position_index_.assign(body->num_links(), -1);
  for (size_t i = 0; i < dofs_.size(); ++i) {
    position_index_[body->dof_link(dofs_[i])] = static_cast<int>(i);
  }
  std::vector<int> part(1 + body->num_links(), 0);
  parent_part_ = {-1};
  for (int link = 0; link < body->num_links(); ++link) {
    part[1 + link] = part[1 + body->link_model(link).parent];
    if (position_index_[link] < 0) continue;
    parent_part_.push_back(part[1 + link]);
    part[1 + link] = static_cast<int>(parent_part_.size()) - 1;
  }
  for (btCollisionObject* object : body->objects()) {
    const auto* collider = btMultiBodyLinkCollider::upcast(object);
    Link link;
    link.link = collider == nullptr ? kBase : collider->m_link;
    link.part = part[1 + link.link];
    link.object = object;
    link.ghost = std::make_unique<btCollisionObject>();
    links_.push_back(std::move(link));
  }
  for (size_t i = 0; i < links_.size(); ++i) {
    for (size_t j = i + 1; j < links_.size(); ++j) {
      const int a = links_[i].part, b = links_[j].part;
      if (a == b || parent_part_[a] == b || parent_part_[b] == a) continue;
      self_pairs_.emplace_back(i, j);
    }
  }
  DropEverTouching();
  pair_counts_.resize(self_pairs_.size());
  LeaveOutTouching();
}

void PoseQuery::DropEverTouching() {
  std::mt19937_64 generator(1);
  std::vector<int> touched(self_pairs_.size(), 0);
  std::vector<double> position(dofs_.size());
  for (int k = 0; k < kSampledPoses; ++k) {
    for (size_t i = 0; i < position.size(); ++i) {
      const LinkModel& link = body_->link_model(body_->dof_link(dofs_[i]));
      const double low = link.has_limits ? link.position_low : -SIMD_PI;
      const double high = link.has_limits ? link.position_high : SIMD_PI;
      // The same everywhere, unlike the standard library's distributions.
      const double share = static_cast<double>(generator() >> 11) * 0x1p-53;
      position[i] = low + share * (high - low);
    }
    Place(position);
    for (size_t i = 0; i < touched.size(); ++i) touched[i] += PairTouches(i) ? 1 : 0;
  }
  std::vector<std::pair<int, int>> kept;
  for (size_t i = 0; i < touched.size(); ++i) {
    if (touched[i] <= kSampledPoses / 2) kept.push_back(self_pairs_[i]);
  }
  self_pairs_ = std::move(kept);
}

void PoseQuery::LeaveOutTouching() {
  now_.resize(dofs_.size());
  for (size_t i = 0; i < dofs_.size(); ++i) now_[i] = body_->joint_position(dofs_[i]);
  Place(now_);
  for (size_t i = 0; i < self_pairs_.size(); ++i) pair_counts_[i] = PairTouches(i) ? 0 : 1;
}

void PoseQuery::Place(absl::Span<const double> position) {
  poses_[0] = body_->LinkPose(kBase);
  for (int link = 0; link < body_->num_links(); ++link) {
    const LinkModel& model = body_->link_model(link);
    btTransform pose = poses_[1 + model.parent] * model.parent_to_joint;
    if (dof_of_link_[link] >= 0) {
      const double q = position_index_[link] >= 0 ? position[position_index_[link]]
                                                  : body_->joint_position(dof_of_link_[link]);
      pose *= model.joint_type == JointType::kRevolute
                  ? btTransform(btQuaternion(model.axis, q))
                  : btTransform(btQuaternion::getIdentity(), q * model.axis);
    }
    poses_[1 + link] = pose;
  }
  for (Link& link : links_) {
    link.ghost->setCollisionShape(link.object->getCollisionShape());
    link.ghost->setWorldTransform(poses_[1 + link.link] *
                                  body_->link_model(link.link).inertial_frame);
  }
}

bool PoseQuery::AreClose(btCollisionObject* a, btCollisionObject* b) {
  btVector3 low_a, high_a, low_b, high_b;
  a->getCollisionShape()->getAabb(a->getWorldTransform(), low_a, high_a);
  b->getCollisionShape()->getAabb(b->getWorldTransform(), low_b, high_b);
  const btVector3 margin(margin_, margin_, margin_);
  if (!TestAabbAgainstAabb2(low_a - margin, high_a + margin, low_b, high_b)) return false;
  const btCollisionObjectWrapper wrapper_a(nullptr, a->getCollisionShape(), a,
                                           a->getWorldTransform(), -1, -1);
  const btCollisionObjectWrapper wrapper_b(nullptr, b->getCollisionShape(), b,
                                           b->getWorldTransform(), -1, -1);
  btCollisionAlgorithm* algorithm =
      dispatcher_.findAlgorithm(&wrapper_a, &wrapper_b, nullptr, BT_CLOSEST_POINT_ALGORITHMS);
  if (algorithm == nullptr) return false;
  Nearest nearest(&wrapper_a, &wrapper_b, margin_);
  algorithm->processCollision(&wrapper_a, &wrapper_b, btDispatcherInfo(), &nearest);
  algorithm->~btCollisionAlgorithm();
  dispatcher_.freeCollisionAlgorithm(algorithm);
  return nearest.found;
}

bool PoseQuery::MeetsMask(const Body& other) const {
  const BodyProperties& a = body_->properties();
  const BodyProperties& b = other.properties();
  return (a.collision_group & b.collision_mask) != 0 && (b.collision_group & a.collision_mask) != 0;
}

bool PoseQuery::Touches(absl::Span<const double> position) {
  Place(position);
  for (size_t i = 0; i < self_pairs_.size(); ++i) {
    if (pair_counts_[i] != 0 && PairTouches(i)) return true;
  }
  for (const Body* other : statics_) {
    if (!MeetsMask(*other)) continue;
    for (const Link& link : links_) {
      if (link.part == 0) continue;  // No action moves it.
      for (btCollisionObject* object : other->objects()) {
        if (AreClose(link.ghost.get(), object)) return true;
      }
    }
  }
  return false;
}

}  // namespace armature
