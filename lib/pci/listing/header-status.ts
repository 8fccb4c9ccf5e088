/**
 * Flags that are in both status registers of a bridge: the primary and the secondary status
 * register.
 */
export const ABORTS = { '>TAbort': 11, '<TAbort': 12, '<MAbort': 13 };
export const DEVSEL = ['fast', 'medium', 'slow', '??'];
