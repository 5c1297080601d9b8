#!/bin/bash
# Deadlines and waits go by SteadyTime (common/sync/steady_time.h), which no step of the
# wall clock moves. The wall clock is read for people, in the files named here, and for
# gRPC's own deadlines, which it turns into steady ones at once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Names of run folders, event files, reports, and metrics that are dates.
readers='^(deploy/main|deploy/film/run_filmer|learner/main|learner/training/run_reporter|learner/training/run_saver|learner/run/run_directory|common/metrics/metrics|common/sync/steady_time)[.]cc:'
waits='AwaitWith(Deadline|Timeout)|LockWhenWith|WaitWith(Deadline|Timeout)|WaitForNotificationWith|absl::SleepFor|sleep_(for|until)'
clocks='absl::Now[(]|system_clock|GetCurrentTimeNanos|gettimeofday'

found="$(git ls-files '*.cc' '*.h' | grep -Ev '_test[.]cc$|_benchmark[.]cc$|/testing/|^third_party/' |
  xargs grep -En "$waits|$clocks" | grep -Ev 'ToChronoTime|set_deadline|Shutdown[(]absl::Now' |
  grep -Ev "$readers" | grep -Ev '^[^:]+:[0-9]+: *//' || true)"
if [[ -n "$found" ]]; then
  echo "clock_test: a deadline or a wait by the wall clock; see common/sync/steady_time.h:"
  echo "$found"
  exit 1
fi
echo "clock_test: every deadline goes by the steady clock"
