// SPDX-License-Identifier: MIT
#pragma once

namespace cistern::compare {

/// The wish to stop, from Ctrl-C (SIGINT), SIGTERM or SIGHUP, as something that poll() can wait for.
///
/// At most one at a time, in main(). The first signal is noted; a second one of the same sort ends the process as if
/// this class were not there. A signal that was ignored when the program started (nohup, a background job) stays
/// ignored. SIGPIPE is ignored meanwhile: nobody reading the progress is no reason to lose what is measured. The
/// destructor puts the former handlers back.
class interruption {
 public:
  interruption();
  ~interruption();
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  bool requested() const noexcept;

  /// Readable once a stop has been requested. Owned by this object; do not read from it.
  int descriptor() const noexcept { return pipe_[0]; }

 private:
  int pipe_[2] = {-1, -1};
};

}  // namespace cistern::compare
