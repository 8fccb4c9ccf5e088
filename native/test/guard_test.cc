// Tests of the bus-error guard with mapped files that are truncated. An access beyond the end of a
// file raises SIGBUS. An access to a device that does not respond also raises SIGBUS.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "../core/window.h"
#include "expect.h"

namespace vfio::test {
namespace {

using namespace vfio::core;  // NOLINT: the tests use no other namespace.

const auto kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));
constexpr size_t kPages = 4;

struct Device {
  Device() : file(std::make_shared<const Fd>(memfd_create("device", MFD_ALLOW_SEALING))) {
    Restore();
    const int mapped = Window::Map(file, 0, kPages * kPage, true, &window);
    EXPECT(mapped == 0);
  }
  void Shrink(size_t remaining = 0) { EXPECT(ftruncate(file->number(), remaining) == 0); }
  void Restore() { EXPECT(ftruncate(file->number(), kPages * kPage) == 0); }
  // Returns a register for direct access. Compiled JavaScript also accesses registers directly.
  volatile uint32_t& At(size_t offset) {
    return *reinterpret_cast<volatile uint32_t*>(window->registers() + offset);
  }
  uint32_t Read(size_t offset) {
    uint32_t value = 0;
    window->Read(offset, reinterpret_cast<uint8_t*>(&value), sizeof(value), sizeof(value));
    return value;
  }
  void Write(size_t offset, uint32_t value) {
    window->Write(offset, reinterpret_cast<uint8_t*>(&value), sizeof(value), sizeof(value));
  }

  std::shared_ptr<const Fd> file;
  std::unique_ptr<Window> window;
};

// Returns a word of a mapped file. No guard covers the word, and an access to the word faults.
volatile uint32_t& Unguarded() {
  static uint8_t* page = [] {
    const Fd file(memfd_create("unguarded", 0));
    return static_cast<uint8_t*>(
        mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0));
  }();
  return *reinterpret_cast<volatile uint32_t*>(page);
}

// Runs `body` in a child process. Returns the signal that ended the child process, or 1000 plus the
// exit code.
template <class Body>
int RunInChild(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    // Removes the SIGBUS handler of a sanitizer.
    signal(SIGBUS, SIG_DFL);
    const rlimit no_core = {};
    setrlimit(RLIMIT_CORE, &no_core);
    body();
    _exit(failures == 0 ? 0 : 1);
  }
  int status = 0;
  EXPECT(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status);
}

void Handle(int flags, void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  sigaction(SIGBUS, &action, nullptr);
}

volatile sig_atomic_t handled = 0;

// This test runs first, because the child processes must start without our handler.
void FaultsOutsideOfWindows() {
  EXPECT(RunInChild([] { Unguarded() = 1; }) == SIGBUS);
  EXPECT(RunInChild([] {
           Device device;
           Unguarded() = 1;
         }) == SIGBUS);
  EXPECT(RunInChild([] {
           Device device;
           raise(SIGBUS);
         }) == SIGBUS);
  // After the window is unmapped, its address is not guarded.
  EXPECT(RunInChild([] {
           Device device;
           void* address = device.window->registers();
           device.Shrink();
           device.window.reset();
           mmap(address, kPage, PROT_READ, MAP_SHARED | MAP_FIXED, device.file->number(), 0);
           static_cast<void>(*static_cast<volatile uint8_t*>(address));
         }) == SIGBUS);
}

void PreviousHandlers() {
  EXPECT(RunInChild([] {
           Handle(0, [](int number, siginfo_t* info, void* context) {
             const bool right = number == SIGBUS && info->si_code == BUS_ADRERR &&
                                info->si_addr == const_cast<uint32_t*>(&Unguarded()) &&
                                context != nullptr;
             _exit(right ? 7 : 8);
           });
           Device device;
           Unguarded() = 1;
         }) == 1007);
  // With SA_RESETHAND, the first fault calls the previous handler. The second fault ends the
  // process.
  EXPECT(RunInChild([] {
           Handle(SA_RESETHAND, [](int, siginfo_t*, void*) {
             if (handled++ > 0) _exit(9);
           });
           Device device;
           Unguarded() = 1;
         }) == SIGBUS);
  EXPECT(RunInChild([] {
           signal(SIGBUS, [](int) { handled = handled + 1; });
           Device device;
           raise(SIGBUS);
           raise(SIGBUS);
           device.Shrink();
           device.Read(0);
           EXPECT(handled == 2);
         }) == 1000);
  // With SIG_IGN, a SIGBUS that a process sends is ignored, but a fault is not ignored.
  EXPECT(RunInChild([] {
           signal(SIGBUS, SIG_IGN);
           Device device;
           raise(SIGBUS);
           _exit(5);
         }) == 1005);
  EXPECT(RunInChild([] {
           signal(SIGBUS, SIG_IGN);
           Device device;
           Unguarded() = 1;
         }) == SIGBUS);
}

