#include <stdio.h>
#include <time.h>

#include "program.h"

static double nanoseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

struct clocks now(void) {
  struct clocks clocks;
  clocks.elapsed = nanoseconds(CLOCK_MONOTONIC);
  clocks.cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
  return clocks;
}

void round_done(struct rounds *rounds, struct clocks start, int operations, double waited) {
  struct clocks end = now();
  struct clocks *each = &rounds->each[rounds->count++];
  each->cpu = (end.cpu - start.cpu - waited) / operations;
  each->elapsed = (end.elapsed - start.elapsed) / operations;
}

void report(const char *path, const struct rounds *rounds) {
  printf("{\"who\":\"C\",\"path\":\"%s\",\"cpu\":[", path);
  for (int i = 0; i < rounds->count; i++) printf("%s%.1f", i ? "," : "", rounds->each[i].cpu);
  printf("],\"elapsed\":[");
  for (int i = 0; i < rounds->count; i++) printf("%s%.1f", i ? "," : "", rounds->each[i].elapsed);
  printf("]}\n");
  fflush(stdout);
}
