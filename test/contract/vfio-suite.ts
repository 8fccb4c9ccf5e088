// What the VFIO of the kernel, and the mock, do in addition: the list of devices, low power, hot
// resets, ioeventfds, PASIDs, mapped MSI-X tables, physical messages, pinned memory, and the errno of
// each SET_IRQS request.
import './listing.js';
import './mapped-table.js';
import './pinned-memory.js';
import './features.js';
import './messages.js';
import './virtual-irqs.js';
