// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer.hpp>
#include <cistern/pools/byte_buffer_io.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <span>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/address_v4.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

namespace cistern::echo {

/// A buffer of a pool from when bytes are there until they have gone back; none while a connection has nothing to say.
///
/// Between two messages of a connection that speaks often, the buffer stays with it, for Asio has to tell the system of
/// a wait without a buffer, which takes a tenth of the time of a message of 4 KiB. Only so many bytes stay, and at a
/// tick of the server those leave that were not used since the last one.
class pooled_buffers {
 public:
  static constexpr bool always_stay = false;
  static constexpr std::size_t most_staying = std::size_t{320} << 10;  // of all connections
  static constexpr std::size_t uses_to_stay = 4;                       // between two ticks

  /// With `watches`, each read asks the pool how much it holds, which takes time.
  explicit pooled_buffers(byte_buffer_pool& pool, bool watches = false) : pool_(pool), watches_(watches) {}
  /// The most that the pool had in buffers at once, in bytes: out and idle, and out alone. After the server has
  /// stopped.
  std::size_t peak() const noexcept { return peak_; }
  std::size_t peak_out() const noexcept { return peak_out_; }

  class connection {
   public:
    explicit connection(pooled_buffers& all) : all_(all) {}
    ~connection() { release(); }

    // Without a buffer: what lies ready by one call, whatever is usual, so that the pool learns whole messages. That
    // takes a spare block of the pool for the most that may come, which is small until a connection has said more.
    std::error_code read(asio::ip::tcp::socket& socket) {
      buffer_ = all_.pool_.get();
      const transfer got = read_some(socket.native_handle(), buffer_, most_);
      if (got.bytes == most_) most_ = read_some_most;
      last_ = got.bytes;
      outgrown_ = false;
      if (all_.watches_) [[unlikely]]
        all_.watch();
      return got.end ? asio::error::make_error_code(asio::error::eof) : got.error;
    }
    // In the buffer that stays: for as much as the last time. One byte more, so that it is seen when that was all.
    asio::mutable_buffer room() {
      buffer_.reserve(last_ + 1);
      const std::span<std::byte> room = buffer_.prepare(1);
      if (all_.watches_) [[unlikely]]
        all_.watch();
      return {room.data(), room.size()};
    }
    void filled(std::size_t bytes) noexcept {
      buffer_.commit(bytes);
      last_ = bytes;
      outgrown_ = buffer_.room() == 0;
    }
    asio::const_buffer rest() const noexcept { return {buffer_.data(), buffer_.size()}; }
    void written(std::size_t bytes) noexcept { buffer_.consume(bytes); }

    // As all is written: whether the buffer stays for the next message.
    bool stays() noexcept {
      if (buffer_.capacity() == 0) return false;
      ++uses_;
      const bool often = staying_ != 0 || uses_ >= uses_to_stay;
      all_.staying_ -= std::exchange(staying_, 0);
      if (!often || std::exchange(outgrown_, false) || all_.staying_ + buffer_.capacity() > most_staying) return false;
      all_.staying_ += staying_ = buffer_.capacity();
      return true;
    }
    bool left_unused_since_last_tick() noexcept { return std::exchange(uses_, 0) == 0 && staying_ != 0; }
    void release() noexcept {
      all_.staying_ -= std::exchange(staying_, 0);
      buffer_ = byte_buffer();
    }

   private:
    pooled_buffers& all_;
    byte_buffer buffer_;
    std::size_t most_ = std::size_t{8} << 10;  // of a read without a buffer
    std::size_t last_ = 0;                     // bytes of the last read
    bool outgrown_ = false;
    std::size_t staying_ = 0;  // bytes of the buffer, while it is one that stays
    std::size_t uses_ = 0;     // since the last tick
  };

 private:
  void watch() {
    const pool_statistics now = pool_.blocks().statistics();
    peak_out_ = std::max(peak_out_, now.live + now.large);
    peak_ = std::max(peak_, now.live + now.large + now.cached_threads + now.cached_depot);
  }

  byte_buffer_pool& pool_;
  const bool watches_;
  std::size_t staying_ = 0, peak_ = 0, peak_out_ = 0;
};

/// What servers do without a pool: each connection has an array in itself. With `WaitsFirst` the server asks for bytes
/// in the same way as for those of a pool: so the ways can be compared without their memory.
template <std::size_t Size, bool WaitsFirst = false>
struct array_buffers {
  static constexpr bool always_stay = true;

  class connection {
   public:
    explicit connection(array_buffers& /*all*/) {}
    asio::mutable_buffer room() noexcept { return asio::buffer(bytes_); }
    void filled(std::size_t bytes) noexcept { begin_ = 0, end_ = bytes; }
    asio::const_buffer rest() const noexcept { return {bytes_.data() + begin_, end_ - begin_}; }
    void written(std::size_t bytes) noexcept { begin_ += bytes; }
    std::error_code read(asio::ip::tcp::socket& socket) noexcept {
      std::error_code error;
      filled(socket.read_some(room(), error));
      return error;
    }
    bool stays() const noexcept { return !WaitsFirst; }
    bool left_unused_since_last_tick() const noexcept { return false; }
    void release() noexcept {}

