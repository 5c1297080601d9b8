// CRC-32C (Castagnoli, RFC 3720 appendix B.4), as policy updates, checkpoints and
// TensorBoard's event files use it.
//
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_CHECKSUM_CRC32C_H_
#define ARMATURE_COMMON_CHECKSUM_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace armature {

// The checksum of `bytes`, continuing from `crc`, that of the bytes before.
uint32_t Crc32c(absl::string_view bytes, uint32_t crc = 0);

}  // namespace armature

#endif  // ARMATURE_COMMON_CHECKSUM_CRC32C_H_
