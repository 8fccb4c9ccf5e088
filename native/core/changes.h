#ifndef VFIO_CORE_CHANGES_H_
#define VFIO_CORE_CHANGES_H_

#include <cstddef>
#include <cstdint>

namespace vfio::core {

// Aligned words of 4 bytes that follow each other. `end` is exclusive.
struct WordRun {
  uint32_t start;
  uint32_t end;
};

// Finds the words of `memory` that differ from `seen`, and copies the words to `seen`. A device can
// write the memory at the same time. Each changed word is therefore read only once, for its
// comparison and its copy. If more than `capacity` runs of words differ, the function finds the
// first runs, and the next call finds the next runs.
//
// `memory` and `seen` are aligned to 4 bytes. Returns the number of runs.
size_t TakeChanges(const uint32_t* memory, uint32_t* seen, size_t words, WordRun* runs,
                   size_t capacity);

}  // namespace vfio::core

#endif  // VFIO_CORE_CHANGES_H_
