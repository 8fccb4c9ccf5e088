#ifndef VFIO_TEST_EXPECT_H_
#define VFIO_TEST_EXPECT_H_

#include <cstdio>
#include <initializer_list>
#include <utility>

namespace vfio::test {

inline int failures = 0;

inline void Expect(bool holds, const char* expression, int line) {
  if (holds) return;
  std::printf("  line %d: %s\n", line, expression);
  failures++;
}
#define EXPECT(expression) Expect(expression, #expression, __LINE__)

// Runs the tests and prints one line for each test. Returns the exit code for main().
inline int RunTests(std::initializer_list<std::pair<const char*, void (*)()>> tests) {
  for (const auto& [name, test] : tests) {
    const int before = failures;
    test();
    std::printf("%s %s\n", failures == before ? "ok" : "not ok", name);
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace vfio::test

#endif  // VFIO_TEST_EXPECT_H_
