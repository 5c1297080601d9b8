#include "envserver/bullet/own_step.h"

#include <algorithm>
#include <numeric>

#include "BulletDynamics/Featherstone/btMultiBodyLinkCollider.h"
#include "envserver/bullet/body.h"
#include "envserver/bullet/tree_dynamics.h"

namespace armature {
namespace {

// Of a plain object: that of its base.
int LinkOf(const btCollisionObject* object) {
  const auto* collider = btMultiBodyLinkCollider::upcast(object);
  return collider == nullptr ? kBase : collider->m_link;
}

// Whether the two objects are of one body, or one is moved from outside: only Bullet solves those.
bool IsForBullet(const btPersistentManifold& manifold) {
  const btCollisionObject* a = manifold.getBody0();
  const btCollisionObject* b = manifold.getBody1();
  return a->getUserIndex() == b->getUserIndex() || a->isKinematicObject() || b->isKinematicObject();
}

}  // namespace

void OwnStep::Sets::Reset(int size) {
  parent_.resize(size);
  std::iota(parent_.begin(), parent_.end(), 0);
}

int OwnStep::Sets::Find(int body) const {
  while (parent_[body] != body) body = parent_[body];
  return body;
}

void OwnStep::Sets::Unite(int a, int b) {
  a = Find(a);
  b = Find(b);
  parent_[std::max(a, b)] = std::min(a, b);
}

Body* OwnStep::MovingBody(const btCollisionObject* object) const {
  return object->isStaticOrKinematicObject() ? nullptr : (*bodies_)[object->getUserIndex()].get();
}

ContactRows::Side OwnStep::SideOf(const btCollisionObject* object) const {
  const Body* body = MovingBody(object);
  return body == nullptr ? ContactRows::Side()
                         : ContactRows::Side{body, numbers_[body->id()], LinkOf(object)};
}

bool OwnStep::Share() {
  const size_t num_bodies = bodies_->size();
  steps_.resize(num_bodies, false);
  touched_.assign(num_bodies, false);
  bool touch_here = true;
  int num_rows = 0;
  for (int i = 0; i < dispatcher_->getNumManifolds(); ++i) {
    const btPersistentManifold* manifold = dispatcher_->getManifoldByIndexInternal(i);
    if (manifold->getNumContacts() == 0) continue;
    touched_[manifold->getBody0()->getUserIndex()] = true;
    touched_[manifold->getBody1()->getUserIndex()] = true;
    touch_here = touch_here && !IsForBullet(*manifold);
    num_rows += ContactRows::Count(*manifold);
  }
  for (const auto& body : *bodies_) {
    if (touched_[body->id()]) num_rows += body->num_joint_rows_max();
    // While Bullet steps a body, it solves every contact.
    touch_here = touch_here && (body->multibody() == nullptr || body->has_own_step());
  }
  touch_here = touch_here && num_rows <= ImpulseSolver::kMaxRows;
  bool changed = false;
  for (const auto& body : *bodies_) {
    const bool here = body->has_own_step() && (touch_here || !touched_[body->id()]);
    changed = changed || here != static_cast<bool>(steps_[body->id()]);
    steps_[body->id()] = here;
  }
  return changed;
}

void OwnStep::FindIslands() {
  const int num_bodies = static_cast<int>(bodies_->size());
  islands_.Reset(num_bodies);
  near_.Reset(num_bodies);
  touches_.resizeNoInitialize(0);
  numbers_.resize(num_bodies);
  const btBroadphasePairArray& pairs = pairs_->getOverlappingPairArray();
  for (int i = 0; i < pairs.size(); ++i) {
    const Body* a = MovingBody(static_cast<btCollisionObject*>(pairs[i].m_pProxy0->m_clientObject));
    const Body* b = MovingBody(static_cast<btCollisionObject*>(pairs[i].m_pProxy1->m_clientObject));
    if (a != nullptr && b != nullptr) near_.Unite(a->id(), b->id());
  }
  for (int i = 0; i < dispatcher_->getNumManifolds(); ++i) {
    btPersistentManifold* manifold = dispatcher_->getManifoldByIndexInternal(i);
    const Body* a = MovingBody(manifold->getBody0());
    const Body* b = MovingBody(manifold->getBody1());
    touches_.push_back({manifold, near_.Find((a != nullptr ? a : b)->id())});
    if (a != nullptr && b != nullptr && manifold->getNumContacts() > 0) {
      islands_.Unite(a->id(), b->id());
    }
  }
  // Its sort changes the order of equal ones, on which the result depends where the solver stops.
  touches_.quickSort([](const Touch& a, const Touch& b) { return a.group < b.group; });
}

void OwnStep::SolveIsland(int island, const btContactSolverInfo& info) {
  solver_.Clear();
  rows_.Clear();
  const auto for_bodies = [&](auto visit) {
    for (size_t i = island; i < bodies_->size(); ++i) {
      const int id = static_cast<int>(i);
      if (steps_[i] && islands_.Find(id) == island) visit((*bodies_)[i].get(), id);
    }
  };
  for_bodies([&](Body* body, int id) {
    numbers_[id] = solver_.AddBody(body->tree().num_velocities());
    body->AddJointRows(info, numbers_[id], &solver_);
  });
  for (int i = 0; i < touches_.size(); ++i) {
    btPersistentManifold* manifold = touches_[i].manifold;
    if (manifold->getNumContacts() == 0) continue;
    const Body* a = MovingBody(manifold->getBody0());
    const Body* b = MovingBody(manifold->getBody1());
    const int id = (a != nullptr ? a : b)->id();
    if (!steps_[id] || islands_.Find(id) != island) continue;
    rows_.Add(manifold, SideOf(manifold->getBody0()), SideOf(manifold->getBody1()), info, &solver_);
  }
  solver_.Solve(info.m_numIterations, info.m_leastSquaresResidualThreshold);
  rows_.WriteBack(solver_);
  for_bodies([&](Body* body, int id) { body->EndOwnStep(numbers_[id], solver_); });
}

void OwnStep::Step(const btVector3& gravity, const btContactSolverInfo& info) {
  FindIslands();
  for (const auto& body : *bodies_) {
    if (steps_[body->id()]) body->BeginOwnStep(gravity);
  }
  for (const auto& body : *bodies_) {
    if (steps_[body->id()] && islands_.Find(body->id()) == body->id()) {
      SolveIsland(body->id(), info);
    }
  }
}

}  // namespace armature
