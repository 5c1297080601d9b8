// What a world throws when it is asked for something that does not exist or cannot be: a name that
// no link has, a mass below zero. The message names what was asked for and what there is.
#ifndef ARMATURE_ENVSERVER_BULLET_WORLD_ERROR_H_
#define ARMATURE_ENVSERVER_BULLET_WORLD_ERROR_H_

#include <stdexcept>

namespace armature {

struct WorldError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_WORLD_ERROR_H_
