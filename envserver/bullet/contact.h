// Contacts of a world's last step.
//
// Thread safety: none, like their world.
#ifndef ARMATURE_ENVSERVER_BULLET_CONTACT_H_
#define ARMATURE_ENVSERVER_BULLET_CONTACT_H_

#include <iterator>

#include "LinearMath/btVector3.h"
#include "absl/types/span.h"
#include "envserver/bullet/body_model.h"

namespace armature {

inline constexpr int kAnyBody = -1;

// A point where two bodies touch; distances are at most zero. Links: kBase, or an index.
struct ContactPoint {
  int body_a = 0;  // Body::id.
  int link_a = kBase;
  int body_b = 0;
  int link_b = kBase;
  btVector3 position_on_b;
  btVector3 normal_on_b;     // Towards a.
  double distance = 0;       // m; negative: penetration.
  double normal_force = 0;   // N, on a along the normal, in the last step.
  btVector3 friction_force;  // N, on a, in the last step.
};

// The contacts of one body or link, each seen from it: it is a. A view: valid until the world's
// next step; allocates nothing.
//
//   for (const ContactPoint& contact : world.Contacts(*foot_body, foot_link)) { ... }
class ContactView {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = ContactPoint;
    using difference_type = std::ptrdiff_t;
    using pointer = const ContactPoint*;
    using reference = const ContactPoint&;

    Iterator(const ContactView* view, size_t index) : view_(view), index_(index) { Settle(); }
    const ContactPoint& operator*() const { return current_; }
    const ContactPoint* operator->() const { return &current_; }
    Iterator& operator++() {
      ++index_;
      Settle();
      return *this;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    void Settle();  // Goes on to the next contact that belongs to the view.

    const ContactView* view_;
    size_t index_;
    ContactPoint current_;
  };

  // Of `link` of `body` (kAllLinks: of any) with `other_link` of `other` (kAnyBody: with anything).
  ContactView(absl::Span<const ContactPoint> contacts, int body, int link, int other,
              int other_link)
      : contacts_(contacts), body_(body), link_(link), other_(other), other_link_(other_link) {}

  Iterator begin() const { return Iterator(this, 0); }
  Iterator end() const { return Iterator(this, contacts_.size()); }
  bool empty() const { return begin() == end(); }
  int size() const { return static_cast<int>(std::distance(begin(), end())); }
  // N: the sum of the normal forces.
  double NormalForce() const;
  // N: the sum of all forces on the body or link, as a vector.
  btVector3 Force() const;

 private:
  bool Matches(int body, int link, int other, int other_link) const;

  absl::Span<const ContactPoint> contacts_;
  int body_, link_, other_, other_link_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_CONTACT_H_
