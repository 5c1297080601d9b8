// CRC-32C checksum (Castagnoli, RFC 3720 appendix B.4). Policy updates, checkpoints and TensorBoard
// event files use it.
//
// Uses the processor's instruction for it (SSE4.2, ARMv8), if there is one, else tables.
// Thread safety: free functions.
#ifndef ARMATURE_COMMON_CHECKSUM_CRC32C_H_
#define ARMATURE_COMMON_CHECKSUM_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace armature {

// Returns the checksum of `bytes`. To continue, pass the checksum of the preceding bytes as `crc`.
uint32_t Crc32c(absl::string_view bytes, uint32_t crc = 0);

// The same by tables: what a processor without the instruction uses.
uint32_t Crc32cByTables(absl::string_view bytes, uint32_t crc = 0);

}  // namespace armature

#endif  // ARMATURE_COMMON_CHECKSUM_CRC32C_H_
