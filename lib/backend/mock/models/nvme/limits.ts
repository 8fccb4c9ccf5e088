/** Maximum number of I/O queue pairs. */
export const IO_QUEUES = 64;
/** MSI-X vectors: one for each I/O queue pair, and one for the admin queues. */
export const MSIX_VECTORS = IO_QUEUES + 1;
/** Maximum number of entries of a queue, as a 0's based value. */
export const MAX_QUEUE_ENTRIES = 0x7ff;
/** log2 of the entry sizes in bytes. */
export const SUBMISSION_ENTRY = 6;
export const COMPLETION_ENTRY = 4;
/** log2 of the maximum data length of a command, in memory pages. */
export const MAX_DATA_TRANSFER = 7;
/** Maximum number of outstanding Asynchronous Event Requests, as a 0's based value. */
export const ASYNC_EVENT_LIMIT = 3;
/** Highest valid namespace id. Only namespace 1 is active. */
export const NAMESPACES = 256;
export const ALL_NAMESPACES = 0xffff_ffff;
export const NAMESPACE = 1;
