/** MSI-X of virtual devices. */
export type { BarPlace, MsixShape } from './capability.js';
export { imsDvsec, type ImsDvsecOptions } from './ims-dvsec.js';
export type { Route } from './delivery.js';
export type { FlowName } from './flows.js';
export { VirtualIrqs } from './virtual-irqs.js';
export {
  type AttachOptions,
  type VectorState,
  VirtualMsix,
  type VirtualMsixEvents,
  type VirtualMsixOptions,
} from './virtual-msix.js';
