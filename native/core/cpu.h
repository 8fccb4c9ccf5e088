#ifndef VFIO_CORE_CPU_H_
#define VFIO_CORE_CPU_H_

namespace vfio::core {

// Moves the calling thread to the CPU, then restores the thread's affinity. A CPU handles its
// pending interrupts before the CPU runs a thread in user mode.
int VisitCpu(unsigned cpu);

}  // namespace vfio::core

#endif  // VFIO_CORE_CPU_H_
