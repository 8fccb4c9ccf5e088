/** Fields of Identify Controller. */
export interface ControllerIdentity {
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
  readonly namespaces: number;
  /** Largest transfer, in bytes; `Infinity` if the controller sets no limit. */
  readonly maxTransfer: number;
}

/** Fields of Identify Namespace. */
export interface NamespaceIdentity {
  readonly blocks: bigint;
  readonly blockSize: number;
}

function decodeText(data: Uint8Array, start: number, end: number): string {
  return Buffer.from(data.subarray(start, end)).toString('latin1').trim();
}

/** @param data - 4096 bytes of Identify Controller */
export function decodeController(data: Uint8Array, pageSize: number): ControllerIdentity {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const mdts = view.getUint8(77);
  return {
    serial: decodeText(data, 4, 24),
    model: decodeText(data, 24, 64),
    firmware: decodeText(data, 64, 72),
    namespaces: view.getUint32(516, true),
    maxTransfer: mdts === 0 ? Infinity : pageSize * 2 ** mdts,
  };
}

/** @param data - 4096 bytes of Identify Namespace */
export function decodeNamespace(data: Uint8Array): NamespaceIdentity {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const format = view.getUint8(26) & 0xf;
  return {
    blocks: view.getBigUint64(0, true),
    blockSize: 2 ** view.getUint8(128 + 4 * format + 2),
  };
}
