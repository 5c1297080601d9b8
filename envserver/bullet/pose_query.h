// Whether an arm would touch the static scene, or itself, with its joints at positions that it does
// not have. Exact, as the world's own contacts: the same shapes, with Bullet's narrow phase.
//
// The arm's links that `dofs` move are looked at, wherever the other joints are now. They touch
// - statics: bodies without velocities that no one moves, at their present poses; and
// - each other, and the links that do not move, whether or not the body has self-collision. Left
//   out are pairs that overlap by design: those that no joint of `dofs` or only one lies between,
//   those that touch each other in most of 100 poses drawn within the joints' limits, and those
//   that touched where the joints were in the last call of LeaveOutTouching, or when this was made.
// Two bodies' groups and masks hold as in the world. Bodies that move by forces, and kinematic
// ones, are left out: where they will be is not known.
//
// Nothing of the world is changed: it has collision objects and a dispatcher of its own, and reads
// the world's shapes and poses.
// Cost: nothing is allocated on the heap after a few calls.
// Thread safety: none, like its world's; it must not outlive it.
// Units: m, rad.
#ifndef ARMATURE_ENVSERVER_BULLET_POSE_QUERY_H_
#define ARMATURE_ENVSERVER_BULLET_POSE_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "BulletCollision/CollisionDispatch/btCollisionDispatcher.h"
#include "BulletCollision/CollisionDispatch/btDefaultCollisionConfiguration.h"
#include "LinearMath/btTransform.h"
#include "absl/types/span.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/bullet_world.h"

namespace armature {

class PoseQuery {
 public:
  // Two shapes touch if they are at most `margin` apart.
  PoseQuery(const BulletWorld& world, const Body* body, absl::Span<const int> dofs, double margin);
  PoseQuery(const PoseQuery&) = delete;
  PoseQuery& operator=(const PoseQuery&) = delete;

  // Whether the body touches anything with `dofs` at `position`.  [dofs]
  bool Touches(absl::Span<const double> position);

  // Leaves out the pairs of the body's links that touch now, and none that only touched before.
  void LeaveOutTouching();
  // Whether a pair that LeaveOutTouching can leave out counts; for saved states.  [pairs]
  std::vector<uint8_t>& pair_counts() { return pair_counts_; }

  // The pose of a link's frame in the world's, as of the last call of Touches.
  const btTransform& pose(int link) const { return poses_[1 + link]; }

 private:
  // A link with a shape.
  struct Link {
    int link = kBase;
    // Links between which no joint of `dofs` lies share a part; that of the base is 0.
    int part = 0;
    btCollisionObject* object = nullptr;       // The world's.
    std::unique_ptr<btCollisionObject> ghost;  // At the queried pose.
  };

  void Place(absl::Span<const double> position);
  // Drops the pairs that touch in most poses.
  void DropEverTouching();
  bool PairTouches(size_t pair) {
    return AreClose(links_[self_pairs_[pair].first].ghost.get(),
                    links_[self_pairs_[pair].second].ghost.get());
  }
  // Whether two objects are at most margin_ apart.
  bool AreClose(btCollisionObject* a, btCollisionObject* b);
  bool MeetsMask(const Body& other) const;

  const Body* body_;
  const double margin_;
  std::vector<int> dofs_;
  btDefaultCollisionConfiguration configuration_;
  btCollisionDispatcher dispatcher_;
  std::vector<const Body*> statics_;
  std::vector<int> parent_part_;     // By part; the base's is -1.
  std::vector<int> position_index_;  // By link: in dofs_; -1: another joint, or none.
  std::vector<int> dof_of_link_;     // By link; -1: none.
  std::vector<Link> links_;
  std::vector<std::pair<int, int>> self_pairs_;  // Of links_.
  std::vector<uint8_t> pair_counts_;             // [self_pairs_]
  std::vector<double> now_;                      // Scratch.  [dofs]
  std::vector<btTransform> poses_;               // [1 + links], of the links' frames.
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_POSE_QUERY_H_
