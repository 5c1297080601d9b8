// Lets YAML values contain IPv6 addresses without quotes.
#ifndef ARMATURE_COMMON_CONFIG_QUOTE_ADDRESSES_H_
#define ARMATURE_COMMON_CONFIG_QUOTE_ADDRESSES_H_

#include <string>

#include "absl/strings/string_view.h"

namespace armature {

// Returns `yaml` with quotes around values such as [::1]:5556, alone or first in a comma-separated
// list. YAML would read the brackets as a list and reject what follows, so no valid text changes
// its meaning. Line numbers do not change.
// Thread safety: free function.
std::string QuoteAddresses(absl::string_view yaml);

}  // namespace armature

#endif  // ARMATURE_COMMON_CONFIG_QUOTE_ADDRESSES_H_
