// IPv6 addresses in YAML.
#ifndef ARMATURE_COMMON_CONFIG_QUOTE_ADDRESSES_H_
#define ARMATURE_COMMON_CONFIG_QUOTE_ADDRESSES_H_

#include <string>

#include "absl/strings/string_view.h"

namespace armature {

// `yaml`, in which values such as [::1]:5556, alone or as the first of a list with commas, are
// in quotes. To YAML the brackets would begin a list, and what follows them would be no YAML at
// all, so no text that could be read changes its meaning. Lines stay where they are.
// Thread safety: free function.
std::string QuoteAddresses(absl::string_view yaml);

}  // namespace armature

#endif  // ARMATURE_COMMON_CONFIG_QUOTE_ADDRESSES_H_
