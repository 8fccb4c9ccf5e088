/** Flags that the status registers of both sides of a bridge share. */
export const ABORTS = { '>TAbort': 11, '<TAbort': 12, '<MAbort': 13 };
export const DEVSEL = ['fast', 'medium', 'slow', '??'];
