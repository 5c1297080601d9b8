// Keeps the threads in which gRPC calls back, for as long as the process lives.
//
// All channels and servers of a process share them, and they end with the last one. There gRPC 1.51
// aborts now and then, because one of them releases its queue once too often (ref_counted.h,
// "prior > 0").
//
// Thread safety: free function, from any thread.
#ifndef ARMATURE_COMMON_RPC_CALLBACK_THREADS_H_
#define ARMATURE_COMMON_RPC_CALLBACK_THREADS_H_

namespace armature {

// To be called before a process makes its first channel or server. Later calls do nothing.
void KeepCallbackThreads();

}  // namespace armature

#endif  // ARMATURE_COMMON_RPC_CALLBACK_THREADS_H_
