#ifndef VFIO_CORE_CPU_H_
#define VFIO_CORE_CPU_H_

namespace vfio::core {

// Runs the calling thread on that CPU for a moment, and then where it ran before. In user mode a
// CPU takes interrupts: those that had reached it before are handled when this returns.
int VisitCpu(unsigned cpu);

}  // namespace vfio::core

#endif  // VFIO_CORE_CPU_H_
