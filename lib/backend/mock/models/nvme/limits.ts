/** I/O queue pairs. */
export const IO_QUEUES = 64;
/** One for each queue pair, and one for the admin queues. */
export const MSIX_VECTORS = IO_QUEUES + 1;
/** Entries of a queue, 0's based. */
export const MAX_QUEUE_ENTRIES = 0x7ff;
/** log2 of the sizes of entries. */
export const SUBMISSION_ENTRY = 6;
export const COMPLETION_ENTRY = 4;
/** Most data of a command: 2 to this power pages of the host. */
export const MAX_DATA_TRANSFER = 7;
/** Asynchronous event requests that can be outstanding, 0's based. */
export const ASYNC_EVENT_LIMIT = 3;
/** Highest namespace id that is not invalid; there is a namespace behind 1 only. */
export const NAMESPACES = 256;
export const ALL_NAMESPACES = 0xffff_ffff;
export const NAMESPACE = 1;
