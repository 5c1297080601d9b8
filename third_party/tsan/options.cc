// ThreadSanitizer's options and suppressions in every binary of --config=tsan.

extern "C" {

// The system's libraries are not instrumented: what they read and write through
// memcpy, free or sockets is ordered by atomics that TSan does not see.
const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

// One line each, with its reason.
const char* __tsan_default_suppressions() {
  return
      // gRPC hands the end of a call to its executor, uninstrumented; what the
      // reactor's OnDone frees has been used by the reactions before it.
      "race:CallOnDone\n";
}

}  // extern "C"
