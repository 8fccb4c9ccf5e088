#ifndef VFIO_CORE_CPU_H_
#define VFIO_CORE_CPU_H_

namespace vfio::core {

// Moves the calling thread to the CPU, then restores the thread's affinity. If a thread runs in
// user mode on a CPU, that CPU has handled its pending interrupts.
int VisitCpu(unsigned cpu);

}  // namespace vfio::core

#endif  // VFIO_CORE_CPU_H_
