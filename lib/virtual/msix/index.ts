/** MSI, MSI-X and INTx of virtual devices. */
export type { InterruptFrontEnd } from '../../contract/front-end.js';
export type { BarOwner, ServeBar } from './bar-access.js';
export type { BarPlace, MsixShape } from './capability.js';
export { imsDvsec, type ImsDvsecOptions } from './ims-dvsec.js';
export type { Route } from './delivery.js';
export type { FlowName } from './flows.js';
export type { MsiShape } from './msi-registers.js';
export { VirtualIntx } from './virtual-intx.js';
export { VirtualIrqs, type VirtualIrqsOptions } from './virtual-irqs.js';
export { VirtualMsi, type VirtualMsiOptions } from './virtual-msi.js';
export { VirtualMsix, type VirtualMsixOptions } from './virtual-msix.js';
export { VirtualReq } from './virtual-req.js';
export type {
  AttachOptions,
  VectorState,
  VirtualVectors,
  VirtualVectorsEvents,
} from './virtual-vectors.js';
