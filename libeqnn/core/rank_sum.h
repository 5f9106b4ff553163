// Sums of gradient rows over the ranks of a Trainer, by the tree of one process. Not installed.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

#include "../kernels/kernels.h"
#include "matrix.h"
#include "ranks.h"
#include "workers.h"

namespace eqnn {

// Rows of partial gradients, `rows` of them, each computed by one rank: a rank has whole blocks of the tree of
// add_tree(), 2^k rows each, adds up each block by itself, and what is above the blocks is added from the sums of
// all. The order of additions is that of one process, and so are the bits.
template <class T>
class RankSum {
 public:
  // `row_size` elements a row. Up to this many bytes of all blocks together go to every rank in one message;
  // beyond, each rank adds up a piece of the row for all others, in three.
  static constexpr Index kOneMessage = 128 * 1024;

  RankSum(Ranks& ranks, Index rows, Index row_size)
      : ranks_(ranks), rows_(rows), row_size_(row_size), block_(rows_in_block(rows, ranks.size())) {
    blocks_ = (rows + block_ - 1) / block_;
    const Index size = ranks.size();
    piece_ = padded<T>((row_size + size - 1) / size);
    for (int r = 0; r < ranks.size(); ++r) block_ends_.push_back((r + 1) * blocks_ / size);
  }

  Index first_row() const { return first_row(ranks_.rank()); }
  Index last_row() const { return last_row(ranks_.rank()); }
  Index memory_bytes() const {
    return message_.size() + (sent_.size() + received_.size()) * static_cast<Index>(sizeof(T));
  }

  // Row 0 of `data` becomes the sum over the rows of all ranks, and losses[0] that of their losses. Of the rows,
  // which are row_size apart, this rank's need to be there.
  void add(T* data, std::span<double> losses, Workers& pool) {
    for (Index b = first_block(ranks_.rank()); b < last_block(ranks_.rank()); ++b) add_block(data, losses, b, pool);
    if (ranks_.size() == 1 || static_cast<Index>(bytes(blocks_ * row_size_)) <= kOneMessage)
      add_gathered(data, losses);
    else
      add_exchanged(data, losses);
  }

  // All rows and losses, of all ranks.
  void gather_rows(T* data, std::span<double> losses) {
    gather_parts(data, rows_ * row_size_, [&](int rank) { return last_row(rank) * row_size_; });
    gather_parts(losses.data(), rows_, [&](int rank) { return last_row(rank); });
  }

