#include "envserver/bullet/pooled_memory.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "LinearMath/btAlignedAllocator.h"

namespace armature {
namespace {

constexpr size_t kAlignment = 16;  // Of malloc, and all that Bullet asks for.
constexpr int kSmallest = 6;       // log2 of the smallest size of blocks, with their headers.
constexpr int kNumSizes = 12;      // 64 B to 128 KiB.
constexpr int kKeptMax = 4096;     // Blocks that a thread keeps of each size.

// Before each block that is in use; after it, if the block is free, the next free one.
struct alignas(kAlignment) Header {
  int32_t size_index;  // -1: larger than any list has.
};

struct FreeBlock {
  FreeBlock* next;
};

thread_local bool t_has_ended = false;  // Set when the thread's lists are gone.

struct FreeLists {
  ~FreeLists() {
    t_has_ended = true;
    for (FreeBlock* block : first) {
      while (block != nullptr) {
        FreeBlock* next = block->next;
        std::free(reinterpret_cast<char*>(block) - sizeof(Header));
        block = next;
      }
    }
  }
  FreeBlock* first[kNumSizes] = {};
  int count[kNumSizes] = {};
};

thread_local FreeLists t_lists;

int SizeIndex(size_t bytes) {
  int index = 0;
  while (index < kNumSizes && (size_t{1} << (kSmallest + index)) < bytes) ++index;
  return index < kNumSizes ? index : -1;
}

void* Allocate(size_t bytes, int alignment) {
  if (alignment > static_cast<int>(kAlignment)) std::abort();  // Bullet never asks for it.
  const int index = SizeIndex(bytes + sizeof(Header));
  if (index >= 0 && !t_has_ended) {
    if (FreeBlock* block = t_lists.first[index]) {
      t_lists.first[index] = block->next;
      --t_lists.count[index];
      return block;
    }
  }
  const size_t size = index < 0 ? bytes + sizeof(Header) : size_t{1} << (kSmallest + index);
  auto* header = static_cast<Header*>(std::malloc(size));
  if (header == nullptr) throw std::bad_alloc();
  header->size_index = index;
  return header + 1;
}

void Free(void* memory) {
  if (memory == nullptr) return;
  Header* header = static_cast<Header*>(memory) - 1;
  const int index = header->size_index;
  if (index < 0 || t_has_ended || t_lists.count[index] >= kKeptMax) {
    std::free(header);
    return;
  }
  auto* block = static_cast<FreeBlock*>(memory);
  block->next = t_lists.first[index];
  t_lists.first[index] = block;
  ++t_lists.count[index];
}

}  // namespace

bool UsePooledMemory() {
#if !defined(__SANITIZE_ADDRESS__)  // Which sees errors only in memory of its own.
  static const bool once = [] {
    btAlignedAllocSetCustomAligned(Allocate, Free);
    return true;
  }();
  return once;
#else
  return true;
#endif
}

}  // namespace armature