void LostAndRestored() {
  Device device;
  const volatile uint32_t& lost = *device.window->lost();
  device.At(8) = 5;
  device.Shrink();
  EXPECT(lost == 0);
  EXPECT(device.At(8) == 0xFFFFFFFF && lost == 1);
  for (int i = 0; i < 3; i++) {
    device.Write(8, 6);
    EXPECT(device.Read(8) == 0xFFFFFFFF && lost == 1);
  }
  device.Restore();
  EXPECT(device.Read(8) == 0 && lost == 0);
  device.Shrink();
  // A write also sets `lost`.
  device.At(8) = 7;
  EXPECT(lost == 1);
  EXPECT(device.Read(8) == 0xFFFFFFFF);
  device.Restore();
  device.Write(8, 9);
  EXPECT(device.At(8) == 9 && lost == 0);
}

void BlocksOverTheEdge() {
  Device device;
  std::vector<uint8_t> block(kPages * kPage, 0x11);
  device.window->Write(0, block.data(), block.size(), 8);
  device.Shrink(kPage);
  device.window->Read(0, block.data(), block.size(), 4);
  EXPECT(*device.window->lost() == 1);
  bool right = true;
  for (size_t i = 0; i < block.size(); i++) right &= block[i] == (i < kPage ? 0x11 : 0xFF);
  EXPECT(right);
  std::memset(block.data(), 0x22, block.size());
  device.window->Write(0, block.data(), block.size(), 1);
  EXPECT(device.Read(0) == 0x22222222);
  EXPECT(*device.window->lost() == 0);
  EXPECT(device.Read(3 * kPage) == 0xFFFFFFFF);
  device.Restore();
  EXPECT(device.Read(3 * kPage) == 0);
}

void MappingAgainFails() {
  Device device;
  device.Shrink();
  device.Read(0);
  // After this call, a new writable mapping fails.
  EXPECT(fcntl(device.file->number(), F_ADD_SEALS, 0x0010 /* F_SEAL_FUTURE_WRITE */) == 0);
  device.Restore();
  device.Write(0, 1);
  EXPECT(device.Read(0) == 0xFFFFFFFF && *device.window->lost() == 1);
  EXPECT(device.Read(kPage) == 0xFFFFFFFF);
}

void IndependentWindows() {
  Device one;
  Device two;
  one.Shrink();
  EXPECT(one.Read(0) == 0xFFFFFFFF);
  EXPECT(two.Read(0) == 0);
  EXPECT(*one.window->lost() == 1 && *two.window->lost() == 0);
  one.window.reset();
  // The new guard reuses the range of the freed window.
  Device three;
  EXPECT(*three.window->lost() == 0);
  three.Shrink();
  EXPECT(three.Read(0) == 0xFFFFFFFF && *two.window->lost() == 0);
}

void ManyThreads() {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&wrong] {
      for (int round = 0; round < 200; round++) {
        Device device;
        device.Write(kPage, round);
        wrong += device.At(kPage) != static_cast<uint32_t>(round);
        device.Shrink();
        wrong += device.At(kPage) != 0xFFFFFFFF || *device.window->lost() != 1;
        device.Restore();
        wrong += device.Read(kPage) != 0 || *device.window->lost() != 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT(wrong == 0);
}

}  // namespace
}  // namespace vfio::test

int main() {
  using namespace vfio::test;  // NOLINT
  return RunTests({
      {"a fault outside of a window ends the process", FaultsOutsideOfWindows},
      {"a fault outside of a window calls the previous handler", PreviousHandlers},
      {"a lost device reads all ones, ignores writes, and works once restored", LostAndRestored},
      {"a block that is partly lost reads all ones there", BlocksOverTheEdge},
      {"a device that cannot be mapped again stays lost", MappingAgainFails},
      {"a lost window does not affect another one", IndependentWindows},
      {"windows of several threads fault independently", ManyThreads},
  });
}
