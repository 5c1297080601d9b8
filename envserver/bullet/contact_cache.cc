#include "envserver/bullet/contact_cache.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "BulletCollision/CollisionDispatch/btCollisionObjectWrapper.h"
#include "BulletCollision/CollisionDispatch/btCompoundCompoundCollisionAlgorithm.h"
#include "BulletCollision/CollisionDispatch/btConvexConvexAlgorithm.h"
#include "BulletCollision/CollisionDispatch/btHashedSimplePairCache.h"
#include "BulletCollision/CollisionShapes/btCompoundShape.h"
#include "absl/strings/str_cat.h"

namespace armature {
namespace {

// Pointers to members of Bullet that are not public. An explicit instantiation may name them.
template <typename Tag, typename Tag::Member member>
struct Expose {
  friend typename Tag::Member Get(Tag) { return member; }
};

struct ChildPairs {
  using Member = btHashedSimplePairCache* btCompoundCompoundCollisionAlgorithm::*;
  friend Member Get(ChildPairs);
};
template struct Expose<ChildPairs,
                       &btCompoundCompoundCollisionAlgorithm::m_childCollisionAlgorithmCache>;

struct Children : btCompoundCollisionAlgorithm {
  static btAlignedObjectArray<btCollisionAlgorithm*>& Of(btCompoundCollisionAlgorithm& algorithm) {
    return algorithm.*(&Children::m_childCollisionAlgorithms);
  }
};

struct Manifold {
  using Member = btPersistentManifold* btConvexConvexAlgorithm::*;
  friend Member Get(Manifold);
};
template struct Expose<Manifold, &btConvexConvexAlgorithm::m_manifoldPtr>;

struct OwnsManifold {
  using Member = bool btConvexConvexAlgorithm::*;
  friend Member Get(OwnsManifold);
};
template struct Expose<OwnsManifold, &btConvexConvexAlgorithm::m_ownManifold>;

btCollisionObject* ObjectOf(const btBroadphaseProxy* proxy) {
  return static_cast<btCollisionObject*>(proxy->m_clientObject);
}

bool IsCompound(const btCollisionObject& object) {
  return object.getCollisionShape()->isCompound();
}

int NumChildren(const btCollisionObject& object) {
  if (!IsCompound(object)) return 1;
  return static_cast<const btCompoundShape*>(object.getCollisionShape())->getNumChildShapes();
}

// Calls visit(algorithm, child_a, child_b) for each part of a pair, in order.
template <typename Visit>
void ForEachPart(const btBroadphasePair& pair, Visit visit) {
  const bool a_has_children = IsCompound(*ObjectOf(pair.m_pProxy0));
  const bool b_has_children = IsCompound(*ObjectOf(pair.m_pProxy1));
  if (a_has_children && b_has_children) {
    auto& algorithm = static_cast<btCompoundCompoundCollisionAlgorithm&>(*pair.m_algorithm);
    const btSimplePairArray& parts = (algorithm.*Get(ChildPairs()))->getOverlappingPairArray();
    for (int i = 0; i < parts.size(); ++i) {
      visit(*static_cast<btCollisionAlgorithm*>(parts[i].m_userPointer), parts[i].m_indexA,
            parts[i].m_indexB);
    }
  } else if (a_has_children || b_has_children) {
    const auto& children =
        Children::Of(static_cast<btCompoundCollisionAlgorithm&>(*pair.m_algorithm));
    for (int i = 0; i < children.size(); ++i) {
      if (children[i] == nullptr) continue;
      visit(*children[i], a_has_children ? i : 0, a_has_children ? 0 : i);
    }
  } else {
    visit(*pair.m_algorithm, 0, 0);
  }
}

// Null: none yet.
btPersistentManifold* ManifoldOf(btCollisionAlgorithm& algorithm, btManifoldArray& scratch) {
  scratch.resize(0);
  algorithm.getAllContactManifolds(scratch);
  return scratch.size() == 0 ? nullptr : scratch[0];
}

// One object of a pair as Bullet's algorithms see it, or one child of its compound shape.
class Side {
 public:
  explicit Side(const btCollisionObject* object)
      : whole_(nullptr, object->getCollisionShape(), object, object->getWorldTransform(), -1, -1) {}
  const btCollisionObjectWrapper& whole() const { return whole_; }
  btCollisionObjectWrapper Child(int index) const {
    const auto* compound = static_cast<const btCompoundShape*>(whole_.getCollisionShape());
    child_pose_ = whole_.getWorldTransform() * compound->getChildTransform(index);
    return btCollisionObjectWrapper(&whole_, compound->getChildShape(index),
                                    whole_.getCollisionObject(), child_pose_, -1, index);
  }

