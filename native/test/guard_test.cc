// The bus-error guard, on files that become shorter than what is mapped of them: an access beyond
// their end is a SIGBUS, as one to a device whose memory is gone.

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

using namespace vfio::core;  // NOLINT: the tests are about nothing else.

constexpr size_t kPage = 4096;
constexpr size_t kPages = 4;

struct Device {
  Device() : file(std::make_shared<const Fd>(memfd_create("device", MFD_ALLOW_SEALING))) {
    Return();
    const int mapped = Window::Map(file, 0, kPages * kPage, true, &window);
    EXPECT(mapped == 0);
  }
  void Leave(size_t remaining = 0) { EXPECT(ftruncate(file->number(), remaining) == 0); }
  void Return() { EXPECT(ftruncate(file->number(), kPages * kPage) == 0); }
  // As compiled code anywhere would.
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

volatile uint32_t& Foreign() {
  static uint8_t* page = [] {
    const Fd file(memfd_create("foreign", 0));
    return static_cast<uint8_t*>(
        mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0));
  }();
  return *reinterpret_cast<volatile uint32_t*>(page);
}

// How a child process ends: the signal that killed it, or 1000 and its exit code.
template <class Body>
int EndOf(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    // A sanitizer has a handler of its own.
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

// These begin without a handler, which is why they are the first.
void FaultsElsewhere() {
  EXPECT(EndOf([] { Foreign() = 1; }) == SIGBUS);
  EXPECT(EndOf([] {
           Device device;
           Foreign() = 1;
         }) == SIGBUS);
  EXPECT(EndOf([] {
           Device device;
           raise(SIGBUS);
         }) == SIGBUS);
  // What was a window is like any other memory.
  EXPECT(EndOf([] {
           Device device;
           void* place = device.window->registers();
           device.Leave();
           device.window.reset();
           mmap(place, kPage, PROT_READ, MAP_SHARED | MAP_FIXED, device.file->number(), 0);
           static_cast<void>(*static_cast<volatile uint8_t*>(place));
         }) == SIGBUS);
}

void HandlersBefore() {
  EXPECT(EndOf([] {
           Handle(0, [](int number, siginfo_t* info, void* context) {
             const bool right = number == SIGBUS && info->si_code == BUS_ADRERR &&
                                info->si_addr == const_cast<uint32_t*>(&Foreign()) &&
                                context != nullptr;
             _exit(right ? 7 : 8);
           });
           Device device;
           Foreign() = 1;
         }) == 1007);
  // One that returns, and is called once.
  EXPECT(EndOf([] {
           Handle(SA_RESETHAND, [](int, siginfo_t*, void*) {
             if (handled++ > 0) _exit(9);
           });
           Device device;
           Foreign() = 1;
         }) == SIGBUS);
  EXPECT(EndOf([] {
           signal(SIGBUS, [](int) { handled = handled + 1; });
           Device device;
           raise(SIGBUS);
           raise(SIGBUS);
           device.Leave();
           device.Read(0);
           EXPECT(handled == 2);
         }) == 1000);
  // What is sent can be ignored, a fault cannot.
  EXPECT(EndOf([] {
           signal(SIGBUS, SIG_IGN);
           Device device;
           raise(SIGBUS);
           _exit(5);
         }) == 1005);
  EXPECT(EndOf([] {
           signal(SIGBUS, SIG_IGN);
           Device device;
           Foreign() = 1;
         }) == SIGBUS);
}

void OnesAndNothing() {
  Device device;
  const volatile uint32_t& lost = *device.window->lost();
  device.At(8) = 5;
  device.Leave();
  EXPECT(lost == 0);
  EXPECT(device.At(8) == 0xFFFFFFFF && lost == 1);
  for (int i = 0; i < 3; i++) {
    device.Write(8, 6);
    EXPECT(device.Read(8) == 0xFFFFFFFF && lost == 1);
  }
  device.Return();
  EXPECT(device.Read(8) == 0 && lost == 0);
  device.Leave();
  // A write is what finds it gone.
  device.At(8) = 7;
  EXPECT(lost == 1);
  EXPECT(device.Read(8) == 0xFFFFFFFF);
  device.Return();
  device.Write(8, 9);
  EXPECT(device.At(8) == 9 && lost == 0);
}

void BlocksOverTheEdge() {
  Device device;
  std::vector<uint8_t> block(kPages * kPage, 0x11);
  device.window->Write(0, block.data(), block.size(), 8);
  device.Leave(kPage);
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
  device.Return();
  EXPECT(device.Read(3 * kPage) == 0);
}

void NoWayBack() {
  Device device;
  device.Leave();
  device.Read(0);
  // No new mapping can be written to from now on.
  EXPECT(fcntl(device.file->number(), F_ADD_SEALS, 0x0010 /* F_SEAL_FUTURE_WRITE */) == 0);
  device.Return();
  device.Write(0, 1);
  EXPECT(device.Read(0) == 0xFFFFFFFF && *device.window->lost() == 1);
  EXPECT(device.Read(kPage) == 0xFFFFFFFF);
}

void EachOneItsOwn() {
  Device one;
  Device two;
  one.Leave();
  EXPECT(one.Read(0) == 0xFFFFFFFF);
  EXPECT(two.Read(0) == 0);
  EXPECT(*one.window->lost() == 1 && *two.window->lost() == 0);
  one.window.reset();
  // It takes the place in the list that has become free.
  Device three;
  EXPECT(*three.window->lost() == 0);
  three.Leave();
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
        device.Leave();
        wrong += device.At(kPage) != 0xFFFFFFFF || *device.window->lost() != 1;
        device.Return();
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
      {"faults elsewhere end the process as before", FaultsElsewhere},
      {"handlers that were there before are called", HandlersBefore},
      {"reads are all-ones, writes vanish, and it comes back", OnesAndNothing},
      {"blocks of which a part is gone", BlocksOverTheEdge},
      {"a device that cannot be mapped again", NoWayBack},
      {"several windows", EachOneItsOwn},
      {"windows of several threads", ManyThreads},
  });
}
