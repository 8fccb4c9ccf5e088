/** The registers of a window as JSON: a region of a register file. */
export interface WindowRegisters {
  toJSON(): Readonly<Record<string, object>>;
}

/**
 * The key of a method that only observed windows have. `on(window)` of a register map calls the
 * method, so that a trace can show the names of the registers.
 */
export const NAME_REGISTERS = Symbol('nameRegisters');

/** A window that an observer can observe. */
export interface NameableWindow {
  readonly [NAME_REGISTERS]?: (registers: WindowRegisters) => void;
}
