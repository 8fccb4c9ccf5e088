/**
 * The messages of the IOMMU drivers of Intel and AMD. The message of an Intel IOMMU contains the
 * reason.
 */
const INTEL =
  /DMAR: \[DMA (Read|Write)[^\]]*\] Request device \[([0-9a-f:.]+)\].* fault addr (?:0x)?([0-9a-f]+) \[fault reason \w+\] (.*)/;
const AMD_DEVICE =
  /AMD-Vi: Event logged \[IO_PAGE_FAULT device=([0-9a-f:.]+) .*address=(?:0x)?([0-9a-f]+) flags=(?:0x)?([0-9a-f]+)/;
const AMD_DRIVER =
  /([0-9a-f:.]+): AMD-Vi: Event logged \[IO_PAGE_FAULT .*address=(?:0x)?([0-9a-f]+) flags=(?:0x)?([0-9a-f]+)/;
/** The bit RW of an event of an AMD IOMMU: the device wrote. */
const AMD_WRITE = 0x20;

/**
 * The driver of an SMMUv3 logs an event as a line with its number and a line for each word. The log
 * shows a tab as \x09.
 */
const SMMU = /arm-smmu-v3 (\S+): (?:event 0x[0-9a-f]+ received:|(?:\\x09|\t)(0x[0-9a-f]{16}))/;
const SMMU_WORDS = 4;
/** The bit RnW of the second word. */
const SMMU_READ = 1n << 35n;
/** The faults of a transfer, by the number of the event (SMMUv3 specification, section 7.3). */
const SMMU_FAULTS: Readonly<Record<number, string>> = {
  0x10: 'translation fault of the SMMU',
  0x11: 'address size fault of the SMMU',
  0x12: 'access fault of the SMMU',
  0x13: 'permission fault of the SMMU',
};

/** A refused transfer. The name of the device can lack the domain. */
interface Fault {
  readonly device: string;
  readonly text: string;
}

/** Finds faults in the messages of the kernel. */
export class FaultMessages {
  /** For each SMMU, the words of its event that have arrived. */
  readonly #events = new Map<string, bigint[]>();

  /** Takes the next message. @returns the fault that the message reports or completes, or null */
  add(message: string): Fault | null {
    const [, smmu, word] = SMMU.exec(message) ?? [];
    if (smmu === undefined) return parseIntel(message) ?? parseAmd(message);
    if (word === undefined) {
      this.#events.set(smmu, []);
      return null;
    }
    const words = this.#events.get(smmu);
    words?.push(BigInt(word));
    if (words?.length !== SMMU_WORDS) return null;
    this.#events.delete(smmu);
    return smmuFault(words);
  }
}

function parseIntel(message: string): Fault | null {
  const [, kind, device, address = '', reason = ''] = INTEL.exec(message) ?? [];
  if (device === undefined) return null;
  return { device, text: describe(kind === 'Write', BigInt(`0x${address}`), reason) };
}

function parseAmd(message: string): Fault | null {
  const [, amd, at = '', flags = ''] = AMD_DEVICE.exec(message) ?? AMD_DRIVER.exec(message) ?? [];
  if (amd === undefined) return null;
  const isWrite = (Number.parseInt(flags, 16) & AMD_WRITE) !== 0;
  return { device: amd, text: describe(isWrite, BigInt(`0x${at}`), 'page fault of the IOMMU') };
}

/**
 * Decodes an event of an SMMUv3. Usually, the stream id of a PCI function is its bus, device and
 * function. The firmware of some machines adds an offset, and the fault then matches no device.
 */
function smmuFault([type = 0n, flags = 0n, address = 0n]: readonly bigint[]): Fault | null {
  const reason = SMMU_FAULTS[Number(type & 0xffn)];
  if (reason === undefined) return null;
  const stream = Number((type >> 32n) & 0xffffn);
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  const device = `${hex(stream >> 8)}:${hex((stream >> 3) & 0x1f)}.${stream & 7}`;
  const isWrite = (flags & SMMU_READ) === 0n;
  return { device, text: describe(isWrite, address, reason) };
}

function describe(isWrite: boolean, address: bigint, reason: string): string {
  return `${isWrite ? 'write to' : 'read of'} 0x${address.toString(16)}: ${reason.trim()}`;
}
