import type { Command } from './command.js';
import { TEMPERATURE_WARNING } from './identify.js';
import { ALL_NAMESPACES, IO_QUEUES, MSIX_VECTORS, NAMESPACE, NAMESPACES } from './limits.js';
import { refuse, Status } from './status.js';

const TEMPERATURE_THRESHOLD = 0x04;
const ERROR_RECOVERY = 0x05;
const NUMBER_OF_QUEUES = 0x07;
const INTERRUPT_VECTOR = 0x09;

/** Values of the Select field of Get Features, and bits of the returned capabilities. */
const CURRENT = 0;
const CAPABILITIES = 3;
const CHANGEABLE = 0x4;
const NAMESPACE_SPECIFIC = 0x2;
/** Field of dword 11 that selects a temperature sensor and a type of threshold. */
const SENSOR = 0x3f_0000;
const COALESCING_DISABLED = 0x10000;
const QUEUES = (IO_QUEUES - 1) * 0x10001;

interface Feature {
  readonly initial: number;
  readonly capabilities: number;
}

/** Features by identifier (base specification 1.4, figure 271). No feature can be saved. */
const FEATURES = new Map<number, Feature>([
  // Arbitration: the burst size is not limited.
  [0x01, { initial: 7, capabilities: 0 }],
  // Power management: one power state.
  [0x02, { initial: 0, capabilities: 0 }],
  [TEMPERATURE_THRESHOLD, { initial: TEMPERATURE_WARNING, capabilities: CHANGEABLE }],
  [ERROR_RECOVERY, { initial: 0, capabilities: CHANGEABLE | NAMESPACE_SPECIFIC }],
  // Volatile write cache.
  [0x06, { initial: 1, capabilities: CHANGEABLE }],
  [NUMBER_OF_QUEUES, { initial: QUEUES, capabilities: CHANGEABLE }],
  // Interrupt coalescing: none.
  [0x08, { initial: 0, capabilities: 0 }],
  [INTERRUPT_VECTOR, { initial: 0, capabilities: 0 }],
  // Write atomicity.
  [0x0a, { initial: 0, capabilities: 0 }],
  // Asynchronous event configuration.
  [0x0b, { initial: 0, capabilities: CHANGEABLE }],
]);

/** Get Features and Set Features. */
export class Features {
  readonly #values = new Map<number, number>();

  /** Returns the value of a feature. */
  get(command: Command): number {
    const id = command.dword(10) & 0xff;
    const select = (command.dword(10) >>> 8) & 7;
    const { initial, capabilities } = find(id);
    const { namespace } = command;
    if ((capabilities & NAMESPACE_SPECIFIC) !== 0) checkNamespace(namespace);
    if (select === CAPABILITIES) return capabilities;
    const value = select === CURRENT ? (this.#values.get(id) ?? initial) : initial;
    if (id === TEMPERATURE_THRESHOLD) {
      // The only threshold of the controller is the over temperature threshold of the composite
      // temperature.
      return (command.dword(11) & SENSOR) === 0 ? value : 0;
    }
    if (id === INTERRUPT_VECTOR) {
      const vector = command.low(11);
      if (vector >= MSIX_VECTORS) refuse(Status.INVALID_FIELD);
      return vector === 0 ? COALESCING_DISABLED : vector;
    }
    return value;
  }

  /** Sets a feature. @param queuesExist - whether the driver has created I/O queues */
  set(command: Command, queuesExist: boolean): number {
    const id = command.dword(10) & 0xff;
    const value = command.dword(11);
    const { namespace } = command;
    if (command.dword(10) >>> 31 !== 0) refuse(Status.FEATURE_NOT_SAVEABLE);
    const { capabilities } = find(id);
    if ((capabilities & NAMESPACE_SPECIFIC) !== 0) {
      if (namespace !== ALL_NAMESPACES) checkNamespace(namespace);
    } else if (namespace !== 0 && namespace !== ALL_NAMESPACES) {
      if (namespace > NAMESPACES) refuse(Status.INVALID_NAMESPACE);
      refuse(Status.FEATURE_NOT_NAMESPACE_SPECIFIC);
    }
    if ((capabilities & CHANGEABLE) === 0) refuse(Status.FEATURE_NOT_CHANGEABLE);
    if (id === NUMBER_OF_QUEUES) {
      if (queuesExist) refuse(Status.COMMAND_SEQUENCE_ERROR);
      if (command.low(11) === 0xffff || command.high(11) === 0xffff) refuse(Status.INVALID_FIELD);
      return QUEUES;
    }
    if (id === TEMPERATURE_THRESHOLD) {
      if ((value & SENSOR) === 0) this.#values.set(id, value & 0xffff);
    } else if (id === ERROR_RECOVERY) {
      // The upper half of the value is dropped. The bit DULBE in the upper half enables errors for
      // deallocated blocks, which the namespace does not support.
      this.#values.set(id, value & 0xffff);
    } else {
      this.#values.set(id, value);
    }
    return 0;
  }
}

function find(id: number): Feature {
  return FEATURES.get(id) ?? refuse(Status.INVALID_FIELD);
}

function checkNamespace(namespace: number): void {
  if (namespace === 0 || namespace > NAMESPACES) refuse(Status.INVALID_NAMESPACE);
  if (namespace !== NAMESPACE) refuse(Status.INVALID_FIELD);
}
