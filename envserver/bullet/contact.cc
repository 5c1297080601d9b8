#include "envserver/bullet/contact.h"

namespace armature {
namespace {

bool IsLink(int link, int wanted) { return wanted == kAllLinks || link == wanted; }

ContactPoint SeenFromB(const ContactPoint& contact) {
  ContactPoint seen = contact;
  seen.body_a = contact.body_b;
  seen.link_a = contact.link_b;
  seen.body_b = contact.body_a;
  seen.link_b = contact.link_a;
  seen.position_on_b = contact.position_on_b + contact.distance * contact.normal_on_b;
  seen.normal_on_b = -contact.normal_on_b;
  seen.friction_force = -contact.friction_force;
  return seen;
}

}  // namespace

bool ContactView::Matches(int body, int link, int other, int other_link) const {
  return body == body_ && IsLink(link, link_) &&
         (other_ == kAnyBody || (other == other_ && IsLink(other_link, other_link_)));
}

void ContactView::Iterator::Settle() {
  for (; index_ < view_->contacts_.size(); ++index_) {
    const ContactPoint& contact = view_->contacts_[index_];
    if (view_->Matches(contact.body_a, contact.link_a, contact.body_b, contact.link_b)) {
      current_ = contact;
      return;
    }
    if (view_->Matches(contact.body_b, contact.link_b, contact.body_a, contact.link_a)) {
      current_ = SeenFromB(contact);
      return;
    }
  }
}

double ContactView::NormalForce() const {
  double force = 0;
  for (const ContactPoint& contact : *this) force += contact.normal_force;
  return force;
}

btVector3 ContactView::Force() const {
  btVector3 force(0, 0, 0);
  for (const ContactPoint& contact : *this) {
    force += contact.normal_force * contact.normal_on_b + contact.friction_force;
  }
  return force;
}

}  // namespace armature
