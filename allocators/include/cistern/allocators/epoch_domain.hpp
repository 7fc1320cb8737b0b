// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/epoch_slot.hpp>
#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/allocators/thread_registry.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

namespace detail {
CISTERN_EXPORT hold_word& take_hold(epoch_domain& domain);  // for epoch_hold; throws std::bad_alloc
CISTERN_EXPORT void give_hold(epoch_state& domain, hold_word& hold) noexcept;
}  // namespace detail

/// A pin that keeps the epoch from advancing, as it is reported.
struct epoch_stall {
  std::uint32_t thread;          ///< the kernel's id of the pinned thread
  std::chrono::nanoseconds age;  ///< since the pin was first seen in the way
};

struct epoch_options {
  /// Retired bytes that may wait, in all threads together (a bag is counted when it is full, or holds 1 MiB). Above it
  /// a thread that begins a bag waits for readers, at most `over_cap_wait`, and then frees up to 16 bags of its own and
  /// 16 that others left. One that may not, because it is pinned, runs a deleter, or leaves deleters to others
  /// (amortised below), goes on and is counted (statistics: over_cap).
  std::size_t max_pending_bytes = std::size_t{64} << 20;
  std::chrono::nanoseconds over_cap_wait = std::chrono::milliseconds(10);

  /// Whether a thread that retires runs the deleters of two of its own expired bags, each time that it begins a new
  /// one. False leaves all deleters to ticks, flush(), collect() and barrier(): for deleters that take a lock which is
  /// held around retire().
  bool amortised = true;

  /// A pin that has been in the way for so long is reported once, to `on_stall`, on the thread that tried to advance.
  /// The default writes a line to stderr.
  std::chrono::nanoseconds stall_limit = std::chrono::seconds(1);
  void (*on_stall)(void* context, const epoch_stall&) noexcept = nullptr;
  void* stall_context = nullptr;

  /// How long the destructor waits for guards that are still alive. After that it reports them and leaves what they
  /// may read allocated, for ever.
  std::chrono::nanoseconds close_limit = std::chrono::seconds(5);

  /// At whose ticks all that may be freed is freed, and whether the background_reclaimer is woken for that: it ticks
  /// ageing_clock::process() only. nullptr: no ticks.
  ageing_clock* clock = &ageing_clock::process();
  bool background = true;

  /// Where the epoch starts, in epochs; for tests of its wrapping.
  std::uint64_t first_epoch = 1;
};

struct epoch_statistics {
  std::uint64_t epoch;  ///< advances since the domain was made, plus where it started
  std::uint64_t advances;
  std::uint64_t blocked_advances;  ///< failed because a thread was pinned in an older epoch
  std::uint64_t busy_advances;     ///< failed because another thread was advancing
  std::uint64_t refused_fences;    ///< failed because the kernel refused the heavy fence
  std::uint64_t over_cap;          ///< bags begun above the cap by a thread that might not wait and free
  std::size_t pending_objects;     ///< retired and not yet freed, open bags included; about, while threads retire
  std::size_t pending_bytes;
  std::size_t orphans;  ///< of these, left behind by threads that have ended or went to sleep
  std::size_t threads;  ///< that have a slot
  epoch_stall blocker;  ///< the pin in the way at the last failed advance; thread 0 when there is none
  bool light_pins;      ///< true: asymmetric mode; false: fence mode
};

/// Safe memory reclamation by epochs: readers pin, writers retire, and what was retired is freed once no reader can
/// see it any more.
///
/// For structures that are read without a lock and changed at times: the reader holds an epoch_guard while it follows
/// pointers; the writer unlinks a node and retires it. An object that is handed over exclusively (a pooled object that
/// was popped) needs none of this. Meaning and names follow C++26's std::rcu_domain where they coincide: lock/unlock
/// (a reader's region), synchronize, barrier, retire.
///
/// Threads: every function from any thread, also from thread-local and static destructors. Retire from within a
/// reader's region or outside; from a deleter too. A deleter runs on a thread that calls retire() (two bags at most;
/// more above the cap), flush(), collect() or barrier(), or on the one that ticks: never inside unpin, never with a
/// lock of cistern held. A thread that retires while it holds a lock that deleters take must use one that ticks: see
/// epoch_options::amortised. Signal handlers may pin, on a thread that has used the domain before; nothing else. A
/// thread may have 65535 guards. ThreadSanitizer: the library must be built with it too, or its pins look like races.
///
/// Lifetime: the domain outlives its retire_lists, and every guard and hold on it is gone before it is destroyed; the
/// destructor frees all that is pending, and may run in a deleter of another domain. The default domain is never
/// destroyed: what is pending in it at exit stays so; call barrier() before main ends if its deleters matter. A domain
/// of one's own sets apart whose readers wait for whom (a guard protects in its own domain only); pinning in it costs
/// 0.7 ns more.
///
/// Happens-before: a reader's accesses within its region happen before the deletion of what it could see.
///
/// Progress: pinning is wait-free once a thread has a slot. Retiring is not: it may wait for memory for a bag, for the
/// deleters that it runs, for a visitor of its bags (a tick, a barrier; about a microsecond), and above the cap for
/// readers. A pin that stays delays every deletion: it is reported, and bytes are capped.
///
/// Costs: perf/allocators/epoch_domain_bench.cpp. Design, proofs and tests: allocators/epoch_domain.md. Example:
/// tests/examples/epoch_domain_example.cpp.
class CISTERN_EXPORT epoch_domain {
 public:
  /// Throws std::bad_alloc.
  explicit epoch_domain(const epoch_options& options = {});
  ~epoch_domain();
  epoch_domain(const epoch_domain&) = delete;
  epoch_domain& operator=(const epoch_domain&) = delete;

