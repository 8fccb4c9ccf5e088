/** The registers of a window as JSON: a region of a register file. */
export interface WindowRegisters {
  toJSON(): Readonly<Record<string, object>>;
}

/**
 * The key of a method of observed windows. Other windows do not have the method. `on(window)` of a
 * register map calls the method, so that a trace can show the names of the registers.
 */
export const NAME_REGISTERS = Symbol('nameRegisters');

/** A window, which has the method if an observer observes the window. */
export interface NameableWindow {
  readonly [NAME_REGISTERS]?: (registers: WindowRegisters) => void;
}