   private:
    std::array<std::byte, Size> bytes_;
    std::size_t begin_ = 0, end_ = 0;
  };
};

/// Sends back what it is sent, to any number of connections of 127.0.0.1, in one thread of its own.
///
/// `Buffers` says where the bytes lie meanwhile, and outlives the server. Bytes that the other side does not take now
/// are kept, and nothing is read until it takes them.
template <class Buffers>
class echo_server {
 public:
  explicit echo_server(Buffers& buffers) : buffers_(buffers) {
    accept();
    if constexpr (!Buffers::always_stay) tick();
    thread_ = std::thread([this] {
      context_.run();
      timespec used{};
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
      processor_seconds_ = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
    });
  }
  ~echo_server() {
    if (!thread_.joinable()) return;
    asio::post(context_, [this] {
      for (session* each : sessions_) each->close();
    });
    finish();
  }
  echo_server(const echo_server&) = delete;
  echo_server& operator=(const echo_server&) = delete;

  std::uint16_t port() const { return port_; }
  /// Takes no more connections, and waits until the others have closed those that there are.
  void finish() {
    asio::post(context_, [this] {
      acceptor_.close();
      end_ticks_if_done();
    });
    thread_.join();
  }
  /// Of its thread. After finish().
  double processor_seconds() const noexcept { return processor_seconds_; }

 private:
  using tcp = asio::ip::tcp;

  class session : public std::enable_shared_from_this<session> {
   public:
    session(echo_server& server, tcp::socket socket)
        : server_(server), socket_(std::move(socket)), buffer_(server.buffers_) {
      server_.sessions_.insert(this);
    }
    ~session() {
      server_.sessions_.erase(this);
      server_.end_ticks_if_done();
    }
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    void start() {
      std::error_code error;
      socket_.set_option(tcp::no_delay(true), error);
      if (!error) socket_.non_blocking(true, error);
      if (!error) wait();
    }
    void close() { socket_.close(); }
    void tick() {
      if (buffer_.left_unused_since_last_tick() && reads_) socket_.cancel();
    }

   private:
    // Whatever ends without a new wait ends the session.
    void wait() {
      if (!buffer_.stays()) return wait_without_buffer();
      reads_ = true;
      socket_.async_read_some(buffer_.room(),
                              [self = this->shared_from_this()](std::error_code error, std::size_t bytes) {
                                self->reads_ = false;
                                if (!error) {
                                  self->buffer_.filled(bytes);
                                  self->write();
                                } else if (error == asio::error::operation_aborted) {  // by tick(), or by close()
                                  self->wait_without_buffer();
                                }
                              });
    }
    void wait_without_buffer() {
      buffer_.release();
      socket_.async_wait(tcp::socket::wait_read, [self = this->shared_from_this()](std::error_code error) {
        if (!error) self->read();
      });
    }
    void read() {
      const std::error_code error = buffer_.read(socket_);
      if (!error)
        write();
      else if (error == std::errc::resource_unavailable_try_again)
        wait_without_buffer();
    }
    void write() {
      std::error_code error;
      while (buffer_.rest().size() != 0 && !error) buffer_.written(socket_.write_some(buffer_.rest(), error));
      if (!error)
        wait();
      else if (error == asio::error::would_block)
        socket_.async_wait(tcp::socket::wait_write, [self = this->shared_from_this()](std::error_code failed) {
          if (!failed) self->write();
        });
    }

    echo_server& server_;
    tcp::socket socket_;
    typename Buffers::connection buffer_;
    bool reads_ = false;  // into a buffer that stays
  };

  void accept() {
    acceptor_.async_accept([this](std::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) std::make_shared<session>(*this, std::move(socket))->start();
      accept();
    });
  }
  // Also ends when nobody is there any more.
  void tick() {
    if (is_done()) return;
    ticks_.expires_after(std::chrono::milliseconds(100));
    ticks_.async_wait([this](std::error_code error) {
      if (error) return;
      for (session* each : sessions_) each->tick();
      tick();
    });
  }
  bool is_done() const { return sessions_.empty() && !acceptor_.is_open(); }
  void end_ticks_if_done() {
    if (is_done()) ticks_.cancel();
  }

  Buffers& buffers_;
  std::unordered_set<session*> sessions_;  // whose lives the context's handlers hold
  asio::io_context context_{1};
  asio::steady_timer ticks_{context_};
  tcp::acceptor acceptor_{context_, {asio::ip::address_v4::loopback(), 0}};
  const std::uint16_t port_ = acceptor_.local_endpoint().port();
  double processor_seconds_ = 0;
  std::thread thread_;
};

}  // namespace cistern::echo