 private:
  btCollisionObjectWrapper whole_;
  mutable btTransform child_pose_;  // The wrapper refers to it.
};

btCollisionAlgorithm* Find(btCollisionDispatcher& dispatcher, const btCollisionObjectWrapper& a,
                           const btCollisionObjectWrapper& b) {
  return dispatcher.findAlgorithm(&a, &b, /*sharedManifold=*/nullptr, BT_CONTACT_POINT_ALGORITHMS);
}

// Builds the parts of one pair after another.
class PartBuilder {
 public:
  PartBuilder(const ContactCache& cache, btCollisionDispatcher& dispatcher)
      : cache_(cache), dispatcher_(dispatcher), manifolds_(cache.parts.size(), nullptr) {}

  void Build(btBroadphasePair& pair, int num_parts) {
    const Side a(ObjectOf(pair.m_pProxy0)), b(ObjectOf(pair.m_pProxy1));
    const bool a_has_children = a.whole().getCollisionShape()->isCompound();
    const bool b_has_children = b.whole().getCollisionShape()->isCompound();
    pair.m_algorithm = Find(dispatcher_, a.whole(), b.whole());
    for (int i = 0; i < num_parts; ++i) {
      const ContactCache::Part& part = cache_.parts[next_part_++];
      if (a_has_children && b_has_children) {
        auto& algorithm = static_cast<btCompoundCompoundCollisionAlgorithm&>(*pair.m_algorithm);
        btCollisionAlgorithm* child =
            Fill(part, nullptr, a.Child(part.child_a), b.Child(part.child_b));
        (algorithm.*Get(ChildPairs()))
            ->addOverlappingPair(part.child_a, part.child_b)
            ->m_userPointer = child;
      } else if (a_has_children || b_has_children) {
        // Bullet puts the compound first, whichever it is.
        auto& children =
            Children::Of(static_cast<btCompoundCollisionAlgorithm&>(*pair.m_algorithm));
        const int index = a_has_children ? part.child_a : part.child_b;
        children[index] = a_has_children ? Fill(part, nullptr, a.Child(index), b.whole())
                                         : Fill(part, nullptr, b.Child(index), a.whole());
      } else {
        Fill(part, pair.m_algorithm, a.whole(), b.whole());
      }
    }
  }

  // Puts the manifolds into their order. Returns false if there are others.
  bool Order() {
    const auto used = std::find(manifolds_.begin(), manifolds_.end(), nullptr) - manifolds_.begin();
    if (used != dispatcher_.getNumManifolds()) return false;
    btPersistentManifold** order = dispatcher_.getInternalManifoldPointer();
    for (int i = 0; i < used; ++i) {
      order[i] = manifolds_[i];
      order[i]->m_index1a = i;
    }
    return true;
  }

 private:
  // Returns `algorithm`, or a new one if it is null, with its manifold as in the part.
  btCollisionAlgorithm* Fill(const ContactCache::Part& part, btCollisionAlgorithm* algorithm,
                             const btCollisionObjectWrapper& a, const btCollisionObjectWrapper& b) {
    if (algorithm == nullptr) algorithm = Find(dispatcher_, a, b);
    const int first_point = next_point_;
    next_point_ += part.num_points;
    if (part.manifold < 0) return algorithm;
    btPersistentManifold* manifold = ManifoldOf(*algorithm, scratch_);
    if (manifold == nullptr) {
      // This kind makes its manifold when it is first processed.
      auto* convex = dynamic_cast<btConvexConvexAlgorithm*>(algorithm);
      if (convex == nullptr) return algorithm;
      manifold = dispatcher_.getNewManifold(a.getCollisionObject(), b.getCollisionObject());
      convex->*Get(Manifold()) = manifold;
      convex->*Get(OwnsManifold()) = true;
    }
    manifold->setNumContacts(part.num_points);
    for (int i = 0; i < part.num_points; ++i) {
      manifold->getContactPoint(i) = cache_.points[first_point + i];
    }
    manifolds_[part.manifold] = manifold;
    return algorithm;
  }

