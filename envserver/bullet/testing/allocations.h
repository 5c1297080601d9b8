// Counts calls of malloc: of everything in the process, by thread. For tests only. A test that
// calls this has its malloc replaced; under a sanitizer, which replaces it too, the count stays 0.
#ifndef ARMATURE_ENVSERVER_BULLET_TESTING_ALLOCATIONS_H_
#define ARMATURE_ENVSERVER_BULLET_TESTING_ALLOCATIONS_H_

namespace armature {

// By this thread, since it began.
long Allocations();

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_TESTING_ALLOCATIONS_H_
