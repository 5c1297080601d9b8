// Bullet's memory from lists of freed blocks, so that what Bullet allocates and frees in every step
// (short arrays and collision algorithms) costs no call of malloc.
//
// Including this header anywhere is enough: it takes effect before main. Each thread keeps its own
// lists; a block may be freed by another thread than the one that allocated it.
#ifndef ARMATURE_ENVSERVER_BULLET_POOLED_MEMORY_H_
#define ARMATURE_ENVSERVER_BULLET_POOLED_MEMORY_H_

namespace armature {

// Makes Bullet use it; returns true. Later calls do nothing.
bool UsePooledMemory();

inline const bool kUsesPooledMemory = UsePooledMemory();

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_POOLED_MEMORY_H_