 private:
  // The largest 2^k for which no rank has more than five quarters of its part.
  static Index rows_in_block(Index rows, Index ranks) {
    const Index part = (rows + ranks - 1) / ranks;
    const auto busiest = [&](Index size) {
      const Index blocks = (rows + size - 1) / size;
      return (blocks + ranks - 1) / ranks * size;
    };
    auto block = static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(part)));
    while (block > 1 && busiest(block) * 4 > part * 5) block /= 2;
    return block;
  }

  Index first_block(int rank) const { return rank == 0 ? 0 : block_ends_[rank - 1]; }
  Index last_block(int rank) const { return block_ends_[rank]; }
  Index first_row(int rank) const { return std::min(first_block(rank) * block_, rows_); }
  Index last_row(int rank) const { return std::min(last_block(rank) * block_, rows_); }

  void add_block(T* data, std::span<double> losses, Index block, Workers& pool) {
    const Index first = block * block_, rows = std::min(block_, rows_ - first);
    add_tree(losses.subspan(first, rows));
    constexpr Index kPiece = 2048;
    pool.for_each((row_size_ + kPiece - 1) / kPiece, [&](Index piece, std::size_t) {
      const Index begin = piece * kPiece, size = std::min(kPiece, row_size_ - begin);
      T* const from = data + first * row_size_ + begin;
      add_tree(rows, [&](Index source, Index target) {
        kernels::axpy(size, T(1), from + source * row_size_, from + target * row_size_, true);
      });
    });
  }

  // The sums of all blocks are gathered, each with its loss, and every rank adds them up.
  void add_gathered(T* data, std::span<double> losses) {
    const std::size_t row_bytes = bytes(row_size_);
    const auto entry = static_cast<Index>(row_bytes + sizeof(double));
    reserve(message_, blocks_ * entry);
    for (Index b = first_block(ranks_.rank()); b < last_block(ranks_.rank()); ++b) {
      std::memcpy(message_.data() + b * entry, data + b * block_ * row_size_, row_bytes);
      std::memcpy(message_.data() + b * entry + row_bytes, &losses[b * block_], sizeof(double));
    }
    gather_parts(message_.data(), blocks_ * entry, [&](int rank) { return last_block(rank) * entry; });
    for (Index b = 0; b < blocks_; ++b) {
      std::memcpy(data + b * block_ * row_size_, message_.data() + b * entry, row_bytes);
      std::memcpy(&losses[b * block_], message_.data() + b * entry + row_bytes, sizeof(double));
    }
    add_tree(blocks_, [&](Index source, Index target) {
      kernels::axpy(row_size_, T(1), data + source * block_ * row_size_, data + target * block_ * row_size_, true);
    });
    add_block_losses(losses);
  }

  // Each rank adds up its piece of the row for all, and the sums are gathered in row 0: whatever the number of
  // ranks, each sends and receives about two rows.
  void add_exchanged(T* data, std::span<double> losses) {
    const int me = ranks_.rank();
    send_pieces(data);
    const Index size = piece_size(me);
    add_tree(blocks_, [&](Index source, Index target) {
      kernels::axpy(size, T(1), received_.data() + source * size, received_.data() + target * size, true);
    });
    std::memcpy(data + piece_first(me), received_.data(), bytes(size));
    gather_parts(data, row_size_, [&](int rank) { return piece_first(rank) + piece_size(rank); });
    gather_parts(losses.data(), rows_, [&](int rank) { return last_row(rank); });
    add_block_losses(losses);
  }

  // Leaves in received_ this rank's piece of the sums of all blocks, in their order.
  void send_pieces(const T* data) {
    const int me = ranks_.rank();
    const Index mine = last_block(me) - first_block(me);
    const T* sent = data + first_block(me) * block_ * row_size_;  // of one block the pieces are in their order
    if (mine > 1) sent = pieces_of_blocks(data);
    reserve(received_, blocks_ * piece_size(me));
    send_ends_.clear();
    receive_ends_.clear();
    for (int r = 0; r < ranks_.size(); ++r) {
      send_ends_.push_back(static_cast<Index>(bytes(mine * (piece_first(r) + piece_size(r)))));
      receive_ends_.push_back(static_cast<Index>(bytes(last_block(r) * piece_size(me))));
    }
    ranks_.exchange(std::as_bytes(std::span(sent, static_cast<std::size_t>(mine * row_size_))), send_ends_,
                    std::as_writable_bytes(std::span(received_.data(), static_cast<std::size_t>(received_.size())))
                        .first(static_cast<std::size_t>(receive_ends_.back())),
                    receive_ends_);
  }

  // For each rank its piece of all blocks of this one.
  const T* pieces_of_blocks(const T* data) {
    const int me = ranks_.rank();
    reserve(sent_, (last_block(me) - first_block(me)) * row_size_);
    T* to = sent_.data();
    for (int r = 0; r < ranks_.size(); ++r)
      for (Index b = first_block(me); b < last_block(me); ++b, to += piece_size(r))
        std::memcpy(to, data + b * block_ * row_size_ + piece_first(r), bytes(piece_size(r)));
    return sent_.data();
  }

  // Of `count` values, each rank's part of which ends at end(rank), all.
  template <class Value, class End>
  void gather_parts(Value* values, Index count, const End& end) {
    gather_ends_.clear();
    for (int r = 0; r < ranks_.size(); ++r) gather_ends_.push_back(end(r) * static_cast<Index>(sizeof(Value)));
    ranks_.gather(std::as_writable_bytes(std::span(values, static_cast<std::size_t>(count))), gather_ends_);
  }

  void add_block_losses(std::span<double> losses) const {
    add_tree(blocks_, [&](Index from, Index to) { losses[to * block_] += losses[from * block_]; });
  }

  template <class Element>
  static void reserve(AlignedBuffer<Element>& buffer, Index size) {
    if (buffer.size() < size) buffer = AlignedBuffer<Element>(size);
  }
  static std::size_t bytes(Index elements) { return static_cast<std::size_t>(elements) * sizeof(T); }
  Index piece_first(int rank) const { return std::min(rank * piece_, row_size_); }
  Index piece_size(int rank) const { return std::min(piece_, row_size_ - piece_first(rank)); }

  Ranks& ranks_;
  const Index rows_, row_size_, block_;
  Index blocks_ = 0, piece_ = 0;
  std::vector<Index> block_ends_;  // by rank
  // Memory of the messages, which grows at the first step and never after.
  AlignedBuffer<std::byte> message_;
  AlignedBuffer<T> sent_, received_;
  std::vector<Index> gather_ends_, send_ends_, receive_ends_;
};

}  // namespace eqnn