  const ContactCache& cache_;
  btCollisionDispatcher& dispatcher_;
  std::vector<btPersistentManifold*> manifolds_;  // In their order; null: unused.
  btManifoldArray scratch_;
  int next_part_ = 0;
  int next_point_ = 0;
};

absl::Status CheckPair(const ContactCache& cache, const ContactCache::Pair& pair, size_t first_part,
                       const btAlignedObjectArray<btCollisionObject*>& objects,
                       const btHashedOverlappingPairCache& pairs) {
  const auto is_object = [&](int i) { return i >= 0 && i < objects.size(); };
  if (!is_object(pair.object_a) || !is_object(pair.object_b)) {
    return absl::InvalidArgumentError("a contact names an object that there is not");
  }
  btCollisionObject& a = *objects[pair.object_a];
  btCollisionObject& b = *objects[pair.object_b];
  const int a_id = a.getBroadphaseHandle()->getUid(), b_id = b.getBroadphaseHandle()->getUid();
  if (a_id >= b_id ||
      !pairs.needsBroadphaseCollision(a.getBroadphaseHandle(), b.getBroadphaseHandle())) {
    return absl::InvalidArgumentError("a contact is of objects that cannot touch");
  }
  const bool is_whole = !IsCompound(a) && !IsCompound(b);
  if (pair.num_parts < 0 || first_part + pair.num_parts > cache.parts.size() ||
      (!pair.was_processed && pair.num_parts > 0) ||
      (pair.was_processed && is_whole && pair.num_parts != 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a pair of objects has ", pair.num_parts, " parts"));
  }
  std::set<std::pair<int, int>> children;
  for (int i = 0; i < pair.num_parts; ++i) {
    const ContactCache::Part& part = cache.parts[first_part + i];
    if (part.child_a < 0 || part.child_a >= NumChildren(a) || part.child_b < 0 ||
        part.child_b >= NumChildren(b) || !children.emplace(part.child_a, part.child_b).second) {
      return absl::InvalidArgumentError("a contact names a shape that there is not, or one twice");
    }
  }
  return absl::OkStatus();
}

}  // namespace

void SaveContacts(btHashedOverlappingPairCache& pairs, ContactCache* cache) {
  cache->pairs.clear();
  cache->parts.clear();
  cache->points.clear();
  btManifoldArray scratch;
  for (int i = 0; i < pairs.getNumOverlappingPairs(); ++i) {
    const btBroadphasePair& pair = pairs.getOverlappingPairArray()[i];
    ContactCache::Pair saved;
    saved.object_a = ObjectOf(pair.m_pProxy0)->getWorldArrayIndex();
    saved.object_b = ObjectOf(pair.m_pProxy1)->getWorldArrayIndex();
    saved.was_processed = pair.m_algorithm != nullptr;
    const size_t first_part = cache->parts.size();
    if (saved.was_processed) {
      ForEachPart(pair, [&](btCollisionAlgorithm& algorithm, int child_a, int child_b) {
        ContactCache::Part part;
        part.child_a = child_a;
        part.child_b = child_b;
        if (btPersistentManifold* manifold = ManifoldOf(algorithm, scratch)) {
          part.manifold = manifold->m_index1a;
          part.num_points = manifold->getNumContacts();
          for (int k = 0; k < part.num_points; ++k) {
            cache->points.push_back(manifold->getContactPoint(k));
          }
        }
        cache->parts.push_back(part);
      });
    }
    saved.num_parts = static_cast<int>(cache->parts.size() - first_part);
    cache->pairs.push_back(saved);
  }
}

void DropAllContacts(btHashedOverlappingPairCache& pairs, btCollisionDispatcher& dispatcher) {
  for (int n = pairs.getNumOverlappingPairs(); n > 0; --n) {
    const btBroadphasePair& pair = pairs.getOverlappingPairArray()[n - 1];
    pairs.removeOverlappingPair(pair.m_pProxy0, pair.m_pProxy1, &dispatcher);
  }
}

absl::Status CheckContacts(const ContactCache& cache,
                           const btAlignedObjectArray<btCollisionObject*>& objects,
                           const btHashedOverlappingPairCache& pairs) {
  size_t num_parts = 0, num_points = 0;
  std::set<std::pair<int, int>> seen;
  for (const ContactCache::Pair& pair : cache.pairs) {
    if (absl::Status status = CheckPair(cache, pair, num_parts, objects, pairs); !status.ok()) {
      return status;
    }
    if (!seen.emplace(pair.object_a, pair.object_b).second) {
      return absl::InvalidArgumentError("a pair of objects is there twice");
    }
    num_parts += pair.num_parts;
  }
  std::vector<int> manifolds;
  for (const ContactCache::Part& part : cache.parts) {
    if (part.num_points < 0 || part.num_points > (part.manifold < 0 ? 0 : MANIFOLD_CACHE_SIZE)) {
      return absl::InvalidArgumentError(absl::StrCat("a contact has ", part.num_points, " points"));
    }
    num_points += part.num_points;
    if (part.manifold >= 0) manifolds.push_back(part.manifold);
  }
  std::sort(manifolds.begin(), manifolds.end());
  for (size_t i = 0; i < manifolds.size(); ++i) {
    if (manifolds[i] != static_cast<int>(i)) {
      return absl::InvalidArgumentError("the order of contacts has a gap");
    }
  }
  if (num_parts != cache.parts.size() || num_points != cache.points.size()) {
    return absl::InvalidArgumentError("there are more contacts than pairs of objects");
  }
  return absl::OkStatus();
}

bool RestoreContacts(const ContactCache& cache,
                     const btAlignedObjectArray<btCollisionObject*>& objects,
                     btHashedOverlappingPairCache& pairs, btCollisionDispatcher& dispatcher) {
  DropAllContacts(pairs, dispatcher);
  if (cache.empty()) return true;
  PartBuilder builder(cache, dispatcher);
  for (const ContactCache::Pair& saved : cache.pairs) {
    btBroadphasePair* pair =
        pairs.addOverlappingPair(objects[saved.object_a]->getBroadphaseHandle(),
                                 objects[saved.object_b]->getBroadphaseHandle());
    if (pair == nullptr) return false;
    if (saved.was_processed) builder.Build(*pair, saved.num_parts);
  }
  return builder.Order();
}

}  // namespace armature
