// Included before every source file of an addon for musl. Debian's libstdc++ is configured for
// glibc. The definitions remove the parts of its headers that need glibc. Debian's musl lacks
// statx().
#pragma once

#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define __GLIBC_PREREQ(major, minor) 0
#define __locale_t locale_t
#include <bits/c++config.h>
#undef _GLIBCXX_USE_PTHREAD_COND_CLOCKWAIT
#undef _GLIBCXX_USE_PTHREAD_MUTEX_CLOCKLOCK
#undef _GLIBCXX_USE_PTHREAD_RWLOCK_CLOCKLOCK

inline int statx(int fd, const char* path, int flags, unsigned mask, struct statx* status) {
  return static_cast<int>(syscall(SYS_statx, fd, path, flags, mask, status));
}
