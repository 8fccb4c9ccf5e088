#include "changes.h"

#include <algorithm>
#include <cstring>

namespace vfio::core {
namespace {

// Words that are compared together. memcmp() uses the widest instructions of the CPU, but each call
// takes as long as the comparison of 100 bytes.
constexpr size_t kChunkWords = 256;
constexpr size_t kLineWords = 32;

// Collects the runs of changed words.
class Runs {
 public:
  Runs(WordRun* runs, size_t capacity) : runs_(runs), capacity_(capacity) {}

  size_t count() const { return count_; }

  // Adds a word after all earlier words. Returns false if the word needs a run and none is left.
  bool Add(size_t position) {
    const auto word = static_cast<uint32_t>(position);
    if (count_ > 0 && runs_[count_ - 1].end == word) {
      runs_[count_ - 1].end++;
      return true;
    }
    if (count_ == capacity_) return false;
    runs_[count_++] = {word, word + 1};
    return true;
  }

 private:
  WordRun* runs_;
  size_t capacity_;
  size_t count_ = 0;
};

bool IsSame(const uint32_t* memory, const uint32_t* seen, size_t words) {
  return std::memcmp(memory, seen, words * sizeof(*memory)) == 0;
}

// Returns false if no run is left.
bool TakeWords(const uint32_t* memory, uint32_t* seen, size_t first, size_t end, Runs* runs) {
  for (size_t word = first; word < end; word++) {
    const uint32_t value = __atomic_load_n(memory + word, __ATOMIC_RELAXED);
    if (value == seen[word]) continue;
    if (!runs->Add(word)) return false;
    seen[word] = value;
  }
  return true;
}

}  // namespace

size_t TakeChanges(const uint32_t* memory, uint32_t* seen, size_t words, WordRun* run_memory,
                   size_t capacity) {
  Runs runs(run_memory, capacity);
  for (size_t chunk = 0; chunk < words; chunk += kChunkWords) {
    const size_t chunk_end = std::min(chunk + kChunkWords, words);
    if (IsSame(memory + chunk, seen + chunk, chunk_end - chunk)) continue;
    for (size_t line = chunk; line < chunk_end; line += kLineWords) {
      const size_t line_end = std::min(line + kLineWords, chunk_end);
      if (IsSame(memory + line, seen + line, line_end - line)) continue;
      if (!TakeWords(memory, seen, line, line_end, &runs)) return runs.count();
    }
  }
  return runs.count();
}

}  // namespace vfio::core