  static epoch_domain& default_domain() noexcept;

  /// This thread's slot. The first call on a thread makes one and may throw std::bad_alloc.
  epoch_slot& slot() {
    if (auto* const own = static_cast<epoch_slot*>(thread_registry::find(id_))) [[likely]]
      return *own;
    return slot_slow();
  }

  /// A reader's region, for std::scoped_lock and std::unique_lock; epoch_guard is cheaper. Nests; unlock() on the same
  /// thread.
  void lock() { slot().pin(); }
  bool try_lock() {
    lock();
    return true;
  }
  void unlock() noexcept {
    epoch_slot& own = slot();
    if (!own.pinned()) [[unlikely]]
      detail::fatal("epoch_domain::unlock() on a thread that is not in a region");
    unpin(own);
  }

  /// Frees `object` by `deleter` once no reader can see it; it must be unlinked already. The deleter must not throw.
  /// An empty deleter costs no allocation. Throws std::bad_alloc when there is no memory for a deleter with state, or
  /// none for a bag and this thread may not free (it is pinned, runs a deleter, leaves deleters to others, or the
  /// object is held): then nothing has happened. Otherwise it waits for the readers and deletes at once instead.
  /// `bytes` is what is counted as pending: tell more where the object owns more, for the cap to see it.
  template <class T, class Deleter = std::default_delete<T>>
  void retire(T* object, Deleter deleter = {}, std::size_t bytes = sizeof(T)) {
    void* const retired = const_cast<std::remove_cv_t<T>*>(object);
    if constexpr (std::is_empty_v<Deleter> && std::is_default_constructible_v<Deleter>) {
      retire(
          retired, [](void* dead, void*) noexcept { Deleter{}(static_cast<T*>(dead)); }, nullptr, bytes);
    } else {
      auto owned = std::make_unique<Deleter>(std::move(deleter));
      retire(
          retired,
          [](void* dead, void* context) noexcept {
            const std::unique_ptr<Deleter> held(static_cast<Deleter*>(context));
            (*held)(static_cast<T*>(dead));
          },
          owned.get(), bytes + sizeof(Deleter));
      static_cast<void>(owned.release());
    }
  }

  /// The same by hand: calls deleter(object, context).
  void retire(void* object, retired_deleter deleter, void* context, std::size_t bytes);

  /// Moves the epoch on if no pin is in the way. A few microseconds.
  bool advance() noexcept;

  // What frees, and how far it goes. Left alone, the background reclaimer frees everything within a few seconds.
  //
  //                waits  advances  takes          runs deleters
  //   advance()    no     once      nothing        no
  //   flush()      no     no        own bags       of its own that have expired
  //   quiesce()    no     no        own bags       no: hands them over
  //   collect()    no     twice     all threads'   of all that have expired
  //   synchronize  yes    twice     nothing        no
  //   barrier()    yes    twice     all threads'   of all that were retired before

  /// Seals this thread's open bags, and frees what may be freed of its own.
  void flush() noexcept;

  /// For a thread about to sleep: hands all that it has retired to the domain, so that others can free it.
  void quiesce() noexcept;

  /// Waits until every region that was entered before has been left. False when `limit` has passed first. Must not be
  /// called inside a region or a deleter: that ends the program with a message. Where the kernel refuses the heavy
  /// fence (statistics: refused_fences) it waits until it does not.
  void synchronize() noexcept;
  bool synchronize(std::chrono::nanoseconds limit) noexcept;

  /// Waits until all objects retired before, by any thread, have been deleted, but for those that an epoch_hold keeps.
  /// False when `limit` has passed first. Like synchronize(), not inside a region or a deleter.
  void barrier() noexcept;
  bool barrier(std::chrono::nanoseconds limit) noexcept;

  /// Takes what all threads have retired, advances, and frees what may be freed: what a tick of the clock does. True
  /// when something is still pending, or may be since deleters have run.
  bool collect() noexcept;

  epoch_statistics statistics() const;

 private:
  friend class epoch_guard;
  friend class retire_list;
  friend detail::hold_word& detail::take_hold(epoch_domain& domain);
  friend class epoch_hold;
  epoch_slot& slot_slow();
  static void unpin(epoch_slot& slot) noexcept {
    if (slot.owner_ != &sync::words()) [[unlikely]]
      return unpin_late(slot);
    slot.unpin();
  }
  static void unpin_late(epoch_slot& slot) noexcept;
  static void release_late(epoch_slot& slot) noexcept;
  // Ends a slot that was taken for one use of a thread that has ended.
  struct late_end {
    explicit late_end(epoch_slot& used) noexcept : slot(used) {}
    ~late_end() {
      if (slot.late_) [[unlikely]]
        release_late(slot);
    }
    late_end(const late_end&) = delete;
    late_end& operator=(const late_end&) = delete;
    epoch_slot& slot;
  };
  void refuse_to_wait_for_itself(const char* what) const noexcept;

  thread_registry::instance id_;
  detail::epoch_state* state_;
};

}  // namespace cistern::inline v0
