// Dynamics of a tree of links with joints of at most one DoF, on a fixed or a free base: poses, the
// forces that act, and the joint-space inertia matrix M. The same as Bullet's btMultiBody computes.
//
// Velocities are those of btMultiBody: of a free base the angular (3) and the linear (3) of its
// centre of mass, then the joints'. World axes; the origin is the base's centre of mass.
//
// Methods (Featherstone, Rigid Body Dynamics Algorithms, 2008): forces by recursive Newton-Euler
// (5.3), with Bullet's damping of each link's motion; M by composite rigid bodies (6.2), and its
// factors M = L' L without the zeros of separate branches (6.4, 6.5). Fixed links are merged into
// the link that moves them.
//
// A row J of a solver (velocity = J v) is kept as w = L'^-1 J': then two rows' coupling
// J_a M^-1 J_b' is w_a . w_b, and impulses p change the velocities by L^-1 sum(w p).
//
// Call order: UpdatePoses when positions have changed; UpdateInertia after it; then the others.
// Thread safety: none, like the body's world. Allocation: none after creation.
// Units: m, kg, rad, s, N (N.m for revolute joints).
#ifndef ARMATURE_ENVSERVER_BULLET_TREE_DYNAMICS_H_
#define ARMATURE_ENVSERVER_BULLET_TREE_DYNAMICS_H_

#include <array>
#include <vector>

#include "BulletDynamics/Featherstone/btMultiBody.h"
#include "absl/types/span.h"

namespace armature {

class TreeDynamics {
 public:
  // `body` must be finalized, outlive this, and have joints of at most one DoF.
  explicit TreeDynamics(const btMultiBody* body);

  int num_velocities() const { return num_velocities_; }

  void UpdatePoses();
  // Of the link's centre of mass and inertial frame; -1: the base. They do not depend on masses.
  btTransform pose(int link) const { return PoseOf(link, poses_); }
  // Keeps the poses as they are now.
  void KeepPoses() { kept_ = poses_; }
  btTransform kept_pose(int link) const { return PoseOf(link, kept_); }

  // Call it when masses have changed.
  void MassesChanged() { masses_have_changed_ = true; }
  // Call it when positions have changed and UpdateInertia has not been called.
  void Invalidate() { is_valid_ = false; }
  void UpdateInertia();

  // Gets the forces along the velocities: gravity, what has been added to base and joints, and to
  // links if `links_are_pushed`, Coriolis forces and damping. Needs UpdateInertia.
  // [num_velocities]
  void GetForces(const btVector3& gravity, bool links_are_pushed, absl::Span<double> forces);
  // Makes accelerations of forces, or changes of velocities of impulses.  [num_velocities]
  void Solve(double* values) const;

  // Rows: w, of which only what is not 0 is written.  [num_velocities]
  // Of the velocity of a link's point along `axis`, or of the link turning about it. Returns that
  // velocity.
  double ContactRow(int link, const btVector3& point, const btVector3& axis, bool turns,
                    double* row) const;
  // Of one joint. Valid until the next UpdateInertia; filled up with zeros to whole blocks
  // (row_arithmetic.h).
  const double* JointRow(int dof);
  // Makes changes of velocities of a sum of rows times impulses.  [num_velocities]
  void Unwhiten(double* values) const;

  // Returns the changes of all velocities from a unit impulse at a joint, valid until the next
  // call. For bodies that Bullet steps: brings all up to date itself.  [num_velocities]
  const double* InverseColumn(int dof);

 private:
  // What moves as one: the base, or a moving link, with what is fixed to it.
  struct Segment {
    int link;    // -1: the base.
    int parent;  // Segment.
    bool turns;
    // Rotation in the parent's frame: parts[0] + cos q parts[1] + sin q parts[2].
    std::array<btMatrix3x3, 3> parts;
    btVector3 axis;       // Of the joint, in the parent's frame.
    btVector3 pivot;      // Of the joint, in the parent's frame.
    btVector3 to_centre;  // From the joint at zero to the link's centre, in the link's frame.
    // In the link's frame, whose origin is the link's own centre of mass.
    double mass;
    btVector3 centre;          // Of all that moves as one.
    btMatrix3x3 inertia;       // About `centre`.
    btMatrix3x3 spin_inertia;  // Sum of the links', each about its own centre.
  };
  struct Link {
    int segment;
    btTransform place;  // In the segment's frame.
    bool is_merged;
  };
  // Of a rigid body: mass, first moment, and inertia about the origin.
  struct Inertia {
    double mass;
    btVector3 moment;
    btMatrix3x3 matrix;
  };
  struct Spatial {
    btVector3 angular;
    btVector3 linear;
  };

  void MergeMasses();
  btTransform PoseOf(int link, const std::vector<btTransform>& poses) const;
  void ComputeInertias();
  void FillMatrix();
  // kBase: velocities of the base, 6 or 0.
  template <int kBase>
  void Factorize();
  // Goes on with L'^-1 from the velocity k.
  template <int kBase>
  void Eliminate(int k, double* values) const;
  template <int kBase>
  void EliminateBase(double* values) const;
  template <int kBase>
  void WhitenAll(double* values) const;
  // Of values that are 0 but for the base and the joints from `last` up.
  template <int kBase>
  void WhitenPath(int last, double* values) const;
  template <int kBase>
  void UnwhitenAll(double* values) const;
  // Relative to the origin.
  btVector3 CentreOf(int link) const;
  void AddDrag();
  void AddPushes();

  const btMultiBody* body_;
  int base_;  // Velocities of the base: 6 or 0.
  int num_velocities_;
  int stride_;
  bool is_valid_ = false;
  bool masses_have_changed_ = true;
  std::vector<Segment> segments_;  // [1 + dofs]; the base first.
  std::vector<Link> links_;        // [1 + links]; the base first.
  std::vector<int> parents_;       // Of a joint's velocity: that of the joint above; -1: none.
  // Now, by segment.
  btVector3 origin_;
  std::vector<btTransform> poses_;
  std::vector<btTransform> kept_;
  std::vector<Spatial> axes_;
  std::vector<Inertia> inertias_;
  std::vector<Inertia> composites_;
  std::vector<Spatial> velocities_, accelerations_, forces_;
  // First M, then L: its entries at and left of the diagonal.  [num_velocities, stride]
  std::vector<double> factor_;
  std::vector<double> inverse_diagonal_;  // Of L.
  std::vector<double> joint_rows_;        // [dofs, stride]
  std::vector<char> has_joint_row_;       // [dofs]
  std::vector<double> column_;            // [num_velocities]
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_TREE_DYNAMICS_H_
