// Definitions for the prebuilt addons, which must run with glibc 2.28 and with musl. The compiler
// of the prebuilt addons comes with a newer glibc, whose headers and libstdc++ use two newer
// symbols.
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VFIO_LOCAL __attribute__((visibility("hidden")))

extern "C" {

// Since glibc 2.32, std::shared_ptr reads this variable and uses plain instead of atomic operations
// in a process with one thread. The value 0 selects atomic operations.
extern VFIO_LOCAL char __libc_single_threaded;
char __libc_single_threaded = 0;

// glibc exports fstat() since version 2.33. On 64-bit machines, the structure is the kernel's.
VFIO_LOCAL int fstat(int fd, struct stat* status) {
  return static_cast<int>(syscall(SYS_fstat, fd, status));
}

// On arm64, the atomic operations of libgcc call the internal name of getauxval() in glibc.
VFIO_LOCAL unsigned long __getauxval(unsigned long type) { return getauxval(type); }

}  // extern "C"
